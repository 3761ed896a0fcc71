"""Each process forks the next, and all stay alive: where chains of anon_vmas are longest.

Process k inherits pages from k ancestors. With anon_vma chains its one VMA hangs on k + 1
anon_vmas, so a family of depth d has (d + 1)(d + 2) / 2 links, made at fork and undone at exit; the
list and the pte_chain pay linearly. When the patch was discussed, the answer was that real programs
call exec, which ends a chain, and that chains are nearly always 0 to 2 deep.

Source: Rik van Riel answering KOSAKI Motohiro on linux-kernel about the patch that became commit
5beb49305251 (March 2010, 2.6.34); anon_vma_clone in mm/rmap.c, 2.6.39.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import WRITE, ConfigError, Param, Workload, hookimpl

HEAP = 0x10000


class ForkChain(Workload):
    name = "fork_chain"
    summary = "each process forks the next, all alive, each copies a few pages"
    source = "van Riel to KOSAKI on anon_vma chains (commit 5beb49305251); mm/rmap.c 2.6.39"
    family = "fork"
    params = {
        "depth": Param(int, 60, low=1, high=100_000, unit="forks", text="Forks, one by one."),
        "pages": Param(int, 200, low=1, high=1 << 24, unit="pages", text="Heap of the first."),
        "writes": Param(
            int, 20, low=0, high=1 << 24, unit="pages", text="Pages that each child copies."
        ),
        "rounds": Param(int, 1, low=1, high=1000, text="Times that everybody then reads it all."),
    }

    def build(self, trace, seed, depth, pages, writes, rounds):
        if writes > pages:
            raise ConfigError(f"each child writes {writes} pages of a heap of {pages}")
        random = np.random.default_rng(seed)
        last = trace.space("p0")
        trace.mmap(last, HEAP, pages)
        trace.write(last, HEAP, pages)
        trace.mark("built")

        family = [last]
        for k in range(1, depth + 1):
            last = trace.fork(last, f"p{k}")
            if writes:
                trace.touch(last, HEAP + random.choice(pages, writes, replace=False), WRITE)
            family.append(last)
        trace.mark("forked")

        for _ in range(rounds):
            for space in family:
                trace.read(space, HEAP, pages)
        trace.mark("read")


@hookimpl
def reclaim_register_workloads(register):
    register(ForkChain)
