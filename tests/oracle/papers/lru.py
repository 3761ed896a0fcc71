"""Least recently used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """Least recently used."""
    resident: OrderedDict[int, None] = OrderedDict()
    missed = []
    for at, page in enumerate(trace):
        if page in resident:
            resident.move_to_end(page)
            continue
        missed.append(at)
        if len(resident) == frames:
            resident.popitem(last=False)
        resident[page] = None
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.LRU(cache_size=frames)
