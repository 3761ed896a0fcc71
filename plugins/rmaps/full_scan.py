"""No reverse map at all: to find who maps a frame, read every page table.

::

    frame ?--->  leaf 1  [ . . . . X . . . ]   every slot of every leaf of every process,
                 leaf 2  [ . . . . . . . . ]   until as many PTEs were found
                 leaf 3  [ . X . . . . . . ]   as the frame has mappings

Nothing is kept, so fork, exec, exit, mmap and every fault are free, and no byte is spent. The walk
pays for all of it: its cost is the size of *all* page tables, whoever owns them. Linux up to 2.4
lived without a reverse map, but never did this: it scanned virtual memory on its own schedule and
let pages go as it met them (mm/vmscan.c, 2.4.16, swap_out); that scheme is another strategy. This
one answers the same question as the others, so it is their oracle, and the measure of what they
save.

Who pays when: nobody but reclaim; O(leaves x 512) a walk, stopped early by mapcount.
"""

from __future__ import annotations

from reclaim.api import (
    LEAF_PTES,
    LEAF_TOP,
    LEAF_WORDS,
    NIL,
    PTES_PROBED,
    STOP,
    RmapStrategy,
    U,
    count,
    hookimpl,
    kernel,
    mapcount,
    maps,
)

PRESENT_AND_VALUE = ~0xFF | 1
"""The bits of a PTE that say which frame it maps, if any."""


@kernel
def holds(m, leaf, key):
    """Tell whether any slot of a leaf maps the frame; branch-free, so that it runs as vectors."""
    hits = 0
    base = leaf * LEAF_PTES
    for slot in range(LEAF_PTES):
        hits += (m.pte[U(base + slot)] & PRESENT_AND_VALUE) == key
    return hits > 0


class FullScan(RmapStrategy):
    """No state."""

    name = "full_scan"
    summary = "keeps nothing and reads every page table"
    source = "the question answered by brute force; compare Linux 2.4.16 mm/vmscan.c"
    growth = {
        "fork": (0, 0),
        "exit": (0, 0),
        "walk_own": (1, 1),
        "walk_shared": (1, 1),
        "objects": (0, 0),
    }

    def walk_lines(self, work):
        return work.get("ptes_probed", 0) / 8

    def walk(self, m, pfn, visitor):
        left = mapcount(m, pfn)
        for leaf in range(1, m.live[U(LEAF_TOP)]):
            if m.leaf[U(leaf * LEAF_WORDS)] == NIL:
                continue
            if not holds(m, leaf, pfn << 8 | 1):
                count(m, PTES_PROBED, LEAF_PTES)
                continue
            for slot in range(LEAF_PTES):
                pte = leaf * LEAF_PTES + slot
                if maps(m, pte, pfn):
                    left -= 1
                    if visitor.visit(m, pte) == STOP or left == 0:
                        return


@hookimpl
def reclaim_register_rmaps(register):
    register(FullScan)
