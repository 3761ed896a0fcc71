"""Machines without an exact reverse map live through random events, beside exact ones.

A policy with `page_tables` asks no reverse map, so under one policy all strategies, exact or not,
must be in one state after each event. What does not depend on residency, which page is where and
how many hold it, must also be the oracle's, who evicts others. Probes are left out: there is no
walk to probe.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.ids import ANON
from reclaim.vm.invariants import broken
from reclaim.vm.machine import Machine
from tests import laboratory
from tests.oracle.machine import Machine as Oracle
from tests.oracle.machine import Pressure
from tests.oracle.model import Kind
from tests.oracle.policies import POLICIES
from tests.oracle.scripts import WEIGHTS, random_script
from tests.oracle.steps import ScriptReader, Step
from tests.property.compiled_walks import walks
from tests.property.long_run import PRESSURES
from tests.property.side_by_side import (
    Side,
    TooManyError,
    announce,
    differences,
    entries_of,
    oracle_entries,
    wrong_owners,
)

STRATEGIES = ("none_24", "prototype_pte", "pte_chain", "anon_vma_chain")
POLICIES_THAT_TOUR = ("linux_24", "working_set")
VERBS = [verb for verb in WEIGHTS if verb not in ("evict", "referenced")]
ENOUGH = 4096
"""Frames with which the oracle never evicts."""


class Inexact:
    """Machines under one policy, one strategy each, and the oracle with infinite memory."""

    def __init__(
        self,
        policy: str,
        *,
        frames: int = 14,
        swap_pages: int | None = None,
        fork_copies: str = "anon",
        pressure: dict[str, Any] | None = None,
        strategies: Sequence[str] = STRATEGIES,
    ) -> None:
        pressure = pressure or PRESSURES[0]
        self.sides = [
            Side(
                laboratory.spec_of(
                    strategy,
                    policy,
                    frames,
                    swap_pages=swap_pages,
                    fork_copies=fork_copies,
                    **pressure,
                )
            )
            for strategy in strategies
        ]
        self.may_end = swap_pages is not None
        self.oracle = Oracle(POLICIES["fifo"](), Pressure(ENOUGH), fork_copies=fork_copies)
        self.reader = ScriptReader()
        self.over = False

    def say(self, text: str) -> int:
        """Let the lines of a script happen, checking after each; return how many did."""
        nr = 0
        for step in self.reader.read(text):
            if not self.over:
                self.take(step)
                nr += 1
        return nr

    def take(self, step: Step) -> None:
        """Let one step happen to all, and compare."""
        announce(self.reader, self.sides, step)
        self.oracle.take(step)
        ends = {side.strategy: side.attempt(step) for side in self.sides}
        self.over = any(ends.values())
        if self.over:
            assert self.may_end, ends
            assert all("out of memory" in end for end in ends.values()), ends
            return
        for side in self.sides:
            problems = broken(side.m, side.policy, walks) + wrong_owners(side.m)
            assert not problems, f"{side.strategy}: {problems}"
        for side in self.sides[1:]:
            assert not (differing := differences(self.sides[0].m, side.m)), (
                f"{side.strategy} differs from {self.sides[0].strategy} in {differing}"
            )
        assert identity(self.sides[0].m) == oracle_identity(self.oracle)


Identity = tuple[int, dict[tuple[int, int], int], dict[int, int]]


def identity(m: Machine) -> Identity:
    """Return the number of page ids, where each anonymous page is, and how many hold it."""
    nr = int(m.live[r.NR_PAGES])
    pages = m.page.reshape(-1, r.PAGE_WORDS)[:nr]
    anon = {int(page) for page in np.flatnonzero((pages[:, r.PAGE_BACKING] & 3) == ANON)}
    places = {at: entry[0] for at, entry in entries_of(m).items() if entry[0] in anon}
    holders = {page: n for page in anon if (n := int(pages[page, r.PAGE_SHARERS]))}
    return nr, places, holders


def oracle_identity(oracle: Oracle) -> Identity:
    """Return the same of the oracle."""
    anon = {page.id: page for page in oracle.pages if page.kind is Kind.ANON}
    places = {at: entry[0] for at, entry in oracle_entries(oracle).items() if entry[0] in anon}
    return len(oracle.pages), places, {k: page.sharers for k, page in anon.items() if page.sharers}


def world(seed: int) -> tuple[str, dict[str, Any]]:
    """Return the script of a seed, and on which machines it runs."""
    rng = random.Random(seed)
    many_locked = rng.random() < 0.4
    text = random_script(
        seed,
        rng.choice([60, 120, 200]),
        verbs=VERBS,
        max_spaces=rng.choice([2, 4, 6]),
        max_locked=6 if many_locked else 1,
        sharing_shm_privately=rng.random() < 0.25,
    )
    return text, {
        "policy": rng.choice(POLICIES_THAT_TOUR),
        "frames": rng.choice([14, 20, 40] if many_locked else [7, 9, 14]),
        "swap_pages": rng.choice([None, None, None, 40]),
        "fork_copies": rng.choice(["anon", "all"]),
        "pressure": rng.choice(PRESSURES),
    }


def run_seed(seed: int) -> tuple[int, str]:
    """Run one script; returns events taken and what went wrong, or how it ended."""
    text, settings = world(seed)
    machines = Inexact(**settings)
    nr, line = 0, ""
    try:
        for line in text.splitlines():
            nr += machines.say(line)
    except TooManyError:
        return nr, "too many spaces"
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed that makes it is wanted
        shown = f"{type(error).__name__}: {error}"[:500]
        return nr, f"DIVERGENCE seed {seed} {settings} at '{line}': {shown}"
    return nr, "out of memory" if machines.over else "ran to its end"
