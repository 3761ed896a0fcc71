"""Does CLOCK-Pro's clock behave as a Python list of pages with marks?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.ghosts import ghosts_on
from reclaim.kit.lists import frames_on
from reclaim.kit.reuse_clock import (
    COLD_SHARE,
    GONE,
    HAND_TEST,
    HOT,
    NR_HOT,
    TEST,
    ReuseClock,
    clock_end_test,
    clock_enter,
    clock_go,
    clock_leave,
    clock_move,
    clock_use_in_test,
    hand_cold,
    hand_hot,
    hand_test,
    hot_is_full,
    nr_gone,
    nr_hot,
    on_clock,
    wrong_reuse_clock,
)
from reclaim.rows import PAGE_FRAME, PAGE_WORDS
from tests.lanes import both
from tests.unit.kit.test_lists import FRAMES, empty_machine

ENTER, LEAVE, MOVE, GO, END, USE = range(6)


def program(m: Any, c: Any, ops: Any, out: Any) -> int:
    """Do operations (what, page, marks); where the hands are then goes to `out`."""
    for i in range(len(ops) // 3):
        what, page, marks = ops[3 * i], ops[3 * i + 1], ops[3 * i + 2]
        if what == ENTER:
            clock_enter(m, c, page, marks)
        elif what == LEAVE:
            clock_leave(m, c, page)
        elif what == MOVE:
            clock_move(m, c, page, marks)
        elif what == GO:
            clock_go(m, c, page)
        elif what == END:
            clock_end_test(m, c, page)
        else:
            clock_use_in_test(m, c, page)
        out[6 * i] = hand_hot(c)
        out[6 * i + 1] = hand_cold(m)
        out[6 * i + 2] = hand_test(c)
        out[6 * i + 3] = nr_hot(c)
        out[6 * i + 4] = nr_gone(c)
        out[6 * i + 5] = int(hot_is_full(m, c)) + 2 * int(on_clock(c, page))
    return len(ops) // 3


PROGRAMS = both(program)
CHOICE = st.tuples(
    st.integers(ENTER, USE), st.integers(0, FRAMES - 1), st.sampled_from([0, TEST, HOT])
)


class Twin:
    """Pages from the head on, with their marks."""

    def __init__(self) -> None:
        self.clock: list[tuple[int, int]] = []
        self.share = 1

    def marks(self, page: int) -> int:
        return dict(self.clock).get(page, NIL)

    def replace(self, page: int, marks: int | None, *, at_head: bool) -> None:
        place = [one for one, _ in self.clock].index(page)
        del self.clock[place]
        if marks is not None:
            self.clock.insert(0 if at_head else place, (page, marks))

    def do(self, what: int, page: int, marks: int) -> None:
        if what == ENTER:
            self.clock.insert(0, (page, marks))
        elif what == MOVE:
            self.replace(page, marks, at_head=True)
        elif what == GO and self.marks(page) == TEST:
            self.replace(page, TEST | GONE, at_head=False)
        elif what == END:
            self.share = max(self.share - 1, 1)
            gone = self.marks(page) & GONE
            self.replace(page, None if gone else 0, at_head=False)
        else:
            self.replace(page, None, at_head=False)
            if what == USE:
                self.share = max(1, min(self.share + 1, FRAMES - 1))

    def hands(self, page: int) -> list[int]:
        def last(pages: list[int]) -> int:
            return pages[-1] if pages else NIL

        hot = sum(marks & HOT for _, marks in self.clock)
        return [
            last([one for one, _ in self.clock]),
            last([one for one, marks in self.clock if not marks & (HOT | GONE)]),
            last([one for one, marks in self.clock if marks & TEST]),
            hot,
            sum(marks & GONE > 0 for _, marks in self.clock),
            (0 < hot >= FRAMES - self.share) + 2 * (self.marks(page) != NIL),
        ]


def machine() -> Any:
    """Make a machine whose frame k holds page k."""
    m = empty_machine()
    m.page = np.zeros(FRAMES * PAGE_WORDS, dtype=np.int64)
    m.page[PAGE_FRAME::PAGE_WORDS] = np.arange(FRAMES)
    return m


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=120))
def test_as_a_list(run: Any, choices: list[tuple[int, int, int]]) -> None:
    twin, ops, expected = Twin(), [], []
    for wanted, page, marks in choices:
        now = twin.marks(page)
        what = wanted if now != NIL else ENTER
        cold, in_test = not now & (HOT | GONE), now & TEST > 0
        allowed = {ENTER: now == NIL, GO: cold, END: in_test, USE: in_test}
        if not allowed.get(what, True):
            continue
        twin.do(what, page, marks)
        ops += [what, page, marks]
        expected += twin.hands(page)
    m, clock = machine(), ReuseClock.new(FRAMES)
    out = np.zeros(len(expected) + 1, dtype=np.int64)
    run(m, clock, np.array(ops, dtype=np.int64), out)
    assert out[:-1].tolist() == expected
    assert ghosts_on(clock.pages, 0) == [page for page, _ in twin.clock]
    assert clock.state[COLD_SHARE] == twin.share
    assert not wrong_reuse_clock(m, clock, {p for p, marks in twin.clock if not marks & GONE})


def test_the_check_sees_what_is_wrong() -> None:
    m, clock = machine(), ReuseClock.new(FRAMES)
    for page in (1, 2, 3):
        clock_enter(m, clock, page, TEST)
    clock_move(m, clock, 2, HOT)
    assert not wrong_reuse_clock(m, clock, {1, 2, 3})
    assert "frames owned" in wrong_reuse_clock(m, clock, {1, 2})
    clock.state[NR_HOT] = 2
    assert "1 pages are hot" in wrong_reuse_clock(m, clock, {1, 2, 3})
    clock.state[NR_HOT] = 1
    clock.state[HAND_TEST] = 3
    assert "has passed a page" in wrong_reuse_clock(m, clock, {1, 2, 3})
    clock.state[HAND_TEST] = 5
    assert "not on the clock" in wrong_reuse_clock(m, clock, {1, 2, 3})
    clock_go(m, clock, 1)
    assert frames_on(m, FRAMES) == [3]
    clock.pages.row[3 * 4 + 3] = HOT
    assert "on the list" in wrong_reuse_clock(m, clock, {2, 3})
