"""Does the simulator count what the oracle machine counts, on scripts that nobody thought of?"""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from reclaim.errors import MachineError
from reclaim.jit.kernel import INTERPRET
from reclaim.trace.script import parse_script
from tests import laboratory
from tests.oracle.compare import differences
from tests.oracle.machine import OutOfMemoryError, simulate
from tests.oracle.policies import POLICIES
from tests.oracle.scripts import random_script
from tests.oracle.steps import steps_of_trace

# Each pair is compiled; each policy and each strategy meets the oracle in every lane.
PAIRS = [
    ("fifo", "pte_chain"),
    ("clock", "anon_vma_chain"),
    ("lru", "full_scan"),
    ("opt", "pte_chain"),
    ("clock", "full_scan"),
    ("lru", "anon_vma_chain"),
    ("clock", "anonmm"),
]
if INTERPRET:
    STRATEGIES = (*laboratory.RMAPS, "anonmm")
    PAIRS = [(policy, strategy) for policy in POLICIES for strategy in STRATEGIES]
VETOES_MERGES = {"anon_vma_chain"}
PRESSURES: dict[str, dict[str, Any]] = {
    "exact": {},
    "limit": {},
    "watermarks": {"min": 1, "low": 3, "high": 5},
    "writeback": {"min": 2, "low": 4, "high": 6, "kswapd_every": 5, "writeback_accesses": 7},
}


def compare(
    seed: int, policy: str, strategy: str, pressure: str, **machine: Any
) -> tuple[list[str], bool]:
    """Run a script on both; return what differs, and whether both ran out of memory."""
    trace = parse_script(random_script(seed, 120, sharing_shm_privately=seed % 4 == 0))
    mode = "watermarks" if pressure == "writeback" else pressure
    numbers = PRESSURES[pressure]
    frames, swap_pages = machine["frames"], machine["swap_pages"]
    spec = laboratory.spec_of(strategy, policy, pressure=mode, **numbers, **machine)
    try:
        wanted = simulate(
            steps_of_trace(trace),
            POLICIES[policy],
            frames,
            mode=mode,
            swap_pages=math.inf if swap_pages is None else swap_pages,
            fork_copies=machine["fork_copies"],
            copies_on_move=spec.rmap.cls.copies_on_move,
            **numbers,
        )
    except OutOfMemoryError:
        with pytest.raises(MachineError, match="out of memory"):
            laboratory.run_one(trace, spec)
        return [], True
    record = laboratory.run_one(trace, spec)
    return differences(record, wanted, vmas=strategy not in VETOES_MERGES), False


@pytest.mark.parametrize("pressure", PRESSURES)
@pytest.mark.parametrize(("policy", "strategy"), PAIRS)
def test_the_engine_counts_what_the_oracle_counts(policy, strategy, pressure):
    outcomes = {}
    for seed in range(8):
        rng = random.Random(f"{seed} {policy} {strategy} {pressure}")
        machine = {
            "frames": rng.choice([12, 16, 40]),
            "swap_pages": rng.choice([None, None, 30]),
            "fork_copies": rng.choice(["anon", "all"]),
        }
        script = rng.randrange(1 << 20)
        problems, outcomes[seed] = compare(script, policy, strategy, pressure, **machine)
        assert not problems, f"script {script} with {machine}: {problems}"
    assert not all(outcomes.values())


def test_a_machine_without_memory_stops_as_the_oracle_does():
    machine = {"frames": 3, "swap_pages": None, "fork_copies": "anon"}
    ends = [compare(seed, "fifo", "pte_chain", "exact", **machine)[1] for seed in range(12)]
    assert any(ends)
