"""Accesses to pages that follow one rule: what policies are told apart by.

Each process has its own heap, and page p of all of them together belongs to process p mod
`processes`. What comes when is drawn without regard to who owns it:

zipf       page of rank k with probability proportional to 1 / k ** skew: frequency is all
loop       every page in turn: what is larger than memory leaves LRU and FIFO nothing
scan       a hot eighth by zipf, and between stretches of the others in order: scan resistance
phases     an eighth by zipf, another one sixteen times a trace: what was frequent must be forgotten
distances  each access repeats the one d accesses before, d by a power law: recency is all

Source: Breslau et al., INFOCOM 1999 (zipf); Smaragdakis, Kaplan, Wilson, SIGMETRICS 1999 (loop);
Johnson and Shasha, VLDB 1994 (scan); Denning, CACM 1968 (phases); Mattson et al., IBM Systems
Journal 1970 (distances).
"""

from __future__ import annotations

import numpy as np

from reclaim.api import READ, WRITE, ConfigError, Param, Workload, hookimpl

HEAP = 0x10000
PARTS = 4  # marks
PHASES = 16
HOT = 8  # the hot set, and a phase's working set, are pages / HOT
STRETCH, PERIOD = 64, 213  # pages scanned in a row, of so many accesses
FRESH = 0.02  # of the accesses, those that repeat none

PATTERNS = ("zipf", "loop", "scan", "phases", "distances")


class PagePattern(Workload):
    name = "page_pattern"
    summary = "accesses by one rule: zipf, loop, scan, phases or distances"
    source = "Breslau 1999 (zipf), Smaragdakis 1999 (loop), Johnson 1994 (scan), Denning 1968"
    family = "pages"
    params = {
        "pattern": Param(str, "zipf", choices=PATTERNS, text="The rule."),
        "pages": Param(int, 20_000, low=16, high=1 << 30, unit="pages", text="Of all processes."),
        "accesses": Param(int, 200_000, low=16, high=1 << 34, text="Length of the trace."),
        "skew": Param(float, 0.9, low=0, high=5, text="Exponent of zipf; of distances, less one."),
        "processes": Param(int, 1, low=1, high=100_000, unit="processes", text="That share them."),
        "writes": Param(float, 0.2, low=0, high=1, text="Share of the accesses that write."),
    }

    def build(self, trace, seed, pattern, pages, accesses, skew, processes, writes):
        if processes > pages:
            raise ConfigError(
                f"{processes} processes each need one of the pages of a heap of {pages}"
            )
        random = np.random.default_rng(seed)
        heaps = [trace.space(f"p{i}") for i in range(processes)]
        for i, space in enumerate(heaps):
            trace.mmap(space, HEAP, len(range(i, pages, processes)))
        trace.mark("mapped")

        page = RULES[pattern](random, pages, accesses, skew)
        op = np.where(random.random(accesses) < writes, WRITE, READ)
        space = np.array(heaps)[page % processes]
        for k, part in enumerate(np.array_split(np.arange(accesses), PARTS)):
            trace.touch(space[part], HEAP + page[part] // processes, op[part])
            trace.mark(f"part-{k + 1}")


def ranks(random, nr, size, skew):
    """Return `size` ranks below `nr`, rank k with probability proportional to 1 / (k+1) ** skew."""
    weight = np.cumsum(np.arange(1, nr + 1) ** -skew)
    return np.searchsorted(weight, random.random(size) * weight[-1]).clip(max=nr - 1)


def zipf(random, pages, accesses, skew):
    # Neighbours in memory are no neighbours in rank.
    return random.permutation(pages)[ranks(random, pages, accesses, skew)]


def loop(random, pages, accesses, skew):
    return np.arange(accesses) % pages


def scan(random, pages, accesses, skew):
    order = random.permutation(pages)
    hot, cold = order[: pages // HOT], np.sort(order[pages // HOT :])
    page = hot[ranks(random, len(hot), accesses, skew)]
    scanning = np.arange(accesses) % PERIOD >= PERIOD - STRETCH
    page[scanning] = cold[np.arange(np.count_nonzero(scanning)) % len(cold)]
    return page


def phases(random, pages, accesses, skew):
    size = pages // HOT
    parts = np.array_split(np.arange(accesses), PHASES)
    sets = [random.choice(pages, size, replace=False) for _ in parts]
    return np.concatenate(
        [own[ranks(random, size, len(part), skew)] for own, part in zip(sets, parts, strict=True)]
    )


def distances(random, pages, accesses, skew):
    # Distances go up to the number of pages; beyond the start of the trace there is a fresh page.
    back = 1 + ranks(random, pages, accesses, 1 + skew)
    before = np.arange(accesses) - back
    fresh = (before < 0) | (random.random(accesses) < FRESH)
    source = np.where(fresh, np.arange(accesses), before)
    # Each step doubles how far the chain of repetitions is followed.
    while True:
        further = source[source]
        if np.array_equal(further, source):
            break
        source = further
    number = np.cumsum(fresh) - 1
    return random.permutation(pages)[number[source] % pages]


RULES = dict(zip(PATTERNS, (zipf, loop, scan, phases, distances), strict=True))


@hookimpl
def reclaim_register_workloads(register):
    register(PagePattern)
