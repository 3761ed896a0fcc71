"""A shell: fork, write a little, exec a program, exit, over and over.

The child lives for a moment, but fork has told the reverse map of every page that the shell has:
one addition for each, and exec takes all of it back. With pte_chains that is a chain node for each
page at the first fork, which stays when the child is gone; object-based schemes add a few objects
for each VMA. A fork-heavy test lost half of its speed to the first rmap patch, and adding links in
batches won back a tenth; the price of fork and exec was then the first thing that object-based
schemes were measured by.

Source: Andrew Morton on linux-kernel, 5 August 2002 (rmap speedups on 2.5.30); Hugh Dickins, 23 and
24 March 2003 (lmbench fork and exec on 2.5.65-mm3, and why one-entry chains are kept).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import READ, ConfigError, Param, Workload, hookimpl

HEAP, TEXT, DATA = 0x10000, 0x40000000, 0x80000000


class ForkExecLoop(Workload):
    name = "fork_exec_loop"
    summary = "a shell forks, execs a program, waits for its exit, and goes on for ever"
    source = "Morton, rmap speedups (August 2002); Dickins, lmbench (24 March 2003)"
    family = "fork"
    params = {
        "rounds": Param(int, 200, low=1, high=10_000_000, text="Programs that are run."),
        "pages": Param(int, 400, low=1, high=1 << 24, unit="pages", text="Heap of the shell."),
        "writes": Param(
            int, 10, low=0, high=1 << 24, unit="pages", text="Copied by a child before exec."
        ),
        "text": Param(int, 60, low=1, high=1 << 24, unit="pages", text="Executed by a program."),
        "data": Param(int, 40, low=1, high=1 << 24, unit="pages", text="Written by a program."),
        "reads": Param(
            int, 100, low=0, high=1 << 24, unit="pages", text="Read by the shell after each."
        ),
    }

    def build(self, trace, seed, rounds, pages, writes, text, data, reads):
        if writes > pages:
            raise ConfigError(f"a child writes {writes} pages of a heap of {pages}")
        random = np.random.default_rng(seed)
        program = trace.file("program")
        shell = trace.space("shell")
        trace.mmap(shell, HEAP, pages)
        trace.write(shell, HEAP, pages)
        trace.mark("built")

        for i in range(rounds):
            child = trace.fork(shell, f"run-{i}")
            if writes:
                trace.write(child, HEAP, writes)
            trace.exec(child)
            trace.mmap(child, TEXT, text, "r-x", file=program)
            trace.mmap(child, DATA, data)
            trace.execute(child, TEXT, text)
            trace.write(child, DATA, data)
            trace.exit(child)
            if reads:
                trace.touch(shell, HEAP + random.integers(0, pages, reads), READ)
            if i == 0:
                trace.mark("first")
        trace.mark("looped")


@hookimpl
def reclaim_register_workloads(register):
    register(ForkExecLoop)
