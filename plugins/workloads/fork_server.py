"""Pre-forked workers that share a heap, read most of it and write some: pages that stay shared.

The other end of `aim7`. A page that nobody has copied is mapped by all workers, so no scheme can
unmap it in fewer visits than there are workers; what differs is the price of getting there, and
what is paid for the pages in between, which some have copied. A chain of anon_vmas visits every
worker for a page of the parent, even for one that a single late worker still maps; the promise was
only that such pages are few. Fork, exit and reclaim all take the one lock of the family's root.

Source: commit 5beb49305251 (2.6.34), on pages of the parent; Minchan Kim's commit 6d4675e60135
(5.19) and Barry Song on linux-mm, September 2025, on waiting for the root's lock.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import READ, WRITE, Param, Workload, hookimpl

HEAP = 0x10000


class ForkServer(Workload):
    name = "fork_server"
    summary = "pre-forked workers share a heap, read most of it, and write some"
    source = "commit 5beb49305251 (2.6.34); commit 6d4675e60135 (5.19); Song (September 2025)"
    family = "fork"
    params = {
        "workers": Param(int, 32, low=1, high=1_000_000, unit="processes", text="Forked once."),
        "pages": Param(int, 2000, low=1, high=1 << 24, unit="pages", text="Heap of the server."),
        "requests": Param(int, 400, low=1, high=1 << 30, text="Handled, each by some worker."),
        "reads": Param(int, 50, low=1, high=1 << 20, text="Reads in a request."),
        "writes": Param(int, 3, low=0, high=1 << 20, text="Writes in a request, behind its reads."),
    }

    def build(self, trace, seed, workers, pages, requests, reads, writes):
        random = np.random.default_rng(seed)
        server = trace.space("server")
        trace.mmap(server, HEAP, pages)
        trace.write(server, HEAP, pages)
        trace.mark("built")

        pool = np.array([trace.fork(server, f"worker-{i}") for i in range(workers)])
        trace.mark("forked")

        for number in range(requests):
            worker = random.choice(pool)
            # Some pages are hot: the square of a uniform number is small more often.
            trace.touch(worker, HEAP + (pages * random.random(reads) ** 2).astype(np.int64), READ)
            if writes:
                trace.touch(worker, HEAP + random.integers(0, pages, writes), WRITE)
            if number == requests // 2:
                trace.mark("half")
        trace.mark("served")


@hookimpl
def reclaim_register_workloads(register):
    register(ForkServer)
