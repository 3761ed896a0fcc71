"""Every process forks in each round: many processes, none of them deep.

After n rounds there are 2^n processes, of depth n at most and n / 2 on average, and all of them
hang on one root. A fork-heavy load whose pages have few mappers each was what made the cost of
fork under pte_chains visible; what it shows of anon_vmas is the family: a list that holds all of
them, a root whose one lock serialises their forks, exits and reclaim, and trees in which a page of
an early ancestor is looked for among all its descendants.

Source: Andrew Morton on linux-kernel, 5 August 2002 (fork-heavy test, mean chain length about 2);
commits 012f18004da3 (one lock for a family) and 4fc3f1d66b1e (a rwsem instead of a mutex, 3.8).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import WRITE, ConfigError, Param, Workload, hookimpl

HEAP = 0x10000


class Doubling(Workload):
    name = "doubling"
    summary = "every process forks in each round; each child copies a few pages"
    source = "Morton, rmap speedups (August 2002); commits 012f18004da3 and 4fc3f1d66b1e"
    family = "fork"
    params = {
        "rounds": Param(int, 7, low=1, high=20, text="Rounds; 2 to that power processes."),
        "pages": Param(int, 100, low=1, high=1 << 24, unit="pages", text="Heap of the first."),
        "writes": Param(
            int, 20, low=0, high=1 << 24, unit="pages", text="Pages that each child copies."
        ),
    }

    def build(self, trace, seed, rounds, pages, writes):
        if writes > pages:
            raise ConfigError(f"each child writes {writes} pages of a heap of {pages}")
        random = np.random.default_rng(seed)
        first = trace.space("p0")
        trace.mmap(first, HEAP, pages)
        trace.write(first, HEAP, pages)
        trace.mark("built")

        family = [first]
        for number in range(1, rounds + 1):
            for parent in list(family):
                child = trace.fork(parent)
                if writes:
                    trace.touch(child, HEAP + random.choice(pages, writes, replace=False), WRITE)
                family.append(child)
            trace.mark(f"round-{number}")

        for space in random.permutation(family).tolist():
            trace.read(space, HEAP, pages)
        trace.mark("read")


@hookimpl
def reclaim_register_workloads(register):
    register(Doubling)
