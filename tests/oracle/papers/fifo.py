"""First in, first out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """First in, first out."""
    queue: deque[int] = deque()
    resident: set[int] = set()
    missed = []
    for at, page in enumerate(trace):
        if page in resident:
            continue
        missed.append(at)
        if len(resident) == frames:
            resident.remove(queue.popleft())
        queue.append(page)
        resident.add(page)
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.FIFO(cache_size=frames)
