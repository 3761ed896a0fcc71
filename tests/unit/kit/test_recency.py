"""Does the stack of pages by last use behave as Python's lists?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.ghosts import LIST, ghosts_on
from reclaim.kit.recency import (
    RecencyStack,
    stack_drop,
    stack_drop_name,
    stack_holds,
    stack_leave,
    stack_prune,
    stack_push,
    stack_size,
    stack_take_marked,
    stack_touch,
    stacked,
    wrong_stack,
)
from tests.lanes import both

PUSH, MARKED, TOUCH, TAKE, LEAVE, DROP, DROP_NAME, PRUNE = range(8)
PAGES = 9


def program(s: Any, ops: Any, out: Any) -> int:
    """Do operations (what, page); what was taken, or the size, goes to `out`."""
    for i in range(len(ops) // 2):
        what, page = ops[2 * i], ops[2 * i + 1]
        if what in (PUSH, MARKED):
            stack_drop(s, page)
            stack_push(s, page, int(what == MARKED))
        elif what == TOUCH:
            stack_touch(s, page)
        elif what == LEAVE:
            stack_leave(s, page)
        elif what == DROP:
            stack_drop(s, page)
        elif what == DROP_NAME:
            stack_drop_name(s)
        elif what == PRUNE:
            stack_prune(s)
        out[i] = stack_take_marked(s) if what == TAKE else stack_size(s)
    return len(ops) // 2


class Twin:
    """The same with lists: pages from the bottom up, names in the order in which they left."""

    def __init__(self) -> None:
        self.pages: list[int] = []
        self.marked: set[int] = set()
        self.names: list[int] = []

    def drop(self, page: int) -> None:
        self.marked.discard(page)
        self.pages = [one for one in self.pages if one != page]
        self.names = [one for one in self.names if one != page]

    def push(self, page: int, marked: bool) -> None:
        self.drop(page)
        self.pages.append(page)
        if marked:
            self.marked.add(page)

    def prune(self) -> None:
        while self.pages and self.pages[0] not in self.marked:
            self.drop(self.pages[0])

    def do(self, what: int, page: int) -> int:
        if what in (PUSH, MARKED):
            self.push(page, what == MARKED)
        elif what == TOUCH:
            self.push(page, True)
            self.prune()
        elif what == LEAVE and page in self.pages and page not in self.names:
            self.names.append(page)
            self.marked.discard(page)
        elif what == DROP:
            self.drop(page)
        elif what == DROP_NAME and self.names:
            self.drop(self.names[0])
        elif what == PRUNE:
            self.prune()
        elif what == TAKE:
            self.prune()
            taken = self.pages[0] if self.pages else NIL
            self.drop(taken)
            self.prune()
            return taken
        return len(self.pages)


CHOICE = st.tuples(st.integers(PUSH, PRUNE), st.integers(0, PAGES - 1))


@pytest.mark.parametrize("run", both(program), ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=100))
def test_as_lists_of_python(run: Any, choices: list[tuple[int, int]]) -> None:
    twin, stack = Twin(), RecencyStack.new(PAGES)
    ops: list[int] = []
    expected: list[int] = []
    for wanted, page in choices:
        what = MARKED if wanted == TOUCH and page not in twin.marked else wanted
        ops += [what, page]
        expected.append(twin.do(what, page))
    out = np.zeros(len(expected) + 1, dtype=np.int64)
    assert run(stack, np.array(ops, dtype=np.int64), out) == len(expected)
    assert out[:-1].tolist() == expected
    assert stacked(stack) == twin.pages[::-1]
    assert ghosts_on(stack.names, 0) == twin.names[::-1]
    assert [page for page in range(PAGES) if stack_holds(stack, page)] == sorted(twin.pages)
    stack_prune(stack)
    twin.prune()
    resident = set(twin.pages) - set(twin.names)
    assert wrong_stack(stack, resident, len(twin.marked)) == ""


def test_the_check_sees_what_is_wrong() -> None:
    stack = RecencyStack.new(PAGES)
    stack_push(stack, 2, 1)
    stack_push(stack, 4, 0)
    stack_leave(stack, 4)
    assert wrong_stack(stack, [2], 1) == ""
    assert "have left" in wrong_stack(stack, [], 1)
    assert "2 should be" in wrong_stack(stack, [2], 2)
    stack_push(stack, 6, 1)
    stack_leave(stack, 2)
    assert "not pruned" in wrong_stack(stack, [6], 1)
    stack_prune(stack)
    stack.pages.row[LIST] = 0
    assert "2 pages say" in wrong_stack(stack, [6], 1)
