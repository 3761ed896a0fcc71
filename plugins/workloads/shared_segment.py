"""Many processes map one large shared segment and touch all of it: the database.

Every page is mapped by every process, so pte_chains need a pointer for each pair: 5,000 processes
with a segment of 2 GB would have taken about 10 GB of chains, and on 32-bit machines chains had to
lie in the lowest gigabyte. A decision-support run on 4 GB was measured at 22.8 million mappings in
3.4 million chain nodes, 118 MB of slab. Object-based schemes keep a link for each VMA, and pay with
a visit of every process for each page they reclaim, which is as many as there are mappings.

Source: Peter Wong on linux-kernel, 17 September and 25 October 2002 (100 GB decision support);
Martin Bligh, April 2003 (5,000 tasks with 2 GB of shared memory).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import READ, WRITE, Param, Workload, hookimpl

SEGMENT = 0x40000000


class SharedSegment(Workload):
    name = "shared_segment"
    summary = "many processes map one large shared segment and touch all of it"
    source = "Peter Wong (September and October 2002); Martin Bligh (April 2003), linux-kernel"
    family = "file"
    params = {
        "processes": Param(int, 50, low=1, high=1_000_000, unit="processes", text="Attached."),
        "pages": Param(int, 1500, low=1, high=1 << 30, unit="pages", text="Size of the segment."),
        "window": Param(
            int,
            50,
            low=1,
            high=1 << 30,
            unit="pages",
            text="Pages that all processes scan before anybody goes on.",
        ),
        "scans": Param(int, 2, low=1, high=1000, text="Times that everybody scans it."),
        "writes": Param(
            float, 0.1, low=0, high=1, text="Share of the accesses, from the second scan on."
        ),
    }

    def build(self, trace, seed, processes, pages, window, scans, writes):
        random = np.random.default_rng(seed)
        segment = trace.shm("segment")
        server = trace.space("server")
        trace.mmap(server, SEGMENT, pages, file=segment, shared=True)
        attached = [server] + [trace.fork(server, f"agent-{i}") for i in range(1, processes)]
        trace.mark("attached")

        for scan in range(scans):
            for start in range(0, pages, window):
                part = np.arange(start, min(start + window, pages))
                space = np.repeat(random.permutation(attached), len(part))
                op = np.full(len(space), READ)
                if scan == 0:
                    op[: len(part)] = WRITE  # whoever comes first fills the page
                else:
                    op[random.random(len(space)) < writes] = WRITE
                trace.touch(space, SEGMENT + np.tile(part, processes), op)
            trace.mark(f"scan-{scan + 1}")


@hookimpl
def reclaim_register_workloads(register):
    register(SharedSegment)
