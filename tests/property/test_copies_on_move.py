"""Does the one rule by which a strategy may change page ids leave everything else as it was?

Strategies that copy shared pages before mremap moves them are compared with the oracle under that
rule, with each other's laws (Belady's), and with all other strategies where nothing shared moves.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.counters import COUNTER_NAMES
from reclaim.jit.kernel import INTERPRET
from reclaim.trace.script import parse_script
from tests import laboratory
from tests.oracle.machine import resolve
from tests.oracle.scripts import WEIGHTS, random_script
from tests.oracle.steps import steps_of_script
from tests.property.side_by_side import SideBySide
from tests.property.test_laws import FREE, fetches
from tests.property.test_machines import POLICIES, PRESSURES

COPYING = laboratory.exact_rmaps(copies_on_move=True)
# Forks and moves far more often than else, so that shared pages do move.
MOVING = ["fork"] * 2 + ["mremap"] * 8
SEEDS = st.integers(0, 1 << 32)


def moving_script(seed: int, nr_lines: int, verbs: Any = tuple(WEIGHTS)) -> str:
    return random_script(seed, nr_lines, verbs=[*verbs, *MOVING], max_locked=2)


def test_there_are_both_kinds():
    assert "anonmm" in COPYING
    assert {"pte_chain", "anon_vma_chain"} <= set(laboratory.exact_rmaps())
    assert not set(COPYING) & set(laboratory.exact_rmaps())


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("early_exit", [True, False])
def test_random_moves_beside_the_oracle(policy, early_exit):
    copies = 0
    for seed in range(16 if INTERPRET else 8):
        machines = SideBySide(
            policy,
            frames=9,
            swap_pages=[None, None, 30][seed % 3],
            fork_copies=["anon", "all"][seed % 2],
            pressure=PRESSURES[seed % len(PRESSURES)],
            strategies=(laboratory.rmap("anonmm", early_exit=early_exit),),
        )
        machines.say(moving_script(seed, 120))
        copies += machines.oracle.counters["early_copies"]
    assert copies > 5


def test_opt_knows_the_copies_to_come():
    for seed in range(8 if INTERPRET else 4):
        text = moving_script(seed, 100)
        touches = resolve(steps_of_script(text), "anon", True).touches
        world = PRESSURES[seed % len(PRESSURES)]
        machines = SideBySide("opt", pressure=world, touches=touches, strategies=("anonmm",))
        machines.say(text)


def test_kinds_are_not_compared():
    with pytest.raises(ValueError, match="apart"):
        SideBySide("fifo" if INTERPRET else "clock", strategies=("pte_chain", "anonmm"))


@given(SEEDS, st.sampled_from([3, 5, 9, 17]))
def test_no_policy_fetches_less_than_belady(seed, frames):
    trace = parse_script(moving_script(seed, 120, FREE))
    found = {
        policy: fetches(laboratory.run(trace, "anonmm", by=policy, frames=frames))
        for policy in ("opt", "fifo", "clock", "lru")
    }
    assert found["opt"] == min(found.values())


@given(SEEDS)
def test_what_a_trace_is_depends_on_the_rule_and_not_on_the_strategy(seed):
    """Page ids, copies and touches are the oracle's, whatever the memory; so is the peak."""
    text = moving_script(seed, 120, FREE)
    steps = steps_of_script(text)
    for strategy, copies in (("anonmm", True), ("pte_chain", False)):
        wanted = resolve(steps, "anon", copies)
        for frames in (9, laboratory.PLENTY):
            record = laboratory.run(text, strategy, by="lru", frames=frames)
            found, counters = record["trace"], record["counters"]
            assert found["nr_pages"] == wanted.nr_pages
            assert found["peak_live"] == wanted.peak_frames
            assert counters["early_copies"] == wanted.counters["early_copies"]
            assert counters["cow_copies"] == wanted.counters["cow_copies"]


@given(SEEDS, st.sampled_from(["exact", "limit"]))
def test_where_nothing_shared_moves_all_agree(seed, pressure):
    """Without fork nothing anonymous is shared; without mremap nothing moves."""
    without = "fork" if seed % 2 else "mremap"
    verbs = [verb for verb in (*WEIGHTS, *MOVING) if verb != without]
    text = random_script(seed, 120, verbs=verbs, max_locked=2)
    records = [
        laboratory.run(text, strategy, by="clock", frames=17, pressure=pressure)
        for strategy in ("pte_chain", *COPYING)
    ]
    assert {record["counters"]["early_copies"] for record in records} == {0}
    assert len({record["decisions"] for record in records}) == 1
    paid = {"locks", "trylocks", "ptes_probed", "vma_lookups"}
    paid |= {name for name in COUNTER_NAMES if name.startswith("rmap_") and name != "rmap_walks"}
    for name in set(COUNTER_NAMES) - paid:
        assert len({record["counters"][name] for record in records}) == 1, name
