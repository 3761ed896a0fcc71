"""Do the lists that run through the frames' rows behave as Python's lists?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.contract.rmap import RmapStrategy
from reclaim.counters import FRAMES_SCANNED
from reclaim.ids import NIL
from reclaim.kit.lists import (
    frames_on,
    list_at,
    list_back,
    list_before,
    list_behind,
    list_remove,
    move_to_front,
    push_back,
    push_front,
    scan_before,
    take_back,
    take_victims,
    wrong_lists,
)
from reclaim.vm.evict import Looker, Referencer, Unmapper
from reclaim.vm.machine import Machine, new_machine
from tests.lanes import both

FRONT, BACK, REMOVE, TO_FRONT, TAKE, VICTIMS = range(6)
FRAMES, LISTS = 12, 3


class Unasked(RmapStrategy):
    """A strategy that nobody asks anything; lists give it a hint."""


def empty_machine(nr_frames: int = FRAMES, nr_lists: int = LISTS, nr_pages: int = 1) -> Machine:
    return new_machine(
        nr_frames=nr_frames,
        nr_lists=nr_lists,
        nr_pages=nr_pages,
        nr_spaces=1,
        file_kinds=[],
        rmap=Unasked.new(),
        referencer=Referencer(),
        unmapper=Unmapper(),
        looker=Looker(),
    )


def program(m: Any, ops: Any, out: Any, victims: Any) -> int:
    """Do operations (what, list, frame or number); what was taken goes to `out`."""
    nr = 0
    for i in range(len(ops) // 3):
        what, at, pfn = ops[3 * i], list_at(m, ops[3 * i + 1]), ops[3 * i + 2]
        if what == FRONT:
            push_front(m, at, pfn)
        elif what == BACK:
            push_back(m, at, pfn)
        elif what == REMOVE:
            list_remove(m, pfn)
        elif what == TO_FRONT:
            move_to_front(m, at, pfn)
        elif what == TAKE:
            out[nr] = list_back(m, at)
            if take_back(m, at) != out[nr]:
                out[nr] = -99
            nr += 1
        else:
            taken = take_victims(m, at, pfn, victims)
            for k in range(taken):
                out[nr] = victims[k]
                nr += 1
    return nr


PROGRAMS = both(program)
CHOICE = st.tuples(st.integers(FRONT, VICTIMS), st.integers(0, LISTS - 1), st.integers(0, 99))


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=150))
def test_as_lists_of_python(run: Any, choices: list[tuple[int, int, int]]) -> None:
    """Front is where a list begins, back where it ends; a take from an empty list gives NIL."""
    lists: list[list[int]] = [[] for _ in range(LISTS)]
    ops: list[int] = []
    taken: list[int] = []
    scanned = 0
    for what, at, which in choices:
        on = sorted(pfn for frames in lists for pfn in frames)
        off = [pfn for pfn in range(FRAMES) if pfn not in on]
        if what in (FRONT, BACK) and off:
            pfn = off[which % len(off)]
            lists[at].insert(0 if what == FRONT else len(lists[at]), pfn)
            ops += [what, at, pfn]
        elif what == REMOVE and on:
            pfn = on[which % len(on)]
            next(frames for frames in lists if pfn in frames).remove(pfn)
            ops += [REMOVE, 0, pfn]
        elif what == TO_FRONT and lists[at]:
            pfn = lists[at][which % len(lists[at])]
            lists[at].remove(pfn)
            lists[at].insert(0, pfn)
            ops += [TO_FRONT, at, pfn]
        elif what == VICTIMS:
            nr = min(which % 5, len(lists[at]))
            taken += [lists[at].pop() for _ in range(nr)]
            scanned += nr
            ops += [VICTIMS, at, which % 5]
        else:
            scanned += bool(lists[at])
            taken.append(lists[at].pop() if lists[at] else NIL)
            ops += [TAKE, at, 0]
    m = empty_machine()
    out = np.zeros(len(taken) + 1, dtype=np.int64)
    nr = run(m, np.array(ops, dtype=np.int64), out, np.zeros(8, dtype=np.int64))
    assert out[:nr].tolist() == taken
    assert [frames_on(m, FRAMES + k) for k in range(LISTS)] == lists
    assert m.counters[FRAMES_SCANNED] == scanned
    assert wrong_lists(m, LISTS, {pfn for frames in lists for pfn in frames}) == ""


def test_what_is_wrong_with_lists_is_said() -> None:
    m = empty_machine()
    push_front(m, list_at(m, 0), 4)
    push_front(m, list_at(m, 1), 5)
    assert "lack frames [3] and hold [5]" in wrong_lists(m, LISTS, {3, 4})


def test_a_list_is_a_ring_with_its_sentinel() -> None:
    m = empty_machine()
    at = list_at(m, 1)
    assert list_before(m, at) == list_behind(m, at) == at
    for pfn in (4, 7, 2):
        push_front(m, at, pfn)
    assert [list_before(m, pfn) for pfn in (at, 4, 7, 2)] == [4, 7, 2, at]
    assert [list_behind(m, pfn) for pfn in (at, 2, 7, 4)] == [2, 7, 4, at]
    before = int(m.counters.sum())
    assert [scan_before(m, pfn) for pfn in (4, 7, 2)] == [7, 2, at]
    assert int(m.counters.sum()) == before + 3
    assert frames_on(m, at) == [2, 7, 4]
