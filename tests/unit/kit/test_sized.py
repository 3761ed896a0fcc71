"""Do lists that know their sizes behave as Python's lists, and their counts as `len`?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.lists import frames_on
from reclaim.kit.sized import (
    sized_last,
    sized_list,
    sized_move_back,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    sized_take_victims,
    wrong_sizes,
)
from tests.lanes import both
from tests.unit.kit.test_lists import FRAMES, LISTS, empty_machine

FRONT, BACK, MOVE, SINK, REMOVE, TAKE = range(6)


def program(m: Any, sizes: Any, ops: Any, out: Any) -> int:
    """Do operations (what, list, frame); `out`: its list or the frame taken, where it was."""
    for i in range(len(ops) // 3):
        what, k, pfn = ops[3 * i], ops[3 * i + 1], ops[3 * i + 2]
        if what == FRONT:
            sized_push_front(m, sizes, k, pfn)
        elif what == BACK:
            sized_push_back(m, sizes, k, pfn)
        elif what == MOVE:
            sized_move_front(m, sizes, k, pfn)
        elif what == SINK:
            sized_move_back(m, sizes, pfn)
        elif what == REMOVE:
            sized_remove(m, sizes, pfn)
        else:
            pfn = sized_take_back(m, sizes, k)
        out[2 * i] = pfn if what == TAKE else sized_list(m, pfn)
        out[2 * i + 1] = sized_last(m, pfn) if what in (REMOVE, TAKE) and pfn != NIL else NIL
    return len(ops) // 3


PROGRAMS = both(program)
CHOICE = st.tuples(st.integers(FRONT, TAKE), st.integers(0, LISTS - 1), st.integers(0, FRAMES - 1))


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=120))
def test_as_lists_of_python(run: Any, choices: list[tuple[int, int, int]]) -> None:
    lists: list[list[int]] = [[] for _ in range(LISTS)]
    ops: list[int] = []
    expected: list[int] = []
    for wanted, k, pfn in choices:
        where = next((at for at in range(LISTS) if pfn in lists[at]), NIL)
        what = wanted
        if wanted != TAKE and (where == NIL) != (wanted in (FRONT, BACK)):
            what = MOVE if wanted in (FRONT, BACK) else FRONT
        at = where if what == SINK else k
        ops += [what, at, pfn]
        if what == TAKE:
            expected += [lists[k].pop(), k] if lists[k] else [NIL, NIL]
            continue
        if where != NIL:
            lists[where].remove(pfn)
        if what != REMOVE:
            lists[at].insert(len(lists[at]) if what in (BACK, SINK) else 0, pfn)
        expected += [NIL, where] if what == REMOVE else [at, NIL]
    m, sizes = empty_machine(), np.zeros(LISTS, dtype=np.int64)
    out = np.zeros(len(expected) + 1, dtype=np.int64)
    assert 2 * run(m, sizes, np.array(ops, dtype=np.int64), out) == len(expected)
    assert out[:-1].tolist() == expected
    assert [frames_on(m, FRAMES + k) for k in range(LISTS)] == lists
    assert sizes.tolist() == [len(frames) for frames in lists]
    assert wrong_sizes(m, sizes, {pfn for frames in lists for pfn in frames}) == ""


def test_the_check_sees_what_is_wrong() -> None:
    m, sizes = empty_machine(), np.zeros(LISTS, dtype=np.int64)
    sized_push_front(m, sizes, 1, 4)
    assert "hold [4]" in wrong_sizes(m, sizes, set())
    sizes[1] = 2
    assert "holds 1 frames and counts 2" in wrong_sizes(m, sizes, {4})


def take_twice(m: Any, sizes: Any, victims: Any) -> int:
    """Take two victims, then up to four more behind them."""
    nr = sized_take_victims(m, sizes, 2, victims)
    return 10 * nr + sized_take_victims(m, sizes, 4, victims[2:])


@pytest.mark.parametrize("run", both(take_twice), ids=lambda run: type(run).__name__)
def test_victims_come_from_the_lowest_list_first(run: Any) -> None:
    m, sizes = empty_machine(), np.zeros(LISTS, dtype=np.int64)
    for k, pfn in [(2, 0), (0, 1), (2, 3), (0, 4), (0, 5)]:
        sized_push_front(m, sizes, k, pfn)
    victims = np.zeros(8, dtype=np.int64)
    assert run(m, sizes, victims) == 23
    assert victims.tolist() == [1, 4, 5, 0, 3, 0, 0, 0]
    assert wrong_sizes(m, sizes, set()) == ""
