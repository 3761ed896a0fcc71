"""Does the radix priority search tree find what a list of intervals finds, and keep its shape?

The shape is checked on the rows: heap by last page, radix by first page, rings of equals. The order
of a search is derived from the shape by recursion over the whole tree, without leaving anything
out.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit import prio_tree as p
from tests.lanes import both

INSERT, BESIDE, REMOVE, QUERY = range(4)
STRIDE, SHIFT = 10, 2  # a node lies inside a larger row
PLACES = 40
ROOT = 2  # of a few words; the others must not change


def program(rows: Any, roots: Any, ops: Any, out: Any, steps: Any) -> int:
    """Do operations (what, node, low, high); answers of queries go to `out`, each ended by NIL."""
    nr = 0
    for i in range(len(ops) // 4):
        what, node, low, high = ops[4 * i], ops[4 * i + 1], ops[4 * i + 2], ops[4 * i + 3]
        if what == INSERT:
            rows[node + p.FIRST] = low
            rows[node + p.LAST] = high
            p.prio_insert(rows, roots, ROOT, node)
        elif what == BESIDE:  # `low` is the node that it equals
            p.prio_insert_beside(rows, node, low)
        elif what == REMOVE:
            p.prio_remove(rows, roots, ROOT, node)
        else:
            place = p.prio_first(rows, roots, ROOT, low, high, steps, 0)
            while place != NIL:
                out[nr] = p.prio_node(place)
                nr += 1
                place = p.prio_next(rows, roots, ROOT, place, low, high, steps, 0)
            out[nr] = NIL
            nr += 1
    return nr


PROGRAMS = both(program)


class Machine:
    """A tree of its own, driven a step at a time, beside a dict of intervals."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.rows = np.full(SHIFT + PLACES * STRIDE, 77, dtype=np.int64)
        self.roots = np.array([5, 6, NIL, 7, 8], dtype=np.int64)
        self.steps = np.zeros(1, dtype=np.int64)
        self.held: dict[int, tuple[int, int]] = {}

    def do(self, *op: int) -> list[int]:
        out = np.zeros(PLACES + 2, dtype=np.int64)
        nr = self.run(self.rows, self.roots, np.array(op, dtype=np.int64), out, self.steps)
        return [int(n) for n in out[:nr]][:-1]

    def insert(self, node: int, low: int, high: int) -> None:
        self.do(INSERT, node, low, high)
        self.held[node] = (low, high)

    def beside(self, node: int, like: int) -> None:
        self.do(BESIDE, node, like, 0)
        self.held[node] = self.held[like]

    def remove(self, node: int) -> None:
        self.do(REMOVE, node, 0, 0)
        del self.held[node]

    def query(self, low: int, high: int) -> list[int]:
        return self.do(QUERY, 0, low, high)

    def word(self, node: int, column: int) -> int:
        return int(self.rows[node + column])

    def interval(self, node: int) -> tuple[int, int]:
        return self.word(node, p.FIRST), self.word(node, p.LAST)

    def ring(self, node: int) -> list[int]:
        """Return a tree node and its equals, checking links and marks."""
        found = [node]
        at = self.word(node, p.NEXT)
        while at != node:
            assert self.word(at, p.PREV) == found[-1]
            assert self.word(at, p.PARENT) == p.MEMBER
            assert self.interval(at) == self.interval(node)
            found.append(at)
            at = self.word(at, p.NEXT)
        assert self.word(node, p.PREV) == found[-1]
        return found

    def whole(self, top: int, parent: int, path: str) -> list[int]:
        """Return all nodes in the order of a search, checking heap and radix on the way."""
        if top == NIL:
            return []
        first, last = self.interval(top)
        bits = int(self.roots[ROOT + p.BITS])
        assert self.word(top, p.PARENT) == parent
        assert last < 1 << bits
        assert f"{first:0{bits}b}".startswith(path[:bits])
        if parent != NIL:
            above = self.interval(parent)
            assert (last, -first) <= (above[1], -above[0])
        left = self.whole(self.word(top, p.LEFT), top, path + "0")
        return [*self.ring(top), *left, *self.whole(self.word(top, p.RIGHT), top, path + "1")]

    def nodes(self) -> list[int]:
        return self.whole(int(self.roots[ROOT + p.TOP]), NIL, "")

    def check(self) -> None:
        nodes = self.nodes()
        assert sorted(nodes) == sorted(self.held)
        assert all(self.interval(node) == self.held[node] for node in nodes)
        assert self.roots[[0, 1, 4]].tolist() == [5, 6, 8]
        outside = np.arange(len(self.rows)) % STRIDE
        untouched = (outside < SHIFT) | (outside >= SHIFT + p.PRIO_WORDS)
        assert (self.rows[untouched] == 77).all()


# Small numbers collide, a few large ones make the tree deeper.
LOW = st.integers(0, 12) | st.sampled_from([31, 100, 5000, 1 << 36])
CHOICE = st.tuples(
    st.sampled_from([INSERT, INSERT, INSERT, BESIDE, REMOVE, REMOVE, QUERY]),
    st.integers(0, 100),
    LOW,
    st.integers(0, 9) | st.just(300),
)


def act(machine: Machine, what: int, which: int, low: int, size: int) -> None:
    """Do what is possible of a free choice; otherwise ask, and compare."""
    used = sorted(machine.held)
    free = [n for n in range(SHIFT, SHIFT + PLACES * STRIDE, STRIDE) if n not in used]
    if what == INSERT and free:
        machine.insert(free[which % len(free)], low, low + size)
    elif what == BESIDE and free and used:
        machine.beside(free[which % len(free)], used[low % len(used)])
    elif what == REMOVE and used:
        machine.remove(used[which % len(used)])
    else:
        asked = range(low, low + size + 1)
        meeting = [n for n in machine.nodes() if range_meets(machine.held[n], asked)]
        assert machine.query(asked[0], asked[-1]) == meeting


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=150))
def test_as_a_list_of_intervals(run: Any, choices: list[tuple[int, int, int, int]]) -> None:
    machine = Machine(run)
    for what, which, low, size in choices:
        act(machine, what, which, low, size)
    machine.check()


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@pytest.mark.parametrize("seed", range(10))
def test_many_intervals_by_chance(run: Any, seed: int) -> None:
    """Fuller trees than hypothesis makes, checked after every step."""
    rng = random.Random(seed)
    machine = Machine(run)
    kinds = [INSERT, INSERT, INSERT, INSERT, BESIDE, REMOVE, REMOVE, QUERY, QUERY]
    for _ in range(200):
        low = rng.choice([0, 0, 1, 2, 3, 7, 31, 100, 5000])
        act(machine, rng.choice(kinds), rng.randrange(100), low, rng.randrange(10))
        machine.check()


def range_meets(interval: tuple[int, int], asked: range) -> bool:
    return interval[0] <= asked[-1] and interval[1] >= asked[0]


def some(run: Any, *intervals: tuple[int, int]) -> Machine:
    """Make a tree by inserting intervals in order; node k is the k-th."""
    machine = Machine(run)
    for k, (low, high) in enumerate(intervals):
        machine.insert(at(k), low, high)
    return machine


def at(k: int) -> int:
    return SHIFT + k * STRIDE


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
class TestShape:
    def test_the_highest_end_is_on_top_and_the_lowest_bit_is_left(self, run: Any) -> None:
        # 3 bits: 4..6 has the first bit set, 0..1 has not.
        machine = some(run, (0, 1), (2, 7), (4, 6))
        assert machine.nodes() == [at(1), at(0), at(2)]

    def test_of_equal_ends_the_lower_start_is_higher(self, run: Any) -> None:
        assert some(run, (3, 7), (2, 7)).nodes() == [at(1), at(0)]
        assert some(run, (2, 7), (3, 7)).nodes() == [at(0), at(1)]

    def test_equals_stay_in_order_of_insertion(self, run: Any) -> None:
        machine = some(run, (2, 7), (2, 7), (2, 7))
        assert machine.query(5, 5) == [at(0), at(1), at(2)]
        machine.remove(at(0))
        machine.insert(at(0), 2, 7)
        assert machine.query(5, 5) == [at(1), at(2), at(0)]
        machine.check()

    def test_fork_puts_a_child_behind_its_parent(self, run: Any) -> None:
        # Behind all when the parent stands in the tree, else right behind it.
        machine = some(run, (2, 7), (2, 7), (2, 7))
        machine.beside(at(3), at(0))
        machine.beside(at(4), at(1))
        assert machine.query(2, 2) == [at(0), at(1), at(4), at(2), at(3)]
        machine.check()

    def test_many_with_one_start_are_told_apart_by_length(self, run: Any) -> None:
        machine = some(run, *((0, k) for k in range(30)))
        machine.check()
        assert sorted(machine.query(20, 20)) == [at(k) for k in range(20, 30)]

    def test_after_deepening_an_interval_may_stand_twice(self, run: Any) -> None:
        """8 intervals of 3 bits hang below each other, the last 3 by their length's second bit.

        A fourth bit moves all a level down, but [0, 2] stays right where its place is left now, so
        another [0, 2] does not meet it. A search finds both.
        """
        machine = some(run, *((0, 7 - k) for k in range(8)))
        machine.insert(at(8), 0, 8)
        machine.insert(at(9), 0, 2)
        machine.check()
        assert machine.interval(at(5)) == machine.interval(at(9)) == (0, 2)
        assert p.MEMBER not in {machine.word(at(k), p.PARENT) for k in (5, 9)}
        assert set(machine.query(2, 2)) == {at(k) for k in (0, 1, 2, 3, 4, 5, 8, 9)}
        # With a third on the ring of the second they rise; then both are carried down past a new
        # top, where the one that carries a ring comes by the other.
        machine.insert(at(10), 0, 2)
        for k in (8, 0, 1, 2, 3, 4):
            machine.remove(at(k))
        assert [machine.interval(node) for node in machine.nodes()[:3]] == [(0, 2)] * 3
        machine.insert(at(0), 0, 5)
        machine.check()
        assert set(machine.query(2, 2)) == {at(k) for k in (0, 5, 9, 10)}

    def test_depth_follows_bits_and_not_the_number(self, run: Any) -> None:
        """A search in 40 disjoint windows inspects at most a node and its sibling a bit."""
        machine = some(run, *((8 * k, 8 * k + 7) for k in range(PLACES)))
        bits = int(machine.roots[ROOT + p.BITS])
        assert 1 << (bits - 1) < 8 * PLACES <= 1 << bits
        machine.steps[0] = 0
        assert machine.query(100, 100) == [at(12)]
        assert machine.steps[0] <= 2 * bits

    def test_emptied_it_starts_small_again(self, run: Any) -> None:
        machine = some(run, (0, 1 << 30))
        machine.remove(at(0))
        machine.insert(at(1), 0, 1)
        machine.check()
        assert machine.roots[ROOT + p.BITS] == 1
