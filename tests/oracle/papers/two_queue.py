"""2Q, Johnson and Shasha, VLDB 1994, section 2.3: the full version.

With fewer than four frames, where Kin is none, libcachesim's keeps no page at all.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

LIBRARY_FROM = 4


def misses(trace: Sequence[int], frames: int, *, kin: float = 0.25, kout: float = 0.5) -> list[int]:
    """2Q: a FIFO of newcomers, names of those it dropped, an LRU list of those asked for again."""
    a1in: deque[int] = deque()  # the oldest first, as in the others
    a1out: deque[int] = deque()
    am: OrderedDict[int, None] = OrderedDict()
    missed = []
    for at, page in enumerate(trace):
        if page in am:
            am.move_to_end(page)
            continue
        if page in a1in:
            continue
        missed.append(at)
        known = page in a1out
        if known:
            a1out.remove(page)
        if len(a1in) + len(am) == frames:
            if len(a1in) > int(kin * frames) or not am:
                a1out.append(a1in.popleft())
                if len(a1out) > int(kout * frames):
                    a1out.popleft()
            else:
                am.popitem(last=False)
        if known:
            am[page] = None
        else:
            a1in.append(page)
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.TwoQ(cache_size=frames)
