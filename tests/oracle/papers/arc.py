"""ARC, Megiddo and Modha, FAST 2003, figure 4."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """ARC: two LRU lists in memory, two of ghosts, and a target for the first that ghosts move."""
    t1, t2, b1, b2 = (OrderedDict[int, None]() for _ in range(4))
    target = 0.0
    missed = []

    def replace(page: int) -> None:
        if t1 and (len(t1) > target or (page in b2 and len(t1) == target)):
            b1[t1.popitem(last=False)[0]] = None
        else:
            b2[t2.popitem(last=False)[0]] = None

    for at, page in enumerate(trace):
        if page in t1 or page in t2:  # case I
            t1.pop(page, None)
            t2.pop(page, None)
            t2[page] = None
            continue
        missed.append(at)
        if page in b1:  # case II
            target = min(frames, target + max(1, len(b2) / len(b1)))
            replace(page)
            del b1[page]
            t2[page] = None
        elif page in b2:  # case III
            target = max(0, target - max(1, len(b1) / len(b2)))
            replace(page)
            del b2[page]
            t2[page] = None
        else:  # case IV
            if len(t1) + len(b1) == frames:
                if len(t1) < frames:
                    b1.popitem(last=False)
                    replace(page)
                else:
                    t1.popitem(last=False)
            else:
                total = len(t1) + len(t2) + len(b1) + len(b2)
                if total >= frames:
                    if total == 2 * frames:
                        b2.popitem(last=False)
                    replace(page)
            t1[page] = None
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.ARC(cache_size=frames)
