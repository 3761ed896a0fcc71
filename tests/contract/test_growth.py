"""Does the cost of each operation grow as the strategy says?"""

from __future__ import annotations

import pytest

from reclaim.compare.scaling import OPERATIONS, disagreements, study
from tests.laboratory import exact_rmaps, plugins, policy, rmap

# Large enough for the larger half to be straight, small enough for continuous integration;
# configs/rmap-scaling.yaml goes to 10,000 processes and 500 generations.
RMAPS = [*exact_rmaps(), *exact_rmaps(copies_on_move=True)]
SIZES = {"processes": (10, 30, 100, 300, 1000), "depth": (5, 10, 20, 50, 100, 200)}


@pytest.mark.parametrize("name", RMAPS)
def test_every_operation_has_a_claim(name: str) -> None:
    assert set(plugins().rmaps.get(name).growth) == set(OPERATIONS)


@pytest.mark.slow
@pytest.mark.jit_only
@pytest.mark.parametrize("name", RMAPS)
def test_claims_and_fits_agree(name: str) -> None:
    found = study(rmap(name), policy("fifo"), name, SIZES, 4)
    assert not disagreements(found, 0.2)
