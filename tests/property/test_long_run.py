"""Does the beginning of the long run pass? The whole of it is for a night: `long_run`."""

from __future__ import annotations

import pytest

from reclaim.jit.kernel import INTERPRET
from tests.property.long_run import run_seed, world

# Compiled lanes see one policy: each is compiled with each strategy.
SEEDS = [
    seed
    for seed in range(36 if INTERPRET else 160)
    if INTERPRET or world(seed)[1]["policy"] == "clock"
]


@pytest.mark.parametrize("part", range(6))
def test_a_slice_of_the_long_run(part):
    for seed in SEEDS[part::6]:
        ended = run_seed(seed)
        assert ended.nr_events > 0
        assert not ended.end.startswith("DIVERGENCE"), ended.end
