"""A list of frames in order of how often each was used, kept in order in O(1) a use.

::

    front [ 9: F ] [ 4: C B ] [ 1: E D A ] back
                                       ^ the least used; among equals, longest so

Frames with the same count stand together, the latest to reach it in front. Such a *group* has a row
that names its foremost frame, so a frame that is used once more goes in front of the next group, or
stays where it is and takes its row along. Nothing is searched, but that a use which stands for many
steps over the groups between.

It occupies one of the policy's lists, and of each frame the word `GROUP_WORD`: 0 means that it is
not in the order.

Source: K. Shah, A. Mitra, D. Matani, "An O(1) algorithm for implementing the LFU cache eviction
scheme", 2010. There the groups are lists of their own; here they lie end to end on one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.lists import (
    frames_on,
    list_before,
    list_behind,
    list_insert,
    list_remove,
    scan_before,
    take_back,
)
from reclaim.vm.frames import set_word, word

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

GROUP_WORD = 0
COUNT, FOREMOST, SIZE, NEXT_FREE = range(4)
ROW_WORDS = 4


class Frequencies(Handle):
    """The groups of a list in order of use.

    Attributes
    ----------
    row : int64 array, (nr_frames + 2) x 4 words
        Count, foremost frame and size of each group; row 0 heads the list of free rows.
    """

    row: I64

    @classmethod
    def new(cls, nr_frames: int) -> Frequencies:
        """Make an empty order."""
        row = np.zeros((nr_frames + 2, ROW_WORDS), dtype=np.int64)
        row[:-1, NEXT_FREE] = np.arange(1, nr_frames + 2)
        return cls(row=row.reshape(-1))


@kernel
def frequency_holds(m: Machine, pfn: int) -> bool:
    """Tell whether a frame is in the order."""
    return word(m, pfn, GROUP_WORD) != 0


@kernel
def frequency_count(m: Machine, f: Frequencies, pfn: int) -> int:
    """Return the count of a frame in the order."""
    return f.row[U(word(m, pfn, GROUP_WORD) * ROW_WORDS + COUNT)]


@kernel
def _join(m: Machine, f: Frequencies, pfn: int, above: int, at: int, count: int) -> None:
    """Put a frame where its count belongs.

    `above` is the hindmost frame with that count or more, the sentinel `at` if there is none.
    """
    group = word(m, above, GROUP_WORD) if above != at else 0
    if group != 0 and f.row[U(group * ROW_WORDS + COUNT)] == count:
        list_insert(m, pfn, f.row[U(group * ROW_WORDS + FOREMOST)])
    else:
        group = f.row[U(NEXT_FREE)]
        f.row[U(NEXT_FREE)] = f.row[U(group * ROW_WORDS + NEXT_FREE)]
        f.row[U(group * ROW_WORDS + COUNT)] = count
        f.row[U(group * ROW_WORDS + SIZE)] = 0
        list_insert(m, pfn, list_behind(m, above))
    f.row[U(group * ROW_WORDS + FOREMOST)] = pfn
    f.row[U(group * ROW_WORDS + SIZE)] += 1
    set_word(m, pfn, GROUP_WORD, group)


@kernel
def frequency_add(m: Machine, f: Frequencies, at: int, pfn: int) -> None:
    """Put a frame on the list `at` with a count of one."""
    _join(m, f, pfn, list_before(m, at), at, 1)


@kernel
def frequency_remove(m: Machine, f: Frequencies, pfn: int) -> None:
    """Take a frame off the list."""
    group = word(m, pfn, GROUP_WORD) * ROW_WORDS
    f.row[U(group + SIZE)] -= 1
    if f.row[U(group + SIZE)] == 0:
        f.row[U(group + NEXT_FREE)] = f.row[U(NEXT_FREE)]
        f.row[U(NEXT_FREE)] = word(m, pfn, GROUP_WORD)
    elif f.row[U(group + FOREMOST)] == pfn:
        f.row[U(group + FOREMOST)] = list_behind(m, pfn)
    list_remove(m, pfn)
    set_word(m, pfn, GROUP_WORD, 0)


@kernel
def frequency_use(m: Machine, f: Frequencies, at: int, pfn: int, nr: int) -> None:
    """Add `nr` uses to the count of a frame on the list `at`."""
    group = word(m, pfn, GROUP_WORD) * ROW_WORDS
    count = f.row[U(group + COUNT)] + nr
    above = list_before(m, f.row[U(group + FOREMOST)])
    if f.row[U(group + SIZE)] == 1 and (above == at or frequency_count(m, f, above) > count):
        f.row[U(group + COUNT)] = count
        return
    frequency_remove(m, f, pfn)
    while above != at and frequency_count(m, f, above) < count:
        group = word(m, above, GROUP_WORD) * ROW_WORDS
        above = list_before(m, f.row[U(group + FOREMOST)])
    _join(m, f, pfn, above, at, count)


@kernel
def frequency_take_least(m: Machine, f: Frequencies, at: int) -> int:
    """Take the least used frame off the list `at`, counted as scanned; NIL if it is empty."""
    pfn = list_before(m, at)
    if pfn == at:
        return NIL
    scan_before(m, pfn)
    frequency_remove(m, f, pfn)
    return pfn


@kernel(cold=True)
def frequency_add_all(m: Machine, f: Frequencies, at: int, bench: int) -> None:
    """Put the frames of the list `bench` on the list `at`, with a count of one."""
    pfn = take_back(m, bench)
    while pfn != NIL:
        frequency_add(m, f, at, pfn)
        pfn = take_back(m, bench)


def frequencies_on(m: Machine, f: Frequencies, at: int) -> list[tuple[int, int]]:
    """Return frames with their counts from front to back; plain Python, for checks."""
    return [(pfn, int(frequency_count(m, f, pfn))) for pfn in frames_on(m, at)]


def wrong_frequencies(m: Machine, f: Frequencies, at: int) -> str:
    """Return what is wrong with the order of the list `at`, "" if nothing. Plain Python."""
    frames = frames_on(m, at)
    groups = [int(word(m, pfn, GROUP_WORD)) for pfn in frames]
    order = list(dict.fromkeys(groups))
    if 0 in order:
        return "a frame of the order is in no group"
    if groups != [group for group in order for _ in range(groups.count(group))]:
        return "the groups are mixed"
    rows = f.row.reshape(-1, ROW_WORDS)
    for group in order:
        if rows[group, FOREMOST] != frames[groups.index(group)]:
            return f"group {group} names a frame that is not its foremost"
        if rows[group, SIZE] != groups.count(group):
            return f"group {group} holds {groups.count(group)} frames and says {rows[group, SIZE]}"
    counts = [int(rows[group, COUNT]) for group in order]
    if counts != sorted(set(counts), reverse=True):
        return f"counts are not in order: {counts}"
    return ""
