"""Does the oracle machine keep its own books, whatever happens?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.machine import resolve, simulate
from tests.oracle.policies import POLICIES
from tests.oracle.scripts import DrawChooser, ScriptWriter, random_script
from tests.oracle.steps import nr_accesses, steps_of_script

PRESSURES = {
    "exact": {},
    "limit": {"mode": "limit"},
    "watermarks": {"mode": "watermarks", "min": 2, "low": 4, "high": 8, "kswapd_every": 7},
    "writeback": {
        "mode": "watermarks",
        "min": 1,
        "low": 5,
        "high": 9,
        "writeback_accesses": 20,
    },
}


@pytest.mark.parametrize("pressure", PRESSURES)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(3))
def test_books_balance_after_every_step(seed, policy, pressure):
    steps = steps_of_script(random_script(seed, 300))
    for frames in (14, 40):
        result = simulate(steps, POLICIES[policy], frames, checked=True, **PRESSURES[pressure])
        assert result.counters["accesses"] == nr_accesses(steps)
        assert result.peak_frames <= frames


@pytest.mark.parametrize("fork_copies", ["anon", "all"])
@pytest.mark.parametrize("seed", range(10, 20))
def test_identity_does_not_depend_on_residency(seed, fork_copies):
    steps = steps_of_script(random_script(seed, 300))
    endless = resolve(steps, fork_copies)
    for policy in POLICIES.values():
        result = simulate(steps, policy, 14, fork_copies=fork_copies, checked=True)
        assert result.touches == endless.touches
        assert result.access_pages == endless.access_pages
        assert result.nr_pages == endless.nr_pages
        for name in ("accesses", "cow_copies", "fd_accesses"):
            assert result.counters[name] == endless.counters[name]
        assert (result.vmas, result.page_table_leaves) == (
            endless.vmas,
            endless.page_table_leaves,
        )


@pytest.mark.parametrize("seed", range(20, 30))
def test_no_policy_fetches_less_than_opt(seed):
    verbs = ["access", "mmap", "munmap", "mprotect", "fork", "exit", "fdread", "fdwrite"]
    steps = steps_of_script(random_script(seed, 300, verbs=verbs))
    for frames in (3, 10, 30):
        fetches = {}
        for name, policy in POLICIES.items():
            counters = simulate(steps, policy, frames).counters
            fetches[name] = counters["misses"] + counters["fills"] + counters["cow_copies"]
        assert fetches["opt"] == min(fetches.values())


@pytest.mark.parametrize("seed", range(5))
def test_swap_can_be_full(seed):
    steps = steps_of_script(random_script(seed, 200))
    result = simulate(steps, POLICIES["fifo"], 80, swap_pages=4, checked=True)
    assert result.counters["accesses"] == nr_accesses(steps)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_hypothesis_can_write_scripts(data):
    text = ScriptWriter(DrawChooser(data.draw)).write(40)
    simulate(steps_of_script(text), POLICIES["clock"], 14, checked=True)


def test_the_same_seed_gives_the_same_script():
    assert random_script(7) == random_script(7) != random_script(8)
