"""Do policies that walk page tables keep every machine whole, whatever the reverse map can find?"""

from __future__ import annotations

import numpy as np
import pytest

from reclaim.engine import events, loop
from reclaim.engine.bind import Bound
from reclaim.engine.drive import Driver
from reclaim.engine.resolve import resolve
from reclaim.jit.kernel import INTERPRET
from reclaim.run import PluginChoice, RunSpec, build
from reclaim.trace.script import parse_script
from reclaim.vm.machine import Machine
from tests import laboratory
from tests.oracle.scripts import random_script
from tests.property.inexact import VERBS, run_seed, world
from tests.property.long_run import PRESSURES
from tests.property.naive_linux_24 import NaiveLinux24
from tests.property.side_by_side import differences

# Compiled lanes see one policy: each is compiled with each strategy.
SEEDS = [
    seed
    for seed in range(24 if INTERPRET else 100)
    if INTERPRET or world(seed)[1]["policy"] == "linux_24"
]


@pytest.mark.parametrize("part", range(4))
def test_a_slice_of_random_scripts(part: int) -> None:
    for seed in SEEDS[part::4]:
        nr, end = run_seed(seed)
        assert nr > 0
        assert not end.startswith("DIVERGENCE"), end


def lived_through(text: str, policy: PluginChoice, frames: int, pressure: dict) -> Machine:
    """Run a script in plain Python, whatever the lane: the naive policy cannot be compiled."""
    trace = parse_script(text)
    spec = RunSpec(policy, laboratory.rmap("none_24"), frames, **pressure)
    m, state = build(trace, spec, resolve(trace, "anon", False)[0])
    nothing = [np.zeros(0, dtype) for dtype in (np.int32, np.int64, np.uint8, np.int32)]
    bound = Bound(loop.pair, events.apply, 0.0, False)
    Driver(trace, m, state, bound, loop.Span.of(*nothing)).run()
    return m


@pytest.mark.parametrize("pressure", PRESSURES, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_linux_24_equals_its_naive_twin(seed: int, pressure: dict) -> None:
    """Same pages in the same frames, same entries with their bits, same counts, at the end."""
    verbs = [verb for verb in VERBS if verb != "exec"]
    text = random_script(seed, 250, verbs=verbs, max_spaces=5, max_locked=2)
    frames = (9, 30, 60)[seed % 3]
    ours = lived_through(text, laboratory.policy("linux_24"), frames, pressure)
    naive = lived_through(text, PluginChoice(NaiveLinux24), frames, pressure)
    for m in (ours, naive):
        m.frame.reshape(-1, 8)[:, 4:] = 0  # links and words, which the naive one does not use
    length = 8 * ours.nr_frames
    ours.frame = ours.frame[:length].copy()
    naive.frame = naive.frame[:length].copy()
    assert differences(ours, naive) == []
