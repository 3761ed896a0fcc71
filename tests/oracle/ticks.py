"""Ticks and samples of the oracle machine: which accesses they fall on."""

from __future__ import annotations

import math

from tests.oracle.events import Events
from tests.oracle.model import Space
from tests.oracle.policies import Policy
from tests.oracle.rng import Dice


class Ticks(Events):
    """The machine's sense of time between accesses."""

    dice: Dice
    next_sample: float

    def set_clocks(self, policy: Policy, seed: int) -> None:
        self.dice = Dice(seed)
        self.next_sample = 0 if policy.sample_every else math.inf
        if policy.sample_every:
            self.next_sample = self.distance()

    def distance(self) -> int:
        """Say how many accesses lie between one sample and the next."""
        every = self.policy.sample_every
        return 1 + self.dice.below(2 * every - 1) if self.policy.sample_jitter else every

    def run_ticks(self, space: Space, vpn: int, nr: int) -> None:
        """Sample the nr accesses that are just over, then age as often as is due."""
        sampled = 0
        for at in range(self.time - nr + 1, self.time + 1):
            if at == self.next_sample:
                sampled += 1
                self.next_sample = at + self.distance()
        self.counters["samples"] += sampled
        pte = space.table.get(vpn)
        if sampled and pte is not None and pte.present:
            self.policy.sampled(pte.page.id, sampled)
        if self.policy.age_every is None:
            return
        every = self.policy.age_every or int(self.pressure.frames)
        due = [at for at in range(self.time - nr + 1, self.time + 1) if at % every == 0]
        for at in due:
            self.counters["age_ticks"] += 1
            self.policy.age(self.test_and_clear_young)
            pte = space.table.get(vpn)
            if at != self.time and pte is not None and pte.present:
                pte.young = True
