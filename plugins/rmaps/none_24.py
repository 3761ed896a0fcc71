"""none_24: no link from a frame to its PTEs at all (Linux up to 2.4).

::

    frame   ?    PTE, PTE, PTE             nobody knows; who wants a frame back walks all of these:

    swap_mm --> mm --> mm --> mm --+       a ring of address spaces, one word each,
                ^__________________|       and an address to resume at

The frame has a use count, and that is all: a reclaimer learns that nothing maps it any more, never
who does. So page tables are scanned instead, on a schedule of their own, and each PTE that looks
unused is taken away by itself (`swap_out` in mm/vmscan.c; here the policy's business: linux_24).
A page that N processes map takes N visits. Meanwhile it is in the swap cache, partly mapped, and
any of those visited may map it again.

Pages of files can be found, by way of the VMAs that map the file (`i_mmap`): `vmtruncate` needs
them, so every kernel has these lists and pays for them. Reclaim in 2.4 never looks at them, and
here nobody does but truncation. They are kept as an interval tree, where 2.4 had two lists.

Who pays when: fork, exec, exit, mmap, mremap, split, merge, fault and copy-on-write nothing, in
time or memory; reclaim pays for everything that is mapped, in virtual size, however often.
Worst case: one page mapped by N processes, any of which touches it before the tour is round.

Cost: link, unlink, fork, exit 0; a pass over memory O(sum of rss).

Source: Linux 2.4.16, mm/vmscan.c (swap_out), mm/memory.c (vmtruncate), include/linux/mm.h.
"""

from __future__ import annotations

from reclaim.api import (
    FilesInTrees,
    RmapStrategy,
    file_tree_walk,
    hookimpl,
    is_anon,
    mapcount,
    page_of,
    wrong_file_trees,
)


class None24(FilesInTrees, RmapStrategy):
    """No state but the trees that files have for truncation."""

    name = "none_24"
    driven_by = "linux_24"
    summary = "keeps nothing, so that pages must be unmapped PTE by PTE, as they are met"
    source = "Linux 2.4.16, mm/vmscan.c"
    exact = False

    def finds(self, m, pfn):
        return False

    def walk(self, m, pfn, visitor):
        # Truncation alone comes here.
        if not is_anon(m, page_of(m, pfn)):
            file_tree_walk(m, pfn, visitor, mapcount(m, pfn))

    def fixed_bytes(self, layout):
        # The resume address of swap_out.
        return {"mm": 4 if layout == "32-bit" else 8}

    def check(self, m):
        return "; ".join(wrong_file_trees(m))


@hookimpl
def reclaim_register_rmaps(register):
    register(None24)
