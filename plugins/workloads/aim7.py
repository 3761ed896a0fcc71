"""One parent, many children, and every child copies every page: the shape that made anon_vma_chain.

The parent writes its heap and forks all its children; each of them then writes every page, so that
each page ends up with a copy in each process and no page is shared any more. Then somebody else
wants memory, and reclaim must find the one process that maps each of those copies.

On the anon_vma list all VMAs of the family stand on one list. A page of child j is found after
j + 1 of them, on average after half of the family, and every reclaimed page pays that twice. With
AIM7 on Linux 2.6.22 this ended in a cliff: from 4,900 to 5,105 users, system time grew six times
and throughput fell to a seventh. Chains of anon_vmas find a child's page in one step.

Source: Rik van Riel on linux-kernel, 26 to 28 June 2007 (reaim, workfile.shared, 2 GB); commit
5beb49305251 (2.6.34), whose example is 1000 children with 1000 pages each.
"""

from __future__ import annotations

from reclaim.api import Param, Workload, hookimpl

HEAP = 0x10000


class Aim7(Workload):
    name = "aim7"
    summary = "one parent, many children that copy every page, then a shortage of memory"
    source = "Rik van Riel, AIM7 on 2.6.22 (linux-kernel, June 2007); commit 5beb49305251"
    family = "fork"
    params = {
        "children": Param(int, 100, low=1, high=1_000_000, unit="processes", text="Forked."),
        "pages": Param(int, 100, low=1, high=1 << 24, unit="pages", text="Heap of the parent."),
        "pressure": Param(
            float,
            0.25,
            low=0,
            high=100,
            text="Pages that another process writes then, as a share of all copies.",
        ),
        "rounds": Param(
            int, 1, low=0, high=1000, text="Times that every child then writes its heap again."
        ),
    }

    def build(self, trace, seed, children, pages, pressure, rounds):
        parent = trace.space("parent")
        trace.mmap(parent, HEAP, pages)
        trace.write(parent, HEAP, pages)
        trace.mark("built")

        family = [trace.fork(parent, f"child-{j}") for j in range(1, children + 1)]
        trace.mark("forked")

        for child in family:
            trace.write(child, HEAP, pages)
        trace.mark("copied")

        further = round(pressure * children * pages)
        if further:
            presser = trace.space("presser")
            trace.mmap(presser, HEAP, further)
            trace.write(presser, HEAP, further)
        trace.mark("pressed")

        for _ in range(rounds):
            for child in family:
                trace.write(child, HEAP, pages)
        trace.mark("again")


@hookimpl
def reclaim_register_workloads(register):
    register(Aim7)
