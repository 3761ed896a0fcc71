"""In-cache LFU: counts live as long as a page is resident; the oldest of the least used goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SLOW = True  # it searches all resident pages


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """LFU: evict the page with the smallest count; among equals the one that has had it longest."""
    uses: dict[int, int] = {}
    since: dict[int, int] = {}  # when its count became what it is
    missed = []
    for at, page in enumerate(trace):
        if page not in uses:
            missed.append(at)
            if len(uses) == frames:
                victim = min(uses, key=lambda one: (uses[one], since[one]))
                del uses[victim], since[victim]
        uses[page] = uses.get(page, 0) + 1
        since[page] = at
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.LFU(cache_size=frames)
