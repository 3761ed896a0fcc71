"""Doubly linked lists of frames, linked through the frames' own rows.

A list is named by its *sentinel*, an extra row behind the last frame, so no operation has a branch
for an empty list. A frame is on at most one list. Front is where frames enter, back where victims
leave. All O(1).

A policy declares how many lists it wants (`nr_lists`) and calls ``list_at(m, k)`` for the k-th.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.counters import FRAMES_SCANNED, count
from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel, prefetch
from reclaim.rows import FRAME_NEXT, FRAME_PAGE, FRAME_PREV, FRAME_WORDS, PAGE_WORDS

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


@kernel
def list_at(m: Machine, k: int) -> int:
    """Return the policy's k-th list."""
    return m.nr_frames + k


@kernel
def list_insert(m: Machine, pfn: int, before: int) -> None:
    """Put a frame in front of another frame of a list, or of its sentinel (then it is the back)."""
    previous = m.frame[U(before * FRAME_WORDS + FRAME_PREV)]
    m.frame[U(pfn * FRAME_WORDS + FRAME_PREV)] = previous
    m.frame[U(pfn * FRAME_WORDS + FRAME_NEXT)] = before
    m.frame[U(previous * FRAME_WORDS + FRAME_NEXT)] = pfn
    m.frame[U(before * FRAME_WORDS + FRAME_PREV)] = pfn


@kernel
def push_front(m: Machine, at: int, pfn: int) -> None:
    """Put a frame at the front of list `at`."""
    list_insert(m, pfn, m.frame[U(at * FRAME_WORDS + FRAME_NEXT)])


@kernel
def push_back(m: Machine, at: int, pfn: int) -> None:
    """Put a frame at the back of list `at`: the next victim."""
    list_insert(m, pfn, at)


@kernel
def list_remove(m: Machine, pfn: int) -> None:
    """Take a frame off its list."""
    previous = m.frame[U(pfn * FRAME_WORDS + FRAME_PREV)]
    following = m.frame[U(pfn * FRAME_WORDS + FRAME_NEXT)]
    m.frame[U(previous * FRAME_WORDS + FRAME_NEXT)] = following
    m.frame[U(following * FRAME_WORDS + FRAME_PREV)] = previous


@kernel
def move_to_front(m: Machine, at: int, pfn: int) -> None:
    """Take a frame off its list and put it at the front of list `at`."""
    if m.frame[U(at * FRAME_WORDS + FRAME_NEXT)] != pfn:
        list_remove(m, pfn)
        push_front(m, at, pfn)


@kernel
def list_before(m: Machine, at: int) -> int:
    """Return the frame in front of one, the sentinel at the front; the back of the list `at`."""
    return m.frame[U(at * FRAME_WORDS + FRAME_PREV)]


@kernel
def list_behind(m: Machine, at: int) -> int:
    """Return the frame behind one, the sentinel at the back; the front of the list `at`."""
    return m.frame[U(at * FRAME_WORDS + FRAME_NEXT)]


@kernel
def _prefetch_two_ahead(m: Machine, following: int) -> None:
    """Prefetch what lies beyond the next victim: a frame, the page and PTE of the one before it.

    Each is a cache miss, and the caller is likely to want them soon.
    """
    second = m.frame[U(following * FRAME_WORDS + FRAME_PREV)]
    prefetch(m.frame, m.frame[U(second * FRAME_WORDS + FRAME_PREV)] * FRAME_WORDS)
    prefetch(m.page, m.frame[U(second * FRAME_WORDS + FRAME_PAGE)] * PAGE_WORDS)
    m.rmap.hint(m, second)


@kernel
def scan_before(m: Machine, pfn: int) -> int:
    """Return what is in front of a frame that a hand looks at on its way from back to front.

    The frame is counted as scanned; what the hand meets next is prefetched, as by `take_back`.
    """
    following = m.frame[U(pfn * FRAME_WORDS + FRAME_PREV)]
    _prefetch_two_ahead(m, following)
    count(m, FRAMES_SCANNED, 1)
    return following


@kernel
def list_back(m: Machine, at: int) -> int:
    """Return the frame at the back of a list, NIL if it is empty; it stays, and is not counted."""
    pfn = m.frame[U(at * FRAME_WORDS + FRAME_PREV)]
    return NIL if pfn == at else pfn


@kernel
def take_back(m: Machine, at: int) -> int:
    """Take the frame at the back of a list off it and count it as scanned; NIL if it is empty.

    The frame three behind it is prefetched, and the page and PTE of the one two behind it.
    """
    pfn = m.frame[U(at * FRAME_WORDS + FRAME_PREV)]
    if pfn == at:
        return NIL
    following = m.frame[U(pfn * FRAME_WORDS + FRAME_PREV)]
    m.frame[U(at * FRAME_WORDS + FRAME_PREV)] = following
    m.frame[U(following * FRAME_WORDS + FRAME_NEXT)] = at
    _prefetch_two_ahead(m, following)
    count(m, FRAMES_SCANNED, 1)
    return pfn


@kernel
def take_victims(m: Machine, at: int, nr_wanted: int, victims: I64) -> int:
    """Take up to `nr_wanted` frames off the back of a list into `victims`; returns how many."""
    nr = 0
    while nr < nr_wanted:
        pfn = take_back(m, at)
        if pfn == NIL:
            break
        victims[U(nr)] = pfn
        nr += 1
    return nr


def wrong_lists(m: Machine, nr_lists: int, owned: set[int]) -> str:
    """Return how a policy's lists differ from the frames it owns, "" if not. Plain Python."""
    frames = [pfn for k in range(nr_lists) for pfn in frames_on(m, m.nr_frames + k)]
    if len(frames) != len(set(frames)):
        return "a frame is on its lists twice"
    if set(frames) == owned:
        return ""
    missing, extra = sorted(owned - set(frames))[:3], sorted(set(frames) - owned)[:3]
    return f"its lists lack frames {missing} and hold {extra} too many"


def frames_on(m: Machine, at: int) -> list[int]:
    """Return the frames of a list from front to back; plain Python, for checks and teaching."""
    frames: list[int] = []
    pfn = int(m.frame[at * FRAME_WORDS + FRAME_NEXT])
    while pfn != at and len(frames) <= m.nr_frames:
        frames.append(pfn)
        pfn = int(m.frame[pfn * FRAME_WORDS + FRAME_NEXT])
    return frames
