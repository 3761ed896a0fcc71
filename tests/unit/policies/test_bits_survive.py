"""Do policies on bits, ticks and samples keep their books through everything that can happen?

Random scripts on small machines under each pressure; after each event the policy's own structures
are compared with the frames that are its own.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from reclaim.errors import MachineError
from reclaim.jit.kernel import INTERPRET
from reclaim.vm.invariants import broken
from tests import laboratory
from tests.oracle.scripts import random_script
from tests.oracle.steps import ScriptReader
from tests.property.side_by_side import Side, announce
from tests.property.test_machines import PRESSURES

WHO: dict[str, list[dict[str, Any]]] = {
    "random": [{}],
    "nru": [{"age_every": 7}],
    "aging": [{"age_every": 7}, {"age_every": 3, "bits": 2}],
    "second_chance": [{}, {"handspread": 100}],
    "wsclock": [{}, {"tau": 3}],
    "gclock": [{}, {"limit": 0}],
    "linux_22_age": [{"age_every": 7, "priority": 0}, {"decline": "one"}],
    "pebs_lru": [{"sample_every": 3}],
    "damon_reclaim": [{"age_every": 2, "aggregate": 3, "min_age": 1, "min_regions": 2}],
}
CASES = [(name, params) for name, choices in WHO.items() for params in choices]
SCRIPTS = 12 if INTERPRET else 3


def live_through(policy: str, params: dict[str, Any], seed: int, nr_events: int = 120) -> int:
    """Run a script, checking after each event; returns how many events came before its end."""
    rng = random.Random(seed)
    spec = laboratory.spec_of(
        "pte_chain",
        laboratory.policy(policy, **params),
        rng.choice([5, 7, 12, 20]),
        swap_pages=rng.choice([None, None, None, 30]),
        fork_copies=rng.choice(["anon", "all"]),
        seed=seed,
        **PRESSURES[seed % len(PRESSURES)],
    )
    side, reader, nr = Side(spec), ScriptReader(), 0
    text = random_script(seed, nr_events, max_locked=rng.choice([1, 4]))
    for step in reader.read(text):
        announce(reader, [side], step)
        end = side.attempt(step)
        if end:
            assert "out of memory" in end, end
            break
        assert not (problems := broken(side.m, side.policy)), f"{step}: {problems}"
        nr += 1
    return nr


@pytest.mark.parametrize(("policy", "params"), CASES)
def test_books_balance_after_every_event(policy: str, params: dict[str, Any]) -> None:
    lengths = [live_through(policy, params, seed) for seed in range(SCRIPTS)]
    assert max(lengths) > 100


@pytest.mark.parametrize(("policy", "params"), CASES)
def test_out_of_memory_only_where_clock_is_too(policy: str, params: dict[str, Any]) -> None:
    """A policy that names everybody in the end runs out of memory when every other does."""
    for seed in range(100, 100 + SCRIPTS):
        text = random_script(seed, 100, max_locked=6)
        ends = []
        for by in (laboratory.policy(policy, **params), laboratory.policy("clock")):
            try:
                laboratory.run(text, "pte_chain", by=by, frames=7)
                ends.append("")
            except MachineError as error:
                ends.append(str(error)[:40])
        assert ends[0] == ends[1]
