"""Segmented LRU, Karedla, Love and Wherry, IEEE Computer 27(3), 1994.

libcachesim's SLRU has four segments of equal size, each with a limit of its own, and a page climbs
one segment a hit. The paper has two, and a limit for the protected one alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


def misses(trace: Sequence[int], frames: int, *, protected: float = 0.8) -> list[int]:
    """SLRU: a hit moves a page to the protected segment; what that drops gets a second trial."""
    probation: OrderedDict[int, None] = OrderedDict()  # the least recently used first
    safe: OrderedDict[int, None] = OrderedDict()
    missed = []
    for at, page in enumerate(trace):
        if page in safe:
            safe.move_to_end(page)
        elif page in probation:
            del probation[page]
            safe[page] = None
            if len(safe) > int(protected * frames):
                probation[safe.popitem(last=False)[0]] = None
        else:
            missed.append(at)
            if len(probation) + len(safe) == frames:
                (probation or safe).popitem(last=False)
            probation[page] = None
    return missed
