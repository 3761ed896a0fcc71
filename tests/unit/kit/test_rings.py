"""Is a ring what a Python list would be after the same operations?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.rings import (
    ring_last,
    ring_next,
    ring_nodes,
    ring_push_back,
    ring_push_front,
    ring_remove,
)
from tests.lanes import both

WIDTH, PLACES = 5, 8  # nodes lie in the middle of somebody's rows
BACK, FRONT, REMOVE, ROTATE = range(4)
ACTIONS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, PLACES - 1)), max_size=60)


def program(rows: Any, ops: Any, ends: Any) -> int:
    """Do operations (what, node) in turn, noting the first and the last node after each."""
    first = NIL
    for i in range(len(ops) // 2):
        what, node = ops[2 * i], ops[2 * i + 1]
        if what == BACK:
            first = ring_push_back(rows, first, node)
        elif what == FRONT:
            first = ring_push_front(rows, first, node)
        elif what == REMOVE:
            first = ring_remove(rows, first, node)
        else:
            first = ring_next(rows, first)
        ends[2 * i] = first
        ends[2 * i + 1] = NIL if first == NIL else ring_last(rows, first)
    return first


@pytest.mark.parametrize("run", both(program), ids=lambda run: type(run).__name__)
@given(actions=ACTIONS)
def test_any_sequence_of_operations(run: Any, actions: list[tuple[int, int]]) -> None:
    naive: list[int] = []
    ops: list[int] = []
    expected: list[int] = []
    for what, which in actions:
        node = which * WIDTH + 2
        if node in naive and what == ROTATE:
            naive.append(naive.pop(0))
            ops += [ROTATE, node]
        elif node in naive:
            naive.remove(node)
            ops += [REMOVE, node]
        elif what == FRONT:
            naive.insert(0, node)
            ops += [FRONT, node]
        else:
            naive.append(node)
            ops += [BACK, node]
        expected += [naive[0], naive[-1]] if naive else [NIL, NIL]
    rows, ends = np.full(PLACES * WIDTH, 77, np.int64), np.zeros(len(expected), np.int64)
    first = int(run(rows, np.array(ops, dtype=np.int64), ends))
    assert ends.tolist() == expected
    assert ring_nodes(rows, first) == naive
    outside = np.isin(np.arange(len(rows)) % WIDTH, (2, 3), invert=True)
    assert (rows[outside] == 77).all()
