"""Exact strategies are interchangeable, on the shipped trace of a real program."""

from __future__ import annotations

from typing import Any

import pytest

from reclaim.opening import sample_path
from reclaim.run import run_one
from reclaim.trace import open_trace
from reclaim.trace.model import Trace
from tests.laboratory import RMAPS, spec_of

pytestmark = [pytest.mark.jit_only, pytest.mark.slow]

WORK = ("rmap_links_visited", "rmap_vmas_visited", "ptes_probed")
SAME = [
    "accesses",
    "misses",
    "minor_faults",
    "major_faults",
    "cow_copies",
    "wp_reuses",
    "fills",
    "evictions",
    "refaults",
    "refault_distance",
    "writebacks",
    "swap_ins",
    "swap_outs",
    "file_reads",
    "file_writes",
    "frames_scanned",
    "direct_reclaims",
    "rmap_walks",
    "ptes_hit",
]


@pytest.fixture(scope="module")
def sample() -> Trace:
    return open_trace(str(sample_path("first-run")))


@pytest.mark.parametrize("frames", ["10%", "25%", "50%"])
@pytest.mark.parametrize("policy", ["fifo", "clock", "lru", "opt"])
def test_same_decisions_different_work(sample: Trace, policy: str, frames: str) -> None:
    """Faults, victims and refaults agree to the last; what finding the PTEs took does not."""
    records: list[dict[str, Any]] = [
        run_one(sample, spec_of(strategy, policy, frames, check=False)) for strategy in RMAPS
    ]
    counters = [record["counters"] for record in records]
    assert all(c["evictions"] > 500 for c in counters)
    assert len({record["decisions"] for record in records}) == 1
    for name in SAME:
        assert len({c[name] for c in counters}) == 1, name
    assert len({tuple(c[name] for name in WORK) for c in counters}) == len(RMAPS)
    assert len({record["rmap_bytes"]["peak"] for record in records}) == len(RMAPS)
