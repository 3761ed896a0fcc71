"""Do ticks and samples come when the oracle says, and does nothing else decide when?

The policies here hear of use in no other way, so a tick too many or at another access is another
victim sooner or later, and then another state.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from reclaim.jit.kernel import INTERPRET
from reclaim.run import PluginChoice
from reclaim.trace.model import Trace
from tests import laboratory
from tests.oracle.scripts import random_script
from tests.property.side_by_side import SideBySide
from tests.property.test_machines import PRESSURES

WHO = {
    "nru": {"age_every": 7},
    "pebs_lru": {"sample_every": 5},
}
JITTERED = {"sample_every": 5, "sample_jitter": True}
SCRIPTS = range(24 if INTERPRET else 8)


def machines(policy: PluginChoice, seed: int) -> SideBySide:
    rng = random.Random(seed)
    return SideBySide(
        policy,
        frames=rng.choice([5, 7, 12]),
        swap_pages=rng.choice([None, None, 30]),
        fork_copies=rng.choice(["anon", "all"]),
        pressure=PRESSURES[seed % len(PRESSURES)],
        strategies=("pte_chain",),
    )


@pytest.mark.parametrize("seed", SCRIPTS)
@pytest.mark.parametrize("policy", WHO)
def test_the_oracle_ticks_and_samples_at_the_same_accesses(policy: str, seed: int) -> None:
    machines(laboratory.policy(policy, **WHO[policy]), seed).say(random_script(seed, 80))


@pytest.mark.parametrize("seed", SCRIPTS)
def test_so_it_does_where_distances_are_drawn(seed: int) -> None:
    machines(laboratory.policy("pebs_lru", **JITTERED), seed).say(random_script(seed, 80))


def hits(rows: int, seed: int) -> Trace:
    rng = np.random.default_rng(seed)
    return laboratory.page_list(np.minimum(rng.integers(0, 30, rows), rng.integers(0, 30, rows)))


def record(trace: Trace, policy: str, **params: Any) -> dict[str, Any]:
    chosen = laboratory.policy(policy, **params)
    return laboratory.run(trace, "pte_chain", by=chosen, frames=9)


@pytest.mark.parametrize(("policy", "params"), [*WHO.items(), ("pebs_lru", JITTERED)])
def test_how_rows_are_folded_changes_nothing(policy: str, params: dict[str, Any]) -> None:
    """An access repeated n times in one row is n rows: time, ticks, samples and victims."""
    folded = hits(400, 1)
    folded.nr[:] = np.random.default_rng(2).integers(1, 20, 400)
    unfolded = hits(400, 1)
    for column in ("asid", "vpn", "op", "nr"):
        object.__setattr__(unfolded, column, np.repeat(getattr(unfolded, column), folded.nr))
    one, other = record(folded, policy, **params), record(unfolded, policy, **params)
    assert one["decisions"] == other["decisions"]
    for name in ("accesses", "misses", "age_ticks", "samples"):
        assert one["counters"][name] == other["counters"][name]


@pytest.mark.parametrize(("policy", "params"), [*WHO.items(), ("pebs_lru", JITTERED)])
def test_how_a_run_is_cut_changes_nothing(policy: str, params: dict[str, Any]) -> None:
    trace = hits(500, 3)
    whole = record(trace, policy, **params)
    chosen = laboratory.policy(policy, **params)
    parts = laboratory.run(trace, "pte_chain", by=chosen, frames=9, epochs=83)
    assert whole["digest"] == parts["digest"]


@pytest.mark.parametrize("every", [1, 7, 100, 501])
def test_so_many_ticks_and_samples_are_counted(every: int) -> None:
    counters = record(hits(500, 4), "nru", age_every=every)["counters"]
    assert (counters["age_ticks"], counters["samples"]) == (500 // every, 0)
    counters = record(hits(500, 4), "pebs_lru", sample_every=every)["counters"]
    assert (counters["age_ticks"], counters["samples"]) == (0, 500 // every)


def test_a_tick_every_so_many_accesses_as_there_are_frames() -> None:
    assert record(hits(500, 4), "nru")["counters"]["age_ticks"] == 500 // 9


def test_distances_have_the_mean_that_was_asked_for() -> None:
    counters = record(hits(40_000, 5), "pebs_lru", sample_every=20, sample_jitter=True)["counters"]
    assert abs(counters["samples"] - 2000) < 100


def test_work_of_a_tick_is_charged_to_reclaim() -> None:
    """Nine frames, each in one process: nine walks a tick, though nothing is ever evicted."""
    trace = laboratory.page_list(np.arange(90) % 9)
    got = laboratory.run(trace, "pte_chain", by=laboratory.policy("nru", age_every=30), frames=9)
    assert got["counters"]["evictions"] == 0
    assert got["phases"]["reclaim_aging"]["age_ticks"] == 3
    assert got["phases"]["reclaim_aging"]["frames_scanned"] == 27
    assert got["phases"]["reclaim_referenced"]["rmap_walks"] == 27


def test_every_access_sampled_is_lru() -> None:
    for seed in range(6):
        one, other = (
            record(hits(300, seed), "pebs_lru", sample_every=1),
            record(hits(300, seed), "lru"),
        )
        assert one["decisions"] == other["decisions"]


def test_hardly_any_sampled_is_fifo() -> None:
    one, other = record(hits(300, 1), "pebs_lru", sample_every=301), record(hits(300, 1), "fifo")
    assert one["decisions"] == other["decisions"]
