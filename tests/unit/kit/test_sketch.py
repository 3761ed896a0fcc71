"""Does the sketch count as a dict, never too little, and the filter answer as a set of bits?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.kit.bloom import FUNCTIONS, Bloom, bloom_add, bloom_clear, bloom_holds
from reclaim.kit.hashing import PRIME, first_hash, power_of_two, second_hash
from reclaim.kit.sketch import LARGEST, ROWS, Sketch, sketch_add, sketch_estimate, sketch_halve
from tests.lanes import both

ADD, HALVE = range(2)
PAGES = 40
BIG = PRIME - 1
WHAT = st.sampled_from([ADD] * 9 + [HALVE])
CHOICE = st.tuples(WHAT, st.integers(0, PAGES - 1), st.integers(1, 9))


def hashes(pages: Any, out: Any) -> int:
    for i in range(len(pages)):
        out[2 * i] = first_hash(pages[i])
        out[2 * i + 1] = second_hash(pages[i])
    return len(pages)


def count(sketch: Any, ops: Any, out: Any) -> int:
    """Do operations (what, page, nr); the estimate of each page at the end goes to `out`."""
    for i in range(len(ops) // 3):
        if ops[3 * i] == ADD:
            sketch_add(sketch, ops[3 * i + 1], ops[3 * i + 2])
        else:
            sketch_halve(sketch)
    for page in range(len(out)):
        out[page] = sketch_estimate(sketch, page)
    return len(ops) // 3


def remember(bloom: Any, pages: Any, out: Any) -> int:
    """Add pages, clearing at a negative one; whether each was there goes to `out`."""
    for i in range(len(pages)):
        if pages[i] < 0:
            bloom_clear(bloom)
        else:
            out[i] = bloom_add(bloom, pages[i])
            out[i] += 10 * bloom_holds(bloom, pages[i])
    return len(pages)


def both_hashes(page: int) -> tuple[int, int]:
    return 742938285 * (page + 1) % (2**31 - 1), 950706376 * (page + 1) % (2**31 - 1)


@pytest.mark.parametrize("run", both(hashes), ids=lambda run: type(run).__name__)
def test_the_hashes_are_the_formula(run: Any) -> None:
    pages = [0, 1, 2, 12345, 10**9, BIG - 1]
    out = np.zeros(2 * len(pages), dtype=np.int64)
    run(np.array(pages, dtype=np.int64), out)
    assert out.tolist() == [value for page in pages for value in both_hashes(page)]


@pytest.mark.parametrize("run", both(count), ids=lambda run: type(run).__name__)
@given(
    choices=st.lists(
        st.tuples(
            st.sampled_from([ADD] * 9 + [HALVE]), st.integers(0, PAGES - 1), st.integers(1, 9)
        ),
        max_size=120,
    )
)
def test_as_a_dict_of_counters(run: Any, choices: list[tuple[int, int, int]]) -> None:
    """Eight counters a row, so that pages share; a dict that counts one at a time says the same."""
    twin: Counter[tuple[int, int]] = Counter()
    truth: Counter[int] = Counter()

    def places(page: int) -> list[tuple[int, int]]:
        one, two = both_hashes(page)
        return [(row, (one + row * two) % 8) for row in range(ROWS)]

    for what, page, nr in choices:
        if what == HALVE:
            twin = Counter({at: value // 2 for at, value in twin.items()})
            truth = Counter({one: value // 2 for one, value in truth.items()})
            continue
        for _ in range(nr):
            least = min(twin[at] for at in places(page))
            for at in places(page):
                if twin[at] == least < LARGEST:
                    twin[at] += 1
            truth[page] = min(truth[page] + 1, LARGEST)
    out = np.zeros(PAGES, dtype=np.int64)
    run(Sketch.new(5), np.array(choices, dtype=np.int64).reshape(-1), out)
    assert out.tolist() == [min(twin[at] for at in places(page)) for page in range(PAGES)]
    assert all(out[page] >= truth[page] for page in range(PAGES))


@pytest.mark.parametrize("run", both(remember), ids=lambda run: type(run).__name__)
@given(pages=st.lists(st.integers(-1, PAGES), max_size=60))
def test_as_a_set_of_bits(run: Any, pages: list[int]) -> None:
    bits: set[int] = set()
    added: set[int] = set()
    expected = []
    for page in pages:
        if page < 0:
            bits, added = set(), set()
            expected.append(0)
            continue
        one, two = both_hashes(page)
        mine = {(one + k * two) % 64 for k in range(FUNCTIONS)}
        assert page not in added or mine <= bits
        expected.append(10 + (mine <= bits))
        bits |= mine
        added.add(page)
    out = np.zeros(len(pages), dtype=np.int64)
    run(Bloom.new(50), np.array(pages, dtype=np.int64), out)
    assert out.tolist() == expected


def test_pages_in_a_row_do_not_fall_together() -> None:
    """5,000 pages in a sketch of 16,384 counters a row, and in the filter: few are wrong."""
    sketch, bloom = Sketch.new(16_384), Bloom.new(50_000)
    wrong = 0
    for page in range(0, 50_000, 10):
        wrong += sketch_estimate(sketch, page) != 0
        wrong += bloom_add(bloom, page)
        sketch_add(sketch, page, 1)
    assert wrong < 100


def test_powers_of_two() -> None:
    assert [power_of_two(least) for least in (0, 1, 2, 3, 4, 5, 1000)] == [1, 1, 2, 4, 4, 8, 1024]


def test_a_narrow_id_does_not_wrap() -> None:
    """Interpreted, arrays of 32 bits give numbers of 32 bits."""
    assert first_hash(np.int32(12345)) == both_hashes(12345)[0]
    assert second_hash(np.int32(12345)) == both_hashes(12345)[1]


def test_a_smaller_count_does_not_wrap_around_a_larger_one() -> None:
    """Plain ints and bytes of numpy meet: what shares a large counter stays as it is."""
    sketch = Sketch.new(2)
    for page in range(4):
        sketch_add(sketch, page, 5 * page)
    before = sketch.table.copy()
    sketch_add(sketch, 0, 0)
    assert (sketch.table == before).all()
