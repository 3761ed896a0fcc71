"""LRU told of every k-th access.

libcachesim has none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


def misses(trace: Sequence[int], frames: int, *, sample_every: int = 100) -> list[int]:
    """Move a page to the front when it comes in and when one of its accesses is the k-th."""
    resident: OrderedDict[int, None] = OrderedDict()  # most recent last
    missed = []
    for at, page in enumerate(trace):
        if page not in resident:
            missed.append(at)
            if len(resident) == frames:
                resident.popitem(last=False)
            resident[page] = None
        elif (at + 1) % sample_every == 0:
            resident.move_to_end(page)
    return missed
