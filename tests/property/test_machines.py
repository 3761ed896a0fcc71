"""Does every strategy keep its machine whole, and do all take the same decisions as the oracle?

Hypothesis chooses the events one at a time and makes a failing sequence short. After each event
`side_by_side` checks walks against page tables, counts against recounts, each plugin's own
structures, the machines against each other and against the oracle.
"""

from __future__ import annotations

from typing import Any

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reclaim.jit.kernel import INTERPRET
from reclaim.run import PluginChoice
from tests.oracle.machine import resolve
from tests.oracle.scripts import (
    WEIGHTS,
    Chooser,
    DrawChooser,
    RandomChooser,
    ScriptWriter,
    random_script,
)
from tests.oracle.steps import steps_of_script
from tests.property.side_by_side import SideBySide
from tests.property.worlds import FIRST, chosen, others

# Each policy is compiled with each strategy, so compiled lanes see one here; they see all in
# tests/oracle/test_engine.py.
POLICIES = ["fifo", "clock", "lru"] if INTERPRET else ["clock"]
PRESSURES: list[dict[str, Any]] = [
    {"pressure": "exact"},
    {"pressure": "limit"},
    {"pressure": "watermarks", "min": 1, "low": 2, "high": 4},
    {"pressure": "watermarks", "min": 1, "low": 2, "high": 4, "kswapd_every": 3}
    | {"writeback_accesses": 5},
]
VERBS = [verb for verb in WEIGHTS for _ in range(WEIGHTS[verb]) if verb != "mark"]


@st.composite
def strategies(draw: st.DrawFn) -> tuple[PluginChoice, ...]:
    """The first, and one or two others, whose params are drawn too."""
    names = draw(st.lists(st.sampled_from(others()), min_size=1, max_size=2, unique=True))
    return tuple(
        chosen(name, lambda values: draw(st.sampled_from(values))) for name in [FIRST, *names]
    )


WORLDS = {
    "strategies": strategies(),
    "frames": st.sampled_from([5, 7, 12]),
    "swap_pages": st.sampled_from([None, None, None, 30]),
    "fork_copies": st.sampled_from(["anon", "all"]),
    "pressure": st.sampled_from(PRESSURES),
}


class Machines(RuleBasedStateMachine):
    """One machine per strategy, over several processes and files."""

    @initialize(policy=st.sampled_from(POLICIES), sharing=st.booleans(), **WORLDS)
    def switch_on(self, policy: str, sharing: bool, **world: Any) -> None:
        self.machines = SideBySide(policy, **world)
        self.writer = ScriptWriter(DrawChooser(None), max_locked=2, sharing_shm_privately=sharing)

    @rule(verb=st.sampled_from(VERBS), data=st.data())
    def happen(self, verb: str, data: st.DataObject) -> None:
        """One event, each of whose numbers hypothesis can make smaller."""
        self.say(DrawChooser(data.draw), verb)

    @rule(seed=st.integers(0, 1 << 32), nr=st.integers(1, 8))
    def happen_by_chance(self, seed: int, nr: int) -> None:
        """Some events spread as hypothesis would not spread them; it can leave them out."""
        chance = RandomChooser(seed)
        for _ in range(nr):
            self.say(chance, VERBS[chance.integer(0, len(VERBS) - 1)])

    def say(self, chooser: Chooser, verb: str) -> None:
        self.writer.chooser = chooser
        said = len(self.writer.lines)
        if self.writer.spaces or verb == "mmap":
            getattr(self.writer, "write_" + verb)()
        for line in self.writer.lines[said:]:
            note(line)
            self.machines.say(line)


Machines.TestCase.settings = settings(stateful_step_count=40)
TestMachines = Machines.TestCase


def test_opt_with_the_future_known_keeps_its_machines_whole():
    # Its future must be known before the first event, so scripts are written whole, by seed.
    for seed in range(12 if INTERPRET else 4):
        text = random_script(seed, 60)
        world = PRESSURES[seed % len(PRESSURES)]
        touches = resolve(steps_of_script(text)).touches
        SideBySide("opt", pressure=world, touches=touches, strategies=("pte_chain",)).say(text)


def test_a_veto_of_a_merge_does_not_change_what_fork_copies():
    # b's mapping at 0 has anonymous pages and a chain of two, so anon_vmas veto its merge with the
    # one at 4, which has none. Were they one for others, c would get an entry for page 5 from them.
    SideBySide("fifo" if INTERPRET else "clock").say(
        """
        mmap a 0 4 file:f@0 private rw-
        write a 0
        fork a b
        mmap b 4 4 file:f@4 private rw-
        read b 5
        fork b c
        read c 5
        """
    )
