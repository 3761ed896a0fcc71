"""Are lists over rows what a Python list would be after the same operations?"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.row_lists import (
    row_list_init,
    row_list_insert,
    row_list_nodes,
    row_list_push_back,
    row_list_push_front,
    row_list_remove,
)

WIDTH = 5  # words between nodes: they lie in the middle of somebody's rows
ACTIONS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 7)), max_size=60)


@given(ACTIONS)
def test_any_sequence_of_operations(actions: list[tuple[int, int, int]]) -> None:
    rows, heads = np.full(8 * WIDTH, 77, np.int64), np.full(6, 77, np.int64)
    row_list_init(heads, 3)
    naive: list[int] = []
    for what, which, where in actions:
        node = which * WIDTH + 1
        other = naive[where % len(naive)] if naive else NIL
        if node in naive:
            row_list_remove(rows, heads, 3, node)
            naive.remove(node)
        elif what == 0:
            row_list_push_front(rows, heads, 3, node)
            naive.insert(0, node)
        elif what == 1 and naive:
            row_list_insert(rows, heads, 3, node, other)
            naive.insert(naive.index(other), node)
        else:
            row_list_push_back(rows, heads, 3, node)
            naive.append(node)
        assert row_list_nodes(rows, heads, 3) == naive
    ours = {n for k in range(8) for n in (k * WIDTH + 1, k * WIDTH + 2)}
    assert all(word == 77 for k, word in enumerate(rows) if k not in ours)
    assert heads.tolist()[:3] == [77] * 3
