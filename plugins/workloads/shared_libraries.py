"""Many processes, one C library: file pages that everybody maps, and a little data of their own.

Text is mapped private and executable, and read in on demand; of the data segment each process
copies the pages it writes. Under pte_chains every process pays a link for every page of text it
runs through. Finding file pages through their file instead took a parallel kernel build from 24,116
chain nodes to 716, and made a small test of fork and exit with file mappings half again as good.

Source: Martin Bligh on linux-kernel, 19 and 20 February 2003 (make -j256, partial objrmap); Dave
McCracken's objrmap patch for 2.5.62, February 2003.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import EXECUTE, WRITE, ConfigError, Param, Workload, hookimpl

TEXT, DATA, HEAP = 0x40000000, 0x41000000, 0x10000


class SharedLibraries(Workload):
    name = "shared_libraries"
    summary = "many processes execute one library and copy a little of its data"
    source = "Bligh (19 and 20 February 2003) and McCracken's objrmap for 2.5.62, linux-kernel"
    family = "file"
    params = {
        "processes": Param(int, 100, low=1, high=1_000_000, unit="processes", text="All alive."),
        "text": Param(int, 600, low=1, high=1 << 24, unit="pages", text="Text of the library."),
        "data": Param(int, 20, low=1, high=1 << 24, unit="pages", text="Its data segment."),
        "writes": Param(
            int, 10, low=0, high=1 << 24, unit="pages", text="Data that each process copies."
        ),
        "heap": Param(int, 10, low=1, high=1 << 24, unit="pages", text="Of each process."),
        "turns": Param(int, 10, low=1, high=1 << 20, text="Turns that each process gets."),
        "fetches": Param(
            int, 60, low=1, high=1 << 20, unit="pages", text="Text executed in a turn."
        ),
    }

    def build(self, trace, seed, processes, text, data, writes, heap, turns, fetches):
        if writes > data:
            raise ConfigError(f"each process writes {writes} pages of a data segment of {data}")
        random = np.random.default_rng(seed)
        library = trace.file("libc")
        init = trace.space("init")
        trace.mmap(init, HEAP, heap)
        trace.write(init, HEAP, heap)

        spaces = []
        for i in range(processes):
            space = trace.fork(init, f"process-{i}")
            trace.exec(space)
            trace.mmap(space, TEXT, text, "r-x", file=library)
            trace.mmap(space, DATA, data, file=library, offset=text)
            trace.mmap(space, HEAP, heap)
            if writes:
                trace.touch(space, DATA + random.choice(data, writes, replace=False), WRITE)
            trace.write(space, HEAP, heap)
            spaces.append(space)
        trace.mark("started")

        for turn in range(turns):
            for space in random.permutation(spaces).tolist():
                # A call runs on for some pages; where it begins differs.
                start = int(random.integers(0, text))
                trace.touch(space, TEXT + (start + np.arange(fetches)) % text, EXECUTE)
                trace.read(space, HEAP, heap)
            trace.mark(f"turn-{turn + 1}")


@hookimpl
def reclaim_register_workloads(register):
    register(SharedLibraries)
