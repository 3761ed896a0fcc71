"""Does the heap give the largest key, the smallest tie, as a sorted list does?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.heap import (
    Heap,
    heap_holds,
    heap_key,
    heap_push,
    heap_remove,
    heap_size,
    heap_top,
    heap_update,
)
from tests.lanes import both

PUSH, UPDATE, REMOVE, POP = range(4)
FRAMES = 24


def program(heap: Any, ops: Any, out: Any) -> int:
    """Do operations (what, frame, key, tie); the top after each goes to `out`."""
    for i in range(len(ops) // 4):
        what, pfn = ops[4 * i], ops[4 * i + 1]
        if what == PUSH:
            heap_push(heap, pfn, ops[4 * i + 2], ops[4 * i + 3])
        elif what == UPDATE:
            heap_update(heap, pfn, ops[4 * i + 2])
        elif what == REMOVE:
            heap_remove(heap, pfn)
        else:
            heap_remove(heap, heap_top(heap))
        out[i] = heap_top(heap)
    return heap_size(heap)


PROGRAMS = both(program)
CHOICE = st.tuples(
    st.integers(PUSH, POP), st.integers(0, 99), st.integers(-5, 5), st.integers(0, 2)
)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=150))
def test_as_a_sorted_list(run: Any, choices: list[tuple[int, int, int, int]]) -> None:
    """Ties go to the smaller second key; no two frames have both equal, as with page ids."""
    ops: list[int] = []
    tops: list[int] = []
    inside: dict[int, tuple[int, int]] = {}  # frame -> (-key, tie)
    for what, which, key, tie in choices:
        free = [pfn for pfn in range(FRAMES) if pfn not in inside]
        if what == PUSH and free:
            pfn = free[which % len(free)]
            inside[pfn] = (-key, tie * FRAMES + pfn)
            ops += [PUSH, pfn, key, tie * FRAMES + pfn]
        elif not inside:
            continue
        elif what == POP:
            del inside[min(inside, key=lambda pfn: inside[pfn])]
            ops += [POP, 0, 0, 0]
        else:
            pfn = sorted(inside)[which % len(inside)]
            if what == REMOVE:
                del inside[pfn]
                ops += [REMOVE, pfn, 0, 0]
            else:
                inside[pfn] = (-key, inside[pfn][1])
                ops += [UPDATE, pfn, key, 0]
        tops.append(min(inside, key=lambda pfn: inside[pfn]) if inside else NIL)
    heap = Heap.new(FRAMES)
    out = np.zeros(len(tops) + 1, dtype=np.int64)
    assert run(heap, np.array(ops, dtype=np.int64), out) == len(inside)
    assert out[: len(tops)].tolist() == tops
    for pfn in range(FRAMES):
        assert heap_holds(heap, pfn) == (pfn in inside)
        if pfn in inside:
            assert heap_key(heap, pfn) == -inside[pfn][0]


def test_an_empty_heap_has_no_top() -> None:
    assert heap_top(Heap.new(3)) == NIL
