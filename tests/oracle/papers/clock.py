"""CLOCK, Corbató 1968."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def misses(trace: Sequence[int], frames: int, *, bit_at_insertion: bool = True) -> list[int]:
    """CLOCK: frames in a ring, a reference bit each; a hand clears bits until it finds a clear one.

    The fault that brings a page in is a reference of it, so its bit is set; some authors let it
    start clear (`bit_at_insertion` False).
    """
    ring: list[int] = []
    bit: dict[int, bool] = {}
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
            while bit[ring[hand]]:
                bit[ring[hand]] = False
                hand = (hand + 1) % frames
            del bit[ring[hand]]
            ring[hand] = page
            hand = (hand + 1) % frames
        bit[page] = bit_at_insertion
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    # Its CLOCK starts a new page at zero unless told otherwise.
    return libcachesim.Clock(cache_size=frames, init_freq=1)
