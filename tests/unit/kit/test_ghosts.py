"""Do ghost lists behave as Python's lists of page numbers?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.ghosts import (
    GHOST_WORDS,
    LIST,
    Ghosts,
    ghost_claim,
    ghost_list,
    ghost_move_front,
    ghost_oldest,
    ghost_push_front,
    ghost_recall,
    ghost_remember,
    ghost_remove,
    ghost_set_word,
    ghost_size,
    ghost_take_oldest,
    ghost_word,
    ghosts_on,
    wrong_ghosts,
)
from tests.lanes import both

PUSH, MOVE, REMOVE, TAKE = range(4)
PAGES, LISTS = 15, 3


def program(g: Any, ops: Any, out: Any) -> int:
    """Do operations (what, list, page); what was taken or where the page was goes to `out`."""
    for i in range(len(ops) // 3):
        what, k, page = ops[3 * i], ops[3 * i + 1], ops[3 * i + 2]
        if what == PUSH:
            ghost_push_front(g, k, page)
            ghost_set_word(g, page, ghost_word(g, page) + 1)
            out[i] = ghost_size(g, k)
        elif what == MOVE:
            ghost_move_front(g, k, page)
            out[i] = ghost_oldest(g, k)
        elif what == REMOVE:
            out[i] = ghost_list(g, page)
            ghost_remove(g, page)
        else:
            out[i] = ghost_oldest(g, k)
            if ghost_take_oldest(g, k) != out[i]:
                out[i] = -99
    return len(ops) // 3


PROGRAMS = both(program)
CHOICE = st.tuples(st.integers(PUSH, TAKE), st.integers(0, LISTS - 1), st.integers(0, PAGES - 1))


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=120))
def test_as_lists(run: Any, choices: list[tuple[int, int, int]]) -> None:
    ops: list[int] = []
    expected: list[int] = []
    twin: list[list[int]] = [[] for _ in range(LISTS)]
    pushes = [0] * PAGES
    for wanted, k, page in choices:
        where = next((at for at in range(LISTS) if page in twin[at]), NIL)
        what = REMOVE if wanted == PUSH and where != NIL else wanted
        if what in (MOVE, REMOVE) and where == NIL:
            continue
        at = where if what == MOVE else k
        ops += [what, at, page]
        if what == PUSH:
            twin[k].insert(0, page)
            pushes[page] += 1
            expected.append(len(twin[k]))
        elif what == MOVE:
            twin[at].remove(page)
            twin[at].insert(0, page)
            expected.append(twin[at][-1])
        elif what == REMOVE:
            twin[where].remove(page)
            expected.append(where)
        else:
            expected.append(twin[k].pop() if twin[k] else NIL)
    ghosts = Ghosts.new(PAGES, LISTS)
    out = np.zeros(len(expected) + 1, dtype=np.int64)
    assert run(ghosts, np.array(ops, dtype=np.int64), out) == len(expected)
    assert out[:-1].tolist() == expected
    assert [ghosts_on(ghosts, k) for k in range(LISTS)] == twin
    assert [int(ghost_word(ghosts, page)) for page in range(PAGES)] == pushes
    assert not wrong_ghosts(ghosts)


def test_the_check_sees_what_is_wrong() -> None:
    ghosts = Ghosts.new(PAGES, LISTS)
    ghost_push_front(ghosts, 1, 4)
    assert not wrong_ghosts(ghosts, [3, 5])
    assert "must not be" in wrong_ghosts(ghosts, [3, 4])
    ghosts.size[1] = 2
    assert "holds 1 pages and says 2" in wrong_ghosts(ghosts)
    ghosts.size[1] = 1
    ghosts.row[4 * GHOST_WORDS + LIST] = 0
    assert "on another" in wrong_ghosts(ghosts)
    ghosts.row[4 * GHOST_WORDS + LIST] = 1
    ghosts.row[5 * GHOST_WORDS + LIST] = 0
    assert "2 pages say" in wrong_ghosts(ghosts)


def remember(g: Any, out: Any) -> int:
    """Remember four pages where three have room, recall the oldest left, remember another."""
    for page in range(4):
        ghost_remember(g, 1, page, 10 + page, 3)
    ghost_recall(g, 1)
    ghost_recall(g, 9)
    ghost_remember(g, 1, 7, 17, 3)
    ghost_remember(g, 1, 8, 18, 3)
    for page in range(10):
        out[page] = ghost_claim(g, page)
    return ghost_size(g, 1)


@pytest.mark.parametrize("run", both(remember), ids=lambda run: type(run).__name__)
def test_what_is_pushed_out_is_forgotten_and_what_was_recalled_is_not(run: Any) -> None:
    ghosts, out = Ghosts.new(PAGES, LISTS), np.zeros(10, dtype=np.int64)
    assert run(ghosts, out) == 0
    assert out.tolist() == [0, 11, 0, 13, 0, 0, 0, 17, 18, 0]
    assert not wrong_ghosts(ghosts)
    assert [int(ghost_word(ghosts, page)) for page in range(PAGES)] == [0] * PAGES
