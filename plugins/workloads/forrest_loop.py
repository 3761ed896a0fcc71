"""Fork, let the parent exit, and do it again: a program of one process whose rmap grows for ever.

There is never more than one process, but each generation inherits its parent's chain and adds an
anon_vma to it, and an anon_vma lives as long as pages may still name it. Before 3.19, generation n
had n + 1 links and n + 1 anon_vmas, until memory was full of them. Since then a child takes over an
anon_vma of its chain that nobody alive uses, and the loop stays at three.

Source: Daniel Forrest on linux-mm, 16 August 2012 (a daemon that forks and exits); Konstantin
Khlebnikov's commit 7a3ef208e662 (3.19).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import WRITE, ConfigError, Param, Workload, hookimpl

HEAP = 0x10000


class ForrestLoop(Workload):
    name = "forrest_loop"
    summary = "fork, the parent exits, for ever"
    source = "Daniel Forrest (linux-mm, 16 August 2012); commit 7a3ef208e662 (3.19)"
    family = "fork"
    params = {
        "generations": Param(int, 200, low=1, high=10_000_000, unit="forks", text="Forks."),
        "pages": Param(int, 300, low=1, high=1 << 24, unit="pages", text="Heap of the first."),
        "writes": Param(
            int,
            10,
            low=0,
            high=1 << 24,
            unit="pages",
            text="Pages that a child copies before its parent exits.",
        ),
        "reads": Param(
            int, 100, low=0, high=1 << 24, unit="pages", text="Pages that it reads afterwards."
        ),
    }

    def build(self, trace, seed, generations, pages, writes, reads):
        if writes > pages:
            raise ConfigError(f"each child writes {writes} pages of a heap of {pages}")
        random = np.random.default_rng(seed)
        alive = trace.space("g0")
        trace.mmap(alive, HEAP, pages)
        trace.write(alive, HEAP, pages)
        trace.mark("built")

        for generation in range(1, generations + 1):
            child = trace.fork(alive, f"g{generation}")
            if writes:
                trace.touch(child, HEAP + random.choice(pages, writes, replace=False), WRITE)
            trace.exit(alive)
            if reads:
                trace.touch(child, HEAP + random.integers(0, pages, reads))
            alive = child
            if generation == (generations + 1) // 2:
                trace.mark("half")
        trace.mark("looped")


@hookimpl
def reclaim_register_workloads(register):
    register(ForrestLoop)
