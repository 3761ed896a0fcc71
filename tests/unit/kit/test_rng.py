"""Are random numbers the published generator's, in range, even, and the same in both lanes?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reclaim.kit.rng import MODULUS, new_rng, random_below
from tests.lanes import both


def program(rng: Any, n: int, out: Any) -> int:
    for i in range(len(out)):
        out[i] = random_below(rng, n)
    return int(rng[0])


PROGRAMS = both(program)


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
def test_the_published_check(run: Any) -> None:
    """From 1, the 10,000th number is 399268537 (Park, Miller, Stockmeyer 1993)."""
    assert run(np.ones(1, dtype=np.int64), 10, np.zeros(10_000, dtype=np.int64)) == 399268537


@pytest.mark.parametrize("n", [1, 2, 7, 2**31])
def test_in_range_and_even(n: int) -> None:
    drawn = [np.zeros(20_000, dtype=np.int64) for _ in PROGRAMS]
    for run, out in zip(PROGRAMS, drawn, strict=True):
        run(new_rng(5), n, out)
    assert all((out == drawn[0]).all() for out in drawn)
    assert drawn[0].min() >= 0
    assert drawn[0].max() < n
    assert abs(drawn[0].mean() / n - (n - 1) / (2 * n)) < 0.01


def test_seeds() -> None:
    assert len({int(new_rng(seed)[0]) for seed in range(1000)}) == 1000
    assert all(0 < int(new_rng(seed)[0]) < MODULUS for seed in (-3, 0, 2**63))
