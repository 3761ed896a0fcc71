"""Does a pool hand out objects as a slab with a free list does?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.jit.kernel import INTERPRET
from reclaim.kit.pool import Pool, pool_alloc, pool_free, pool_short
from tests.lanes import both


def alloc(pool: Any) -> int:
    return pool_alloc(pool)


def free(pool: Any, index: int) -> int:
    pool_free(pool, index)
    return 0


def short(pool: Any, nr: int) -> bool:
    return pool_short(pool, nr)


LANES = list(zip(both(alloc), both(free), both(short), strict=True))


@pytest.mark.parametrize("lane", LANES, ids=["plain", "compiled"][: len(LANES)])
@given(
    width=st.integers(1, 5),
    choices=st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=120),
)
def test_as_a_list_of_free_indices(lane: Any, width: int, choices: list[tuple[bool, int]]) -> None:
    """Freed last, used first; counts of live, peak and made; growth keeps what is there."""
    take, give, is_short = lane
    pool = Pool.new(width, capacity=4)
    held: dict[int, list[int]] = {}
    freed: list[int] = []
    top = peak = made = 0
    capacity = 4
    for takes, which in choices:
        if takes or not held:
            assert not is_short(pool, capacity - len(held))
            assert is_short(pool, capacity - len(held) + 1)
            if len(held) == capacity:
                pool.grow(1)
                capacity *= 2
            index = take(pool)
            if freed:
                assert index == freed.pop()
            else:
                assert index == top
                top += 1
            held[index] = [which * 10 + k for k in range(width)]
            pool.rows[index * width : (index + 1) * width] = held[index]
            made, peak = made + 1, max(peak, len(held))
        else:
            index = sorted(held)[which % len(held)]
            del held[index]
            give(pool, index)
            freed.append(index)
        assert (pool.live, pool.peak, pool.made) == (len(held), peak, made)
        for index, words in held.items():
            assert pool.rows[index * width : (index + 1) * width].tolist() == words


def test_growth_makes_the_room_asked_for() -> None:
    pool = Pool.new(3, capacity=2)
    pool.grow(100)
    assert len(pool.rows) >= 300
    assert not pool_short(pool, 100)
    rows = pool.rows
    pool.grow(50)
    assert pool.rows is rows  # there was room


@pytest.mark.jit_only
def test_compiled_code_sees_a_grown_pool() -> None:
    assert not INTERPRET
    take = LANES[1][0]
    pool = Pool.new(1, capacity=1)
    assert take(pool) == 0
    pool.grow(1)
    assert take(pool) == 1
    pool.rows[1] = 5
    assert np.array_equal(pool.rows, [0, 5])
