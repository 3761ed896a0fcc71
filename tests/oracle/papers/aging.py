"""Aging, Tanenbaum: each tick shifts a page's counter right and puts its R bit on the left.

The book leaves open what a page's counter is before its first tick, and who goes among equals. Here
it comes in as one that was used in the last interval only, and goes after those that were there at
that tick, who go in the order of their frames. libcachesim has none.
"""

from __future__ import annotations

from collections.abc import Sequence

SLOW = True  # it searches all resident pages

NOBODY = -1


def misses(trace: Sequence[int], frames: int, *, age_every: int = 0, bits: int = 8) -> list[int]:
    """Evict the smallest counter; a tick comes behind every so manyth access (0: frames)."""
    every = age_every or frames
    memory = [NOBODY] * frames
    referenced: set[int] = set()
    counter: dict[int, int] = {}
    rank: dict[int, int] = {}  # among equal counters the lowest goes first
    missed = []
    for at, page in enumerate(trace):
        if page not in counter:
            missed.append(at)
            if NOBODY in memory:
                frame = memory.index(NOBODY)
            else:
                victim = min(counter, key=lambda one: (counter[one], rank[one]))
                frame = memory.index(victim)
                del counter[victim]
                referenced.discard(victim)
            memory[frame] = page
            counter[page] = 1 << (bits - 1)
            rank[page] = frames + at
        referenced.add(page)
        if (at + 1) % every == 0:
            for one, value in list(counter.items()):
                counter[one] = value >> 1 | (one in referenced) << (bits - 1)
                rank[one] = memory.index(one)
            referenced.clear()
    return missed
