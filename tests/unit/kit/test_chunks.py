"""Do chunks hand out entries as FreeBSD's get_pv_entry and free_pv_entry do, by their description?

The twin keeps, for each owner, a list of chunks, each a set of free slots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.counters import (
    LOCKS,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
)
from reclaim.ids import NIL
from reclaim.kit.checks import used_objects
from reclaim.kit.chunks import Chunks, lowest_bit
from tests.counted import Counted
from tests.lanes import both

OWNERS, ENTRY_WORDS, HEAD_WORDS = 3, 2, 4
TAKE, GIVE_BACK, FREE_FIRST = range(3)


def program(m: Any, chunks: Any, heads: Any, ops: Any, out: Any) -> int:
    """Do operations (what, owner, entry); entries taken go to `out`. An entry < 0 names a take."""
    for i in range(len(ops) // 3):
        what, owner, which = ops[3 * i], ops[3 * i + 1], ops[3 * i + 2]
        head = owner * HEAD_WORDS
        if what == TAKE:
            out[i] = chunks.take(m, heads, head, owner)
        elif what == GIVE_BACK:
            chunks.give_back(m, heads, head, out[which])
        else:
            chunks.free_chunk(m, heads, head, heads[head])
    return 0


PROGRAMS = both(program)


class Twin:
    """For each owner its chunks, first to last: a number, and the slots in use."""

    def __init__(self, nr_entries: int) -> None:
        self.nr_entries = nr_entries
        self.lists: list[list[tuple[int, set[int]]]] = [[] for _ in range(OWNERS)]
        self.entries: dict[int, tuple[int, int, int]] = {}  # operation -> owner, chunk, slot
        self.made = self.freed = self.taken = self.peak = self.locks = 0

    def take(self, operation: int, owner: int) -> None:
        mine = self.lists[owner]
        if not mine or len(mine[0][1]) == self.nr_entries:
            mine.insert(0, (self.made, set()))
            self.made += 1
            self.locks += 1
        number, used = mine[0]
        slot = min(set(range(self.nr_entries)) - used)
        used.add(slot)
        if len(used) == self.nr_entries:
            mine.append(mine.pop(0))
        self.entries[operation] = (owner, number, slot)
        self.taken += 1
        self.peak = max(self.peak, len(self.entries))

    def give_back(self, operation: int) -> None:
        owner, number, slot = self.entries.pop(operation)
        mine = self.lists[owner]
        at = [one[0] for one in mine].index(number)
        chunk = mine.pop(at)
        chunk[1].remove(slot)
        if chunk[1]:
            mine.insert(0, chunk)
        else:
            self.freed += 1
            self.locks += 1

    def free_first(self, owner: int) -> None:
        number, _ = self.lists[owner].pop(0)
        self.entries = {k: e for k, e in self.entries.items() if e[:2] != (owner, number)}
        self.freed += 1


CHOICES = st.lists(
    st.tuples(
        st.sampled_from([TAKE] * 6 + [GIVE_BACK] * 5 + [FREE_FIRST]),
        st.integers(0, OWNERS - 1),
        st.integers(0, 1000),
    ),
    max_size=250,
)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@pytest.mark.parametrize("nr_entries", [2, 5, 32, 70])
@given(choices=CHOICES)
def test_as_lists_of_sets(run: Any, nr_entries: int, choices: list[tuple[int, int, int]]) -> None:
    twin, ops = Twin(nr_entries), []
    for what, owner, which in choices:
        held = list(twin.entries)
        if what == GIVE_BACK and held:
            operation = held[which % len(held)]
            ops += [GIVE_BACK, twin.entries[operation][0], operation]
            twin.give_back(operation)
        elif what == FREE_FIRST and twin.lists[owner]:
            twin.free_first(owner)
            ops += [FREE_FIRST, owner, 0]
        else:
            twin.take(len(ops) // 3, owner)
            ops += [TAKE, owner, -1]
    m, chunks = Counted.empty(), Chunks.empty(nr_entries, ENTRY_WORDS)
    chunks.pool.grow(len(choices))
    heads, out = np.zeros(OWNERS * HEAD_WORDS, np.int64), np.full(len(choices), NIL)
    run(m, chunks, heads, np.array(ops, dtype=np.int64), out)

    lists = [chunks.chunks_of(heads, owner * HEAD_WORDS) for owner in range(OWNERS)]
    assert [[used for _, used in one] for one in lists] == [
        [sorted(used) for _, used in one] for one in twin.lists
    ]
    numbers = {
        chunk: number
        for one, other in zip(lists, twin.lists, strict=True)
        for (chunk, _), (number, _) in zip(one, other, strict=True)
    }
    assert {chunk // chunks.pool.width for chunk in numbers} == used_objects(chunks.pool)
    for operation, (owner, number, slot) in twin.entries.items():
        entry = int(out[operation])
        assert chunks.owner(entry) == owner
        chunk = entry - entry % chunks.pool.width
        assert numbers[chunk] == number
        assert chunks.entry_at(chunk, slot) == entry
    assert chunks.tallies() == (len(twin.entries), twin.peak, twin.taken)
    assert m.counters[RMAP_OBJECTS_ALLOCATED] == twin.made
    assert m.counters[RMAP_OBJECTS_FREED] == twin.freed
    assert m.counters[LOCKS] == twin.locks
    assert (heads.reshape(-1, HEAD_WORDS)[:, 3] == 0).all()  # a list is three words


@pytest.mark.parametrize("bits", [1 << k for k in range(32)] + [(1 << 32) - 1, 0b101000])
def test_the_lowest_set_bit(bits: int) -> None:
    assert lowest_bit(bits) == (bits & -bits).bit_length() - 1


def test_slots_in_use_one_after_another() -> None:
    m, chunks, heads = Counted.empty(), Chunks.empty(40, 1), np.zeros(3, np.int64)
    entries = [chunks.take(m, heads, 0, 0) for _ in range(36)]
    for slot in (0, 1, 7, 31, 33):
        chunks.give_back(m, heads, 0, entries[slot])
    chunk, found, slot = int(heads[0]), [], chunks.next_used(int(heads[0]), 0)
    while slot != NIL:
        found.append(slot)
        slot = chunks.next_used(chunk, slot + 1)
    assert found == [slot for slot in range(36) if slot not in (0, 1, 7, 31, 33)]
