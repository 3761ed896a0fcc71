"""Does the filter estimate as one made of sets and dicts, through resets and repeats?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.kit.tiny_lfu import TinyLfu, tiny_lfu_add, tiny_lfu_estimate
from tests.lanes import both
from tests.oracle.papers import w_tinylfu

PAGES, FRAMES, SAMPLE = 30, 3, 4


def program(tiny: Any, uses: Any, out: Any) -> int:
    """Add uses (page, nr); the estimate of each page at the end goes to `out`."""
    for i in range(len(uses) // 2):
        tiny_lfu_add(tiny, uses[2 * i], uses[2 * i + 1])
    for page in range(len(out)):
        out[page] = tiny_lfu_estimate(tiny, page)
    return int(tiny.added[0])


@pytest.mark.parametrize("run", both(program), ids=lambda run: type(run).__name__)
@given(uses=st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(1, 40)), max_size=60))
def test_as_sets_and_dicts(run: Any, uses: list[tuple[int, int]]) -> None:
    twin = w_tinylfu.TinyLfu(FRAMES, SAMPLE)
    for page, nr in uses:
        for _ in range(nr):
            twin.add(page)
    out = np.zeros(PAGES, dtype=np.int64)
    tiny = TinyLfu.new(FRAMES, SAMPLE * FRAMES)
    assert run(tiny, np.array(uses, dtype=np.int64).reshape(-1), out) == twin.added
    assert out.tolist() == [twin.estimate(page) for page in range(PAGES)]


def test_forgetting() -> None:
    tiny = TinyLfu.new(10, 100)
    tiny_lfu_add(tiny, 7, 9)
    assert tiny_lfu_estimate(tiny, 7) == 9
    for page in range(10, 101):
        tiny_lfu_add(tiny, page, 1)
    assert tiny.added[0] == 50
    assert tiny_lfu_estimate(tiny, 7) == 4  # eight in the sketch, halved; the doorkeeper is empty
    assert tiny_lfu_estimate(tiny, 11) == 0
