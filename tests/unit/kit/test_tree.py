"""Does the interval tree answer as a sorted list does?

The list keeps (low, high, node) in order; equal low ends stay in order of insertion, `insert_after`
goes right behind the node it names.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim import rows as r
from reclaim.ids import NIL
from reclaim.kit.tree import (
    tree_first,
    tree_floor,
    tree_insert,
    tree_insert_after,
    tree_next,
    tree_remove,
)
from tests.lanes import both

INSERT, AFTER, REMOVE, QUERY, FLOOR = range(5)
STRIDE, SHIFT = 9, 2  # a node lies inside a larger row
PLACES = 40
ROOT = 3  # of a few words; the others must not change


def program(rows: Any, roots: Any, ops: Any, out: Any, steps: Any) -> int:
    """Do operations (what, node, low, high); answers of queries go to `out`, each ended by NIL."""
    nr = 0
    for i in range(len(ops) // 4):
        what, node, low, high = ops[4 * i], ops[4 * i + 1], ops[4 * i + 2], ops[4 * i + 3]
        if what == INSERT:
            rows[node + r.NODE_LOW] = low
            rows[node + r.NODE_HIGH] = high
            tree_insert(rows, roots, ROOT, node)
        elif what == AFTER:  # `low` is the node before it
            rows[node + r.NODE_LOW] = rows[low + r.NODE_LOW]
            rows[node + r.NODE_HIGH] = high
            tree_insert_after(rows, roots, ROOT, low, node)
        elif what == REMOVE:
            tree_remove(rows, roots, ROOT, node)
        elif what == FLOOR:
            out[nr] = tree_floor(rows, roots[ROOT], low)
            nr += 1
        else:
            found = tree_first(rows, roots[ROOT], low, high, steps, 0)
            while found != NIL:
                out[nr] = found
                nr += 1
                found = tree_next(rows, found, low, high, steps, 0)
            out[nr] = NIL
            nr += 1
    return nr


PROGRAMS = both(program)


class SortedList:
    """The twin: a list of [low, high, node]."""

    def __init__(self) -> None:
        self.items: list[list[int]] = []

    def insert(self, node: int, low: int, high: int) -> None:
        behind = [i for i, item in enumerate(self.items) if item[0] <= low]
        self.items.insert(behind[-1] + 1 if behind else 0, [low, high, node])

    def insert_after(self, before: int, node: int, high: int) -> None:
        at = [item[2] for item in self.items].index(before)
        self.items.insert(at + 1, [self.items[at][0], high, node])

    def remove(self, node: int) -> None:
        self.items = [item for item in self.items if item[2] != node]

    def query(self, low: int, high: int) -> list[int]:
        return [node for a, b, node in self.items if a <= high and b >= low]

    def floor(self, key: int) -> int:
        found = [node for low, _, node in self.items if low <= key]
        return found[-1] if found else NIL


def work_out(choices: list[tuple[int, int, int, int]]) -> tuple[list[int], list[int], SortedList]:
    """Turn free choices into operations that are allowed, and answer them by the list."""
    twin, ops, answers = SortedList(), [], []
    for what, which, low, size in choices:
        used = [item[2] for item in twin.items]
        free = [n for n in range(SHIFT, SHIFT + PLACES * STRIDE, STRIDE) if n not in used]
        if what == INSERT and free:
            node = free[which % len(free)]
            twin.insert(node, low, low + size)
            ops += [INSERT, node, low, low + size]
        elif what == AFTER and free and used:
            node, before = free[which % len(free)], used[low % len(used)]
            at = next(item[0] for item in twin.items if item[2] == before)
            twin.insert_after(before, node, at + size)
            ops += [AFTER, node, before, at + size]
        elif what == REMOVE and used:
            node = used[which % len(used)]
            twin.remove(node)
            ops += [REMOVE, node, 0, 0]
        elif what == FLOOR:
            ops += [FLOOR, 0, low, 0]
            answers.append(twin.floor(low))
        else:
            ops += [QUERY, 0, low, low + size]
            answers += [*twin.query(low, low + size), NIL]
    return ops, answers, twin


def whole(rows: Any, top: int) -> tuple[list[int], int]:
    """Return the nodes of a tree in order and its depth, checking links and highest ends."""
    if top == NIL:
        return [], 0
    left, right = (int(rows[top + side]) for side in (r.NODE_LEFT, r.NODE_RIGHT))
    for child in (left, right):
        assert child == NIL or rows[child + r.NODE_PARENT] == top
    before, behind = whole(rows, left), whole(rows, right)
    nodes = [*before[0], top, *behind[0]]
    assert rows[top + r.NODE_MAX] == max(rows[node + r.NODE_HIGH] for node in nodes)
    return nodes, 1 + max(before[1], behind[1])


CHOICE = st.tuples(
    st.sampled_from([INSERT, INSERT, INSERT, AFTER, REMOVE, REMOVE, QUERY, FLOOR]),
    st.integers(0, 100),
    st.integers(0, 20),
    st.integers(0, 8),
)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=200))
def test_as_a_sorted_list(run: Any, choices: list[tuple[int, int, int, int]]) -> None:
    ops, answers, twin = work_out(choices)
    rows = np.full(SHIFT + PLACES * STRIDE, 77, dtype=np.int64)
    roots = np.array([5, 6, 7, NIL, 8], dtype=np.int64)
    out = np.zeros(len(answers) + 64, dtype=np.int64)
    nr = run(rows, roots, np.array(ops, dtype=np.int64), out, np.zeros(1, dtype=np.int64))
    assert out[:nr].tolist() == answers
    assert whole(rows, int(roots[ROOT]))[0] == [item[2] for item in twin.items]
    assert roots.tolist()[:3] == [5, 6, 7]
    outside = np.arange(len(rows)) % STRIDE
    assert (rows[(outside < SHIFT) | (outside >= SHIFT + r.NODE_WORDS)] == 77).all()


@pytest.mark.parametrize("order", ["ascending", "equal", "random"])
def test_depth_and_steps_stay_logarithmic(order: str) -> None:
    """4000 intervals inserted in a bad order: a search inspects some 1.4 log2 n nodes, not n."""
    nr = 4000
    lows = {"ascending": list(range(nr)), "equal": [0] * nr, "random": list(range(nr))}[order]
    if order == "random":
        random.Random(1).shuffle(lows)
    ops = [word for at, low in enumerate(lows) for word in (INSERT, at * 32, low, low)]
    rows, roots = np.zeros(nr * 32, dtype=np.int64), np.full(4, NIL)
    steps, out = np.zeros(1, dtype=np.int64), np.zeros(nr + 1, dtype=np.int64)
    PROGRAMS[-1](rows, roots, np.array(ops), out, steps)
    nodes, depth = whole(rows, int(roots[ROOT]))
    assert len(nodes) == nr
    assert depth <= 4 * math.log2(nr)
    asked = 17 if order != "equal" else 0
    PROGRAMS[-1](rows, roots, np.array([QUERY, 0, asked, asked]), out, steps)
    found = nr if order == "equal" else 1
    assert steps[0] <= 2 * found + 4 * math.log2(nr)  # down to a node, and up to it
