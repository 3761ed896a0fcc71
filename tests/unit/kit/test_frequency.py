"""Does the list in order of use stand as sorting by count and time would have it?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.ids import NIL
from reclaim.kit.frequency import (
    COUNT,
    FOREMOST,
    GROUP_WORD,
    ROW_WORDS,
    SIZE,
    Frequencies,
    frequencies_on,
    frequency_add,
    frequency_add_all,
    frequency_holds,
    frequency_remove,
    frequency_take_least,
    frequency_use,
    wrong_frequencies,
)
from reclaim.kit.lists import list_at, push_front
from reclaim.vm.frames import set_word
from tests.lanes import both
from tests.unit.kit.test_lists import FRAMES, empty_machine

ADD, USE, REMOVE, TAKE = range(4)


def program(m: Any, f: Any, ops: Any, out: Any) -> int:
    """Do operations (what, frame, uses); the frame taken goes to `out`."""
    at = list_at(m, 1)
    for i in range(len(ops) // 3):
        what, pfn = ops[3 * i], ops[3 * i + 1]
        if what == ADD:
            frequency_add(m, f, at, pfn)
        elif what == USE:
            frequency_use(m, f, at, pfn, ops[3 * i + 2])
        elif what == REMOVE:
            frequency_remove(m, f, pfn)
        else:
            pfn = frequency_take_least(m, f, at)
        out[i] = pfn
    return len(ops) // 3


PROGRAMS = both(program)
CHOICE = st.tuples(st.integers(ADD, TAKE), st.integers(0, FRAMES - 1), st.integers(1, 4))


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=150))
def test_as_a_sorted_list(run: Any, choices: list[tuple[int, int, int]]) -> None:
    ops: list[int] = []
    expected: list[int] = []
    uses: dict[int, tuple[int, int]] = {}  # frame -> (count, when it reached it)
    for when, (wanted, which, nr) in enumerate(choices):
        what, pfn = wanted, which
        if wanted == TAKE:
            pfn = min(uses, key=lambda one: uses[one], default=NIL)
        elif pfn not in uses:
            what = ADD
        elif wanted == ADD:
            what = USE
        ops += [what, max(pfn, 0), nr]
        expected.append(pfn)
        if what == ADD:
            uses[pfn] = (1, when)
        elif what == USE:
            uses[pfn] = (uses[pfn][0] + nr, when)
        else:
            uses.pop(pfn, None)
    m, f = empty_machine(), Frequencies.new(FRAMES)
    out = np.zeros(len(expected) + 1, dtype=np.int64)
    assert run(m, f, np.array(ops, dtype=np.int64), out) == len(expected)
    assert out[:-1].tolist() == expected
    order = sorted(uses, key=lambda one: uses[one], reverse=True)
    assert frequencies_on(m, f, list_at(m, 1)) == [(pfn, uses[pfn][0]) for pfn in order]
    assert [pfn for pfn in range(FRAMES) if frequency_holds(m, pfn)] == sorted(uses)
    assert not wrong_frequencies(m, f, list_at(m, 1))


def test_a_bench_counts_from_one() -> None:
    m, f = empty_machine(), Frequencies.new(FRAMES)
    at, bench = list_at(m, 0), list_at(m, 2)
    frequency_add(m, f, at, 5)
    frequency_use(m, f, at, 5, 3)
    for pfn in (7, 8):
        push_front(m, bench, pfn)
    frequency_add_all(m, f, at, bench)
    assert frequencies_on(m, f, at) == [(5, 4), (8, 1), (7, 1)]
    assert frequencies_on(m, f, bench) == []


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [(FOREMOST, 1, "foremost"), (SIZE, 1, "holds 2 frames and says 1"), (COUNT, 9, "not in order")],
)
def test_the_check_sees_what_is_wrong(word: int, value: int, message: str) -> None:
    m, f = empty_machine(), Frequencies.new(FRAMES)
    at = list_at(m, 0)
    for pfn in (1, 2, 3):
        frequency_add(m, f, at, pfn)
    frequency_use(m, f, at, 3, 1)
    assert frequencies_on(m, f, at) == [(3, 2), (2, 1), (1, 1)]
    f.row[1 * ROW_WORDS + word] = value
    assert message in wrong_frequencies(m, f, at)


def test_the_check_sees_mixed_groups() -> None:
    m, f = empty_machine(), Frequencies.new(FRAMES)
    at = list_at(m, 0)
    for pfn in (1, 2, 3):
        frequency_add(m, f, at, pfn)
    set_word(m, 2, GROUP_WORD, 2)
    assert "mixed" in wrong_frequencies(m, f, at)
    set_word(m, 2, GROUP_WORD, 0)
    assert "no group" in wrong_frequencies(m, f, at)
