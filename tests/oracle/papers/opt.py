"""Belady's MIN, 1966."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SLOW = True  # it searches all resident pages


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """Belady's MIN: evict the resident page whose next use is furthest."""
    never = len(trace)
    next_use = [never] * len(trace)
    seen_at: dict[int, int] = {}
    for at in range(len(trace) - 1, -1, -1):
        next_use[at] = seen_at.get(trace[at], never)
        seen_at[trace[at]] = at
    resident: dict[int, int] = {}  # page -> its next use
    missed = []
    for at, page in enumerate(trace):
        if page not in resident:
            missed.append(at)
            if len(resident) == frames:
                furthest = max(resident.values())
                del resident[min(one for one, use in resident.items() if use == furthest)]
        resident[page] = next_use[at]
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.Belady(cache_size=frames)
