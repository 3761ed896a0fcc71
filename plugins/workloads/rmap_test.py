"""Many tasks, each with many windows of one file: where lists of VMAs fail.

Each task maps the same `maps` windows of `pages` pages. A page lies in one window, so it has one
mapping in each task; but all tasks x maps VMAs stand on the file's list, and a list must look at
every one. With 100 x 100 windows that is 10,000 VMAs to find 100 mappings. The tests, with their
sizes as arguments here:

=====  ========================================  ===============================================
test   arguments                                 system seconds: pte_chain, lists, prio_tree
=====  ========================================  ===============================================
1      tasks=100 maps=100 pages=600 linear       86.91, 1143.26; 277.14, 19834.38 (killed), 203.90
2      the same, pattern=random, 1 iteration     6.05, 2.10; 212.50, 605.97, 101.77
3      tasks=1 maps=10000 pages=7 linear         3.75, 146.45; 31.08, 1588.40 (killed), 31.41
4      tasks=512 maps=1 pages=65000 random       (page tables and chains alone fill the memory)
=====  ========================================  ===============================================

The first two numbers are Morton's, of a 2.7 GHz P4; those behind the semicolon are of a 200 MHz
Pentium II and Venkatasubramanian's. Both machines had 256 MB.

Source: Andrew Morton on linux-kernel, 5 April 2003 (rmap-test); Rajesh Venkatasubramanian, 21 March
2004 (the prio_tree patch).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import Param, Workload, hookimpl

BASE = 0x10000
GAP = 1
"""Pages between windows, without which they would merge."""


class RmapTest(Workload):
    name = "rmap_test"
    summary = "many tasks, each with many windows of one file, touched in turn or at random"
    source = "Andrew Morton's rmap-test (5 April 2003); Venkatasubramanian (21 March 2004)"
    family = "file"
    params = {
        "tasks": Param(int, 20, low=1, high=1_000_000, unit="processes", text="With all windows."),
        "maps": Param(int, 20, low=1, high=1_000_000, unit="VMAs", text="Windows of each task."),
        "pages": Param(int, 30, low=1, high=1 << 20, unit="pages", text="Size of a window."),
        "iterations": Param(int, 2, low=1, high=10_000, text="Times that each touches all."),
        "pattern": Param(
            str,
            "linear",
            choices=("linear", "random"),
            text="linear: all tasks touch one window, then the next; random: any page of any task.",
        ),
    }

    def build(self, trace, seed, tasks, maps, pages, iterations, pattern):
        random = np.random.default_rng(seed)
        stride = pages + GAP
        file = trace.file("file")
        spaces = np.array([trace.space(f"task-{i}") for i in range(tasks)])
        for space in spaces.tolist():
            for window in range(maps):
                start = BASE + window * stride
                trace.mmap(space, start, pages, file=file, offset=window * pages, shared=True)
        trace.mark("built")

        for iteration in range(iterations):
            for window in range(maps):
                if pattern == "linear":
                    space = np.repeat(random.permutation(spaces), pages)
                    start = BASE + window * stride
                    page = np.tile(np.arange(start, start + pages), tasks)
                else:
                    nr = tasks * pages
                    space = random.choice(spaces, nr)
                    page = BASE + random.integers(0, maps, nr) * stride
                    page += random.integers(0, pages, nr)
                trace.touch(space, page)
            trace.mark(f"iteration-{iteration + 1}")


@hookimpl
def reclaim_register_workloads(register):
    register(RmapTest)
