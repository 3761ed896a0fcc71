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
    sized_list,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    wrong_sizes,
)
from tests.lanes import both
from tests.unit.kit.test_lists import FRAMES, LISTS, empty_machine

FRONT, BACK, MOVE, REMOVE, TAKE = range(5)


def program(m: Any, sizes: Any, ops: Any, out: Any) -> int:
    """Do operations (what, list, frame); the frame's list, or the frame taken, goes to `out`."""
    for i in range(len(ops) // 3):
        what, k, pfn = ops[3 * i], ops[3 * i + 1], ops[3 * i + 2]
        if what == FRONT:
            sized_push_front(m, sizes, k, pfn)
        elif what == BACK:
            sized_push_back(m, sizes, k, pfn)
        elif what == MOVE:
            sized_move_front(m, sizes, k, pfn)
        elif what == REMOVE:
            sized_remove(m, sizes, pfn)
        else:
            pfn = sized_take_back(m, sizes, k)
        out[i] = pfn if what == TAKE else sized_list(m, pfn)
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
        ops += [what, k, pfn]
        if what == TAKE:
            expected.append(lists[k].pop() if lists[k] else NIL)
            continue
        if where != NIL:
            lists[where].remove(pfn)
        if what != REMOVE:
            lists[k].insert(len(lists[k]) if what == BACK else 0, pfn)
        expected.append(NIL if what == REMOVE else k)
    m, sizes = empty_machine(), np.zeros(LISTS, dtype=np.int64)
    out = np.zeros(len(expected) + 1, dtype=np.int64)
    assert run(m, sizes, np.array(ops, dtype=np.int64), out) == len(expected)
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
