"""LRU-K, O'Neil, O'Neil and Weikum, SIGMOD 1993, figure 2.1.

libcachesim's LRUK misses elsewhere; it says nothing of its subsidiary policy or its history.
"""

from __future__ import annotations

from collections.abc import Sequence

SLOW = True  # it searches all resident pages


def misses(
    trace: Sequence[int], frames: int, *, k: int = 2, correlated: int = 0, retained: int = 0
) -> list[int]:
    """LRU-K: the victim's K-th last uncorrelated use is the longest ago.

    Pages with fewer uses go first, by LRU, which is the subsidiary policy that the paper names. If
    all are in their correlated reference period, it is ignored. Between equal times, which only
    K > 2 can bring about, the smaller page number goes.
    """
    hist: dict[int, list[int]] = {}  # times of the last K uses, 0 for none
    last: dict[int, int] = {}
    resident: set[int] = set()
    missed = []
    for t, page in enumerate(trace, start=1):
        if page in resident:
            if t - last[page] > correlated:
                period = last[page] - hist[page][0]
                hist[page] = [t] + [use + period if use else 0 for use in hist[page][: k - 1]]
            last[page] = t
            continue
        missed.append(t - 1)
        if len(resident) == frames:
            free = [one for one in resident if t - last[one] > correlated]

            def order(one: int) -> tuple[int, int]:
                return (hist[one][-1], one) if hist[one][-1] else (0, last[one])

            resident.remove(min(free or resident, key=order))
        if page not in hist or (retained and t - last[page] > retained):
            hist[page] = [0] * k
        hist[page] = [t, *hist[page][: k - 1]]
        last[page] = t
        resident.add(page)
    return missed
