"""Running small scripts, and a policy that writes down what it is told."""

from __future__ import annotations

from tests.oracle.machine import simulate
from tests.oracle.policies import Fifo
from tests.oracle.steps import steps_of_script


def run(text, policy=Fifo, frames=100, **settings):
    return simulate(steps_of_script(text), policy, frames, checked=True, **settings)


class Diary(Fifo):
    """FIFO that writes down what it is told."""

    last: Diary

    def __init__(self):
        super().__init__()
        self.told = []
        Diary.last = self

    def fault_in(self, page):
        super().fault_in(page)
        self.told.append(f"fault_in {page}")

    def accessed(self, page, how, nr):
        self.told.append(f"accessed {page} {how}")

    def evicted(self, page):
        self.told.append(f"evicted {page}")

    def removed(self, page, why):
        super().removed(page, why)
        self.told.append(f"removed {page} {why}")

    def putback(self, page, why):
        super().putback(page, why)
        self.told.append(f"putback {page} {why}")

    def deactivated(self, page):
        self.told.append(f"deactivated {page}")


def told(text, frames=100, **settings):
    run(text, Diary, frames, **settings)
    return Diary.last.told
