"""Regions of memory that adapt: what was used alike is merged, what is left is split at random.

DAMON watches memory for a price that does not grow with it: it looks at one page of each region and
takes it for all of them. So regions ought to be uniform. After so many looks, neighbours with about
the same number of accesses become one; then, if there are few, each is split at a random place, and
if the parts turn out to differ, they stay apart. Rules and numbers: Linux 6.11, mm/damon/core.c.

Regions cover frames 0 to nr_frames - 1 without gaps, in order. All in time of their number.
"""

from __future__ import annotations

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.rng import random_below

REGION_WORDS = 8
# First frame and the one behind the last; looks that found a use, now and in the last period;
# periods for which that number has hardly changed; the frame to be looked at next.
REGION_START, REGION_END, REGION_USES, REGION_LAST, REGION_AGE, REGION_SAMPLE = range(6)

_NR, _NR_LAST, _NR_LOOKS = 0, 1, 2  # regions; when they were last split; looks of this period


class Regions(Handle):
    """Regions over memory.

    Attributes
    ----------
    row, spare : int64 arrays
        Rows of the regions in order, and room to build them anew.
    nr : int64 array
        How many there are, how many there were, and looks since the period began.
    least, most : int
        Bounds on their number; the first holds as a limit on their size.
    """

    row: I64
    spare: I64
    nr: I64
    least: int
    most: int

    @classmethod
    def new(cls, nr_frames: int, least: int, most: int) -> Regions:
        """Make `least` regions of equal size."""
        nr = min(least, nr_frames)
        row = np.zeros((max(nr, most) + 2) * REGION_WORDS, dtype=np.int64)
        rows = row.reshape(-1, REGION_WORDS)
        bounds = np.arange(nr + 1) * nr_frames // nr
        rows[:nr, REGION_START], rows[:nr, REGION_END] = bounds[:-1], bounds[1:]
        rows[:, REGION_SAMPLE] = NIL
        state = np.array([nr, 0, 0], dtype=np.int64)
        return cls(row=row, spare=row.copy(), nr=state, least=nr, most=most)


@kernel
def nr_regions(regions: Regions) -> int:
    """Return how many regions there are."""
    return regions.nr[U(_NR)]


@kernel
def region_get(regions: Regions, i: int, k: int) -> int:
    """Return word `k`, a `REGION_*`, of the i-th region."""
    return regions.row[U(i * REGION_WORDS + k)]


@kernel
def region_set(regions: Regions, i: int, k: int, value: int) -> None:
    """Set word `k` of the i-th region."""
    regions.row[U(i * REGION_WORDS + k)] = value


@kernel(cold=True)
def _join(regions: Regions, left: int, right: int) -> None:
    """Make the left region take in the right one: uses and age are means weighted by size."""
    start = region_get(regions, left, REGION_START)
    middle = region_get(regions, right, REGION_START)
    end = region_get(regions, right, REGION_END)
    for k in (REGION_USES, REGION_AGE):
        both = region_get(regions, left, k) * (middle - start)
        both += region_get(regions, right, k) * (end - middle)
        region_set(regions, left, k, both // (end - start))
    region_set(regions, left, REGION_END, end)


@kernel(cold=True)
def merge_alike(regions: Regions, threshold: int, limit: int, ages: bool) -> None:
    """Merge neighbours whose uses differ by at most `threshold`, up to a size of `limit` frames.

    With `ages` each region first gets a period older, or young if its own uses have changed by more
    than that.
    """
    last = NIL
    for i in range(nr_regions(regions)):
        uses = region_get(regions, i, REGION_USES)
        if ages:
            changed = abs(uses - region_get(regions, i, REGION_LAST)) > threshold
            age = 0 if changed else region_get(regions, i, REGION_AGE) + 1
            region_set(regions, i, REGION_AGE, age)
        joins = last != NIL
        if joins:
            size = region_get(regions, i, REGION_END) - region_get(regions, last, REGION_START)
            differ = abs(uses - region_get(regions, last, REGION_USES))
            joins = differ <= threshold and size <= limit
        if joins:
            _join(regions, last, i)
        else:
            last += 1
            for k in range(REGION_WORDS):
                region_set(regions, last, k, region_get(regions, i, k))
    regions.nr[U(_NR)] = last + 1


@kernel(cold=True)
def merge_regions(regions: Regions, nr_looks: int) -> None:
    """Merge what was used alike in the `nr_looks` of a period, harder while there are too many."""
    nr = nr_regions(regions)
    threshold = 0
    for i in range(nr):
        threshold = max(threshold, region_get(regions, i, REGION_USES) // 10)
    limit = max(1, region_get(regions, nr - 1, REGION_END) // regions.least)
    merge_alike(regions, threshold, limit, True)
    while nr_regions(regions) > regions.most and threshold < nr_looks:
        threshold = max(1, 2 * threshold)
        merge_alike(regions, threshold, limit, False)


@kernel(cold=True)
def _emit(regions: Regions, at: int, i: int, start: int, end: int) -> int:
    """Write a part of the i-th region behind those that are in `spare` already."""
    for k in range(REGION_WORDS):
        regions.spare[U(at * REGION_WORDS + k)] = region_get(regions, i, k)
    regions.spare[U(at * REGION_WORDS + REGION_START)] = start
    regions.spare[U(at * REGION_WORDS + REGION_END)] = end
    regions.spare[U(at * REGION_WORDS + REGION_SAMPLE)] = NIL
    return at + 1


@kernel
def _cut(rng: I64, size: int) -> int:
    """Return 10 to 90 percent of a size, in tenths, at random; 0 for one too small to cut."""
    return (1 + random_below(rng, 9)) * size // 10 if size > 2 else 0


@kernel(cold=True)
def split_regions(regions: Regions, rng: I64) -> None:
    """Split each region in two at random, if they are few; in three if that has been in vain."""
    nr = nr_regions(regions)
    if nr > regions.most // 2:
        return
    thrice = nr == regions.nr[U(_NR_LAST)] and nr < regions.most // 3
    regions.nr[U(_NR_LAST)] = nr
    top = 0
    for i in range(nr):
        start, end = region_get(regions, i, REGION_START), region_get(regions, i, REGION_END)
        outer = _cut(rng, end - start)
        inner = _cut(rng, outer) if thrice else 0
        if inner > 0:
            top = _emit(regions, top, i, start, start + inner)
        if outer > 0:
            top = _emit(regions, top, i, start + inner, start + outer)
        top = _emit(regions, top, i, start + outer, end)
    for at in range(top * REGION_WORDS):
        regions.row[U(at)] = regions.spare[U(at)]
    regions.nr[U(_NR)] = top


@kernel(cold=True)
def end_look(regions: Regions, nr_looks: int) -> bool:
    """Note that all regions have been looked at; True, and merged, at the end of a period.

    A period has `nr_looks`. Regions then have its uses as the last period's, and count from zero.
    """
    regions.nr[U(_NR_LOOKS)] += 1
    if regions.nr[U(_NR_LOOKS)] < nr_looks:
        return False
    regions.nr[U(_NR_LOOKS)] = 0
    merge_regions(regions, nr_looks)
    for i in range(nr_regions(regions)):
        region_set(regions, i, REGION_LAST, region_get(regions, i, REGION_USES))
        region_set(regions, i, REGION_USES, 0)
    return True


@kernel
def draw_frame(regions: Regions, i: int, rng: I64) -> int:
    """Draw the frame of the i-th region that will be looked at next, and return it."""
    start = region_get(regions, i, REGION_START)
    pfn = start + random_below(rng, region_get(regions, i, REGION_END) - start)
    region_set(regions, i, REGION_SAMPLE, pfn)
    return pfn


@kernel
def count_use(regions: Regions, i: int) -> None:
    """Note that a look at the i-th region has found a use."""
    region_set(regions, i, REGION_USES, region_get(regions, i, REGION_USES) + 1)


@kernel
def _idle_periods(regions: Regions, i: int) -> int:
    used = region_get(regions, i, REGION_LAST) > 0
    return NIL if used else region_get(regions, i, REGION_AGE)


@kernel(cold=True)
def next_idle(regions: Regions, last: int, least: int) -> int:
    """Return the region that was idle longest but for `last` (NIL: none) and those before it.

    Among equals the one of lower frames comes first; NIL when no other was idle for at least
    `least` periods.
    """
    found, longest = NIL, least - 1
    for i in range(nr_regions(regions)):
        periods = _idle_periods(regions, i)
        before = last == NIL or periods < _idle_periods(regions, last)
        if last != NIL and i > last and periods == _idle_periods(regions, last):
            before = True
        if before and periods > longest:
            found, longest = i, periods
    return found


def wrong_regions(regions: Regions, nr_frames: int) -> str:
    """Return what is wrong with how regions cover memory, "" if nothing. Plain Python."""
    nr = int(regions.nr[_NR])
    rows = regions.row.reshape(-1, REGION_WORDS)[:nr]
    starts, ends = rows[:, REGION_START].tolist(), rows[:, REGION_END].tolist()
    if [0, *ends] != [*starts, nr_frames]:
        return "its regions have gaps or overlap"
    if any(start >= end for start, end in zip(starts, ends, strict=True)):
        return "a region is empty"
    return "" if nr <= max(regions.least, regions.most) else f"it has {nr} regions"
