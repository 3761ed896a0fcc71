"""Apps forked from one preloaded process, never calling exec: a wide family with many VMAs.

The zygote loads its heap and maps its libraries; every app is a fork of it, shares nearly all of
that for its whole life, copies some of the heap, and adds memory of its own. Every VMA of the
zygote has an anon_vma with a link for each app: a phone that had just started was measured at
18,866 kB of links and 20,426 kB of anon_vmas, and two thirds more after 24 apps. Going from app to
app makes reclaim walk families that fork and exit want to lock: kswapd was seen to wait for 300 ms
and up to a second, and the screen stutters.

Source: the ANON_VMA_LAZY proposal on linux-mm, 27 May 2026; Minchan Kim's commit 6d4675e60135
(5.19); Barry Song on linux-mm, September 2025.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import EXECUTE, READ, WRITE, ConfigError, Param, Workload, hookimpl

HEAP, LIBRARIES, OWN = 0x10000, 0x40000000, 0x80000000
STRIDE = 4096
"""Pages from one library to the next."""


class AndroidZygote(Workload):
    name = "android_zygote"
    summary = "apps forked without exec share a preloaded heap and many libraries"
    source = "ANON_VMA_LAZY (linux-mm, 27 May 2026); commit 6d4675e60135; Song (September 2025)"
    family = "fork"
    params = {
        "apps": Param(int, 24, low=1, high=100_000, unit="processes", text="Forked one by one."),
        "heap": Param(
            int, 1500, low=1, high=1 << 24, unit="pages", text="Preloaded by the zygote."
        ),
        "libraries": Param(int, 30, low=1, high=4096, unit="files", text="Mapped by the zygote."),
        "text": Param(int, 40, low=1, high=STRIDE - 8, unit="pages", text="Of each library."),
        "copies": Param(
            int, 60, low=0, high=1 << 24, unit="pages", text="Of the heap, copied by each app."
        ),
        "own": Param(int, 120, low=1, high=1 << 24, unit="pages", text="Memory of each app."),
        "switches": Param(int, 100, low=1, high=1 << 24, text="Times that an app comes to front."),
        "reads": Param(
            int, 150, low=1, high=1 << 20, text="Reads of the heap, and fetches of text, by it."
        ),
    }

    def build(self, trace, seed, apps, heap, libraries, text, copies, own, switches, reads):
        if copies > heap:
            raise ConfigError(f"each app copies {copies} pages of a heap of {heap}")
        random = np.random.default_rng(seed)
        zygote = trace.space("zygote")
        trace.mmap(zygote, HEAP, heap)
        trace.write(zygote, HEAP, heap)
        for i in range(libraries):
            file, start = trace.file(f"lib-{i}"), LIBRARIES + i * STRIDE
            trace.mmap(zygote, start, text, "r-x", file=file)
            trace.mmap(zygote, start + text, 2, file=file, offset=text)
            trace.execute(zygote, start, text)
            trace.write(zygote, start + text, 2)  # relocations
        trace.mark("built")

        running = []
        for i in range(apps):
            app = trace.fork(zygote, f"app-{i}")
            trace.mmap(app, OWN, own)
            trace.write(app, OWN, own)
            if copies:
                trace.touch(app, HEAP + random.choice(heap, copies, replace=False), WRITE)
            running.append(app)
        trace.mark("forked")

        for number in range(switches):
            app = running[int(random.integers(apps))]
            trace.touch(app, HEAP + random.integers(0, heap, reads), READ)
            page = random.integers(0, libraries, reads) * STRIDE + random.integers(0, text, reads)
            trace.touch(app, LIBRARIES + page, EXECUTE)
            trace.write(app, OWN, own)
            if number == switches // 2:
                trace.mark("half")
        trace.mark("switched")


@hookimpl
def reclaim_register_workloads(register):
    register(AndroidZygote)
