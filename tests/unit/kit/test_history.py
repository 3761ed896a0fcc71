"""Do histories say when a page was used, as a list of times does?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.kit.history import History
from tests.lanes import both

ARRIVE, USE, FORGET = range(3)
PAGES = 3


def program(h: Any, ops: Any, out: Any) -> int:
    """Do operations (what, page, time, period); the K-th last use goes to `out`."""
    for i in range(len(ops) // 4):
        what, page, time, period = ops[4 * i], ops[4 * i + 1], ops[4 * i + 2], ops[4 * i + 3]
        if what == ARRIVE:
            h.arrive(page, time, period)
        elif what == USE:
            h.use(page, time, period)
        else:
            h.forget(page)
        out[i] = h.kth(page)
    return len(ops) // 4


CHOICE = st.tuples(
    st.integers(ARRIVE, FORGET), st.integers(0, PAGES - 1), st.integers(1, 4), st.integers(0, 9)
)


@pytest.mark.parametrize("run", both(program), ids=lambda run: type(run).__name__)
@given(k=st.sampled_from([1, 2, 3, 5, 7]), choices=st.lists(CHOICE, max_size=60))
def test_as_lists_of_times(run: Any, k: int, choices: list[tuple[int, int, int, int]]) -> None:
    uses: list[list[int]] = [[] for _ in range(PAGES)]  # the latest first
    last = [0] * PAGES
    ops: list[int] = []
    expected: list[int] = []
    time = 0
    for what, page, passed, period in choices:
        time += passed
        ops += [what, page, time, period]
        gap = time - last[page]
        if what == FORGET:
            uses[page] = []
        else:
            if what == ARRIVE:
                known = [] if period and gap > period else uses[page]
                uses[page] = [time, *known]
            elif gap > period:
                went_on = last[page] - (uses[page][0] if uses[page] else 0)
                uses[page] = [time] + [use + went_on for use in uses[page]]
            last[page] = time
        uses[page] = uses[page][:k]
        expected.append(uses[page][-1] if len(uses[page]) == k else 0)
    history, out = History.new(PAGES, k), np.zeros(len(expected) + 1, dtype=np.int64)
    assert run(history, np.array(ops, dtype=np.int64), out) == len(expected)
    assert out[:-1].tolist() == expected
    assert [history.last(page) for page in range(PAGES)] == last
