"""Ranges that move and move again, one of them shared with a forked child.

For pte_chains a moved page is one link removed and one added. anon_vmas find a moved page by its
index, which moves along with the VMA, so nothing is done to pages at all. anonmm names a page by
its address, and a page that two processes share cannot be at two addresses: it must be copied early
when one of them moves it. That was the weak spot of a scheme that was otherwise smaller.

Source: Hugh Dickins on linux-kernel, April and May 2004: rmap 10 (anonmm), rmap 11 (mremap moves),
and rmap 39, which replaced anonmm by anon_vma.
"""

from __future__ import annotations

from reclaim.api import Param, Workload, hookimpl

SHARED, OWN = 0x10000, 0x40000000
NEAR, FAR = 0, 1 << 24
"""Two places for each range; it moves back and forth."""


class MremapStorm(Workload):
    name = "mremap_storm"
    summary = "a forked and an exclusive range move back and forth, and are read after each move"
    source = "Hugh Dickins, anonmm and mremap moves (linux-kernel, April and May 2004)"
    family = "mmap"
    params = {
        "pages": Param(int, 400, low=1, high=1 << 23, unit="pages", text="Size of each range."),
        "moves": Param(int, 40, low=1, high=1_000_000, text="Moves of each range."),
        "children": Param(
            int, 2, low=0, high=1_000_000, unit="processes", text="Sharers of the first range."
        ),
    }

    def build(self, trace, seed, pages, moves, children):
        mover = trace.space("mover")
        trace.mmap(mover, SHARED, pages)
        trace.write(mover, SHARED, pages)
        family = [trace.fork(mover, f"child-{i}") for i in range(children)]
        trace.mark("forked")

        # Mapped after the fork: nobody else has it.
        trace.mmap(mover, OWN, pages)
        trace.write(mover, OWN, pages)
        trace.mark("built")

        old, new = NEAR, FAR
        for _ in range(moves):
            for start in (SHARED, OWN):
                trace.mremap(mover, start + old, pages, start + new)
                trace.read(mover, start + new, pages)
            for child in family:
                trace.read(child, SHARED, pages)
            old, new = new, old
        trace.mark("moved")


@hookimpl
def reclaim_register_workloads(register):
    register(MremapStorm)
