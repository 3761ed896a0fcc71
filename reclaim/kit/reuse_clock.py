"""A clock of hot pages, cold ones, and cold ones that are gone: what CLOCK-Pro's hands move over.

The ring is cut open at HAND_hot and kept as a list, whose back is under that hand: passing a page
is moving it from the back to the front, the *head*. HAND_test stays at the page furthest from the
head that is in its test period; a test begins at the head only, so the hand finds the next in one
sweep. The frames of the resident cold pages are on the policy's first list too, in the same order:
HAND_cold is at its back. All O(1), but for that sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.ghosts import (
    Ghosts,
    ghost_list,
    ghost_newer,
    ghost_oldest,
    ghost_push_front,
    ghost_remove,
    ghost_set_word,
    ghost_word,
    ghosts_on,
    wrong_ghosts,
)
from reclaim.kit.lists import frames_on, list_at, list_remove, push_back, push_front, take_back
from reclaim.vm.frames import frame_of

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

HOT, TEST, GONE = 1, 2, 4
HAND_TEST, NR_HOT, NR_GONE, COLD_SHARE = 0, 1, 2, 3


class ReuseClock(Handle):
    """Pages with marks: HOT, in TEST, GONE; a page that is neither HOT nor GONE is cold.

    Attributes
    ----------
    pages : Ghosts
        One list, and the pages' marks.
    state : int64 array, 4
        Where HAND_test is, NIL for the back; how many pages are HOT, how many GONE; the share of
        cold pages that adapts, m_c.
    """

    pages: Ghosts
    state: I64

    @classmethod
    def new(cls, nr_pages: int) -> ReuseClock:
        """Make an empty clock, 32 bytes a page."""
        return cls(pages=Ghosts.new(nr_pages, 1), state=np.array([NIL, 0, 0, 1], dtype=np.int64))


@kernel
def nr_hot(c: ReuseClock) -> int:
    """Return how many pages are hot."""
    return c.state[U(NR_HOT)]


@kernel
def nr_gone(c: ReuseClock) -> int:
    """Return how many pages are on the clock and not in memory."""
    return c.state[U(NR_GONE)]


@kernel
def on_clock(c: ReuseClock, page: int) -> bool:
    """Tell whether a page is on the clock."""
    return ghost_list(c.pages, page) != NIL


@kernel
def clock_marks(c: ReuseClock, page: int) -> int:
    """Return the marks of a page on the clock."""
    return ghost_word(c.pages, page)


@kernel
def _count(c: ReuseClock, marks: int, nr: int) -> None:
    c.state[U(NR_HOT)] += nr * (marks & HOT)
    c.state[U(NR_GONE)] += nr * ((marks & GONE) // GONE)


@kernel
def clock_enter(m: Machine, c: ReuseClock, page: int, marks: int) -> None:
    """Put a page that is not on the clock at the head."""
    ghost_set_word(c.pages, page, marks)
    ghost_push_front(c.pages, 0, page)
    _count(c, marks, 1)
    if (marks & (HOT | GONE)) == 0:
        push_front(m, list_at(m, 0), frame_of(m, page))


@kernel
def clock_leave(m: Machine, c: ReuseClock, page: int) -> None:
    """Take a page off the clock; HAND_test, if it is there, moves on."""
    if c.state[U(HAND_TEST)] == page:
        c.state[U(HAND_TEST)] = ghost_newer(c.pages, page)
    ghost_remove(c.pages, page)
    marks = clock_marks(c, page)
    _count(c, marks, -1)
    if (marks & (HOT | GONE)) == 0:
        list_remove(m, frame_of(m, page))


@kernel
def clock_move(m: Machine, c: ReuseClock, page: int, marks: int) -> None:
    """Move a page to the head, with new marks."""
    clock_leave(m, c, page)
    clock_enter(m, c, page, marks)


@kernel
def clock_go(m: Machine, c: ReuseClock, page: int) -> None:
    """Take a cold page's frame away: in test the page stays where it is, else it leaves."""
    if clock_marks(c, page) == TEST:
        ghost_set_word(c.pages, page, TEST | GONE)
        _count(c, GONE, 1)
        list_remove(m, frame_of(m, page))
    else:
        clock_leave(m, c, page)


@kernel
def clock_use_in_test(m: Machine, c: ReuseClock, page: int) -> None:
    """Take a page off the clock that was used in its test: the share of cold pages grows."""
    clock_leave(m, c, page)
    c.state[U(COLD_SHARE)] = max(min(c.state[U(COLD_SHARE)] + 1, m.nr_frames - 1), 1)


@kernel
def hot_is_full(m: Machine, c: ReuseClock) -> bool:
    """Tell whether one hot page has to turn cold before another may turn hot."""
    return 0 < nr_hot(c) >= m.nr_frames - c.state[U(COLD_SHARE)]


@kernel
def clock_end_test(m: Machine, c: ReuseClock, page: int) -> None:
    """End a test in which a page was not used: the share of cold pages shrinks.

    A page that is gone leaves the clock, another stays where it is.
    """
    c.state[U(COLD_SHARE)] = max(c.state[U(COLD_SHARE)] - 1, 1)
    if (clock_marks(c, page) & GONE) != 0:
        clock_leave(m, c, page)
    else:
        ghost_set_word(c.pages, page, 0)


@kernel
def hand_hot(c: ReuseClock) -> int:
    """Return the page furthest from the head, NIL if there is none."""
    return ghost_oldest(c.pages, 0)


@kernel
def hand_cold(m: Machine) -> int:
    """Return the frame of the last resident cold page, counted as scanned; NIL if there is none."""
    pfn = take_back(m, list_at(m, 0))
    if pfn != NIL:
        push_back(m, list_at(m, 0), pfn)
    return pfn


@kernel
def hand_test(c: ReuseClock) -> int:
    """Move HAND_test to the last page in test and return it; NIL if there is none."""
    page = c.state[U(HAND_TEST)]
    if page == NIL:
        page = ghost_oldest(c.pages, 0)
    while page != NIL and (ghost_word(c.pages, page) & TEST) == 0:
        page = ghost_newer(c.pages, page)
    c.state[U(HAND_TEST)] = page
    return page


def wrong_reuse_clock(m: Machine, c: ReuseClock, owned: set[int]) -> str:
    """Return how the clock differs from its counts and from the frames owned, "" if not."""
    pages = [(page, int(clock_marks(c, page))) for page in ghosts_on(c.pages, 0)]
    cold = [int(frame_of(m, page)) for page, marks in pages if not marks & (HOT | GONE)]
    hot = [int(frame_of(m, page)) for page, marks in pages if marks & HOT]
    gone = [page for page, marks in pages if marks & GONE]
    if cold != frames_on(m, m.nr_frames):
        return "the cold pages of the clock are not those whose frames are on the list"
    if sorted(cold + hot) != sorted(owned):
        return "the resident pages of the clock are not those of the frames owned"
    if [len(hot), len(gone)] != c.state[NR_HOT:COLD_SHARE].tolist():
        return f"{len(hot)} pages are hot, {len(gone)} gone; counted {c.state[NR_HOT:COLD_SHARE]}"
    hand = int(c.state[HAND_TEST])
    if hand != NIL and not on_clock(c, hand):
        return f"HAND_test is at page {hand}, which is not on the clock"
    behind = ghosts_on(c.pages, 0)
    behind = behind[behind.index(hand) + 1 :] if hand != NIL else []
    if any(clock_marks(c, page) & TEST for page in behind):
        return "HAND_test has passed a page in test"
    return wrong_ghosts(c.pages)
