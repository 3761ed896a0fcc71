"""GCLOCK, Smith 1978, over reference bits: counters that use fills and the hand drains.

libcachesim's Clock with a counter of several bits counts every hit, which no reference bit shows.
"""

from __future__ import annotations

from collections.abc import Sequence


def misses(trace: Sequence[int], frames: int, *, limit: int = 3, weight: int = 1) -> list[int]:
    """A set bit adds `weight`, up to `limit`; a clear one takes one off, and at zero the page."""
    ring: list[int] = []
    bit: dict[int, bool] = {}
    counter: dict[int, int] = {}
    hand = 0
    missed = []
    for at, page in enumerate(trace):
        if page in bit:
            bit[page] = True
            continue
        missed.append(at)
        if len(ring) < frames:
            ring.append(page)
        else:
            while bit[ring[hand]] or counter[ring[hand]] > 0:
                passed = ring[hand]
                if bit[passed]:
                    counter[passed] = min(limit, counter[passed] + weight)
                    bit[passed] = False
                else:
                    counter[passed] -= 1
                hand = (hand + 1) % frames
            del bit[ring[hand]]
            ring[hand] = page
            hand = (hand + 1) % frames
        bit[page] = True
        counter[page] = 0
    return missed
