"""One mapping cut into a thousand by mprotect: many VMAs, all with the same anon_vma.

A garbage collector or a debugging allocator that changes the protection of every other piece of its
heap leaves as many VMAs as pieces. All of them share the anon_vma of the VMA they were cut from. A
list looks through them all for each page, an interval tree goes straight to the one that covers its
index; but each cut costs a link for every anon_vma of the chain, which `depth` forks make longer.

Source: Andrea Arcangeli's anon_vma (RFC, 11 March 2004) and its list, as walked in mm/rmap.c of
2.6.9 to 2.6.39; Michel Lespinasse's interval trees, commit bf181b9f9d8 (3.7).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import Param, Workload, hookimpl

HEAP = 0x10000


class ManyVmas(Workload):
    name = "many_vmas"
    summary = "one big VMA, cut into pieces by mprotect, then touched all over"
    source = "mm/rmap.c 2.6.9 to 2.6.39 (lists); commit bf181b9f9d8 (interval trees, 3.7)"
    family = "mmap"
    params = {
        "pieces": Param(int, 500, low=2, high=1_000_000, unit="VMAs", text="Pieces, all adjacent."),
        "pages": Param(int, 8, low=1, high=1 << 20, unit="pages", text="Size of a piece."),
        "depth": Param(
            int, 0, low=0, high=1000, unit="forks", text="Forks, one by one, before the cuts."
        ),
        "touches": Param(
            float, 2.0, low=0, high=1000, text="Reads at random, as a multiple of all pages."
        ),
    }

    def build(self, trace, seed, pieces, pages, depth, touches):
        random = np.random.default_rng(seed)
        total = pieces * pages
        last = trace.space("p0")
        trace.mmap(last, HEAP, total)
        trace.write(last, HEAP, total)
        for k in range(1, depth + 1):
            last = trace.fork(last, f"p{k}")
            # A page of its own, or it would inherit without adding to the chain.
            trace.write(last, HEAP)
        trace.mark("built")

        for piece in range(1, pieces, 2):
            trace.mprotect(last, HEAP + piece * pages, pages, "r--")
        trace.mark("cut")

        trace.read(last, HEAP, total)
        trace.touch(last, HEAP + random.integers(0, total, round(touches * total)))
        trace.mark("touched")


@hookimpl
def reclaim_register_workloads(register):
    register(ManyVmas)
