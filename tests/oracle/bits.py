"""Policies of the oracle machine that live on young bits, ticks and samples."""

from __future__ import annotations

from tests.oracle.policies import Listed, Lru, Young


class PebsLru(Lru):
    """LRU over the accesses that are sampled."""

    def __init__(self, sample_every: int = 100, sample_jitter: bool = False) -> None:
        super().__init__()
        self.sample_every = sample_every
        self.sample_jitter = sample_jitter

    def accessed(self, page: int, how: str, nr: int) -> None:
        if how != "PTE":
            super().accessed(page, how, nr)

    def sampled(self, page: int, nr: int) -> None:
        super().accessed(page, "PTE", nr)


class Nru(Listed):
    """Not recently used: the first page of the lowest class; index 0 is under the hand."""

    def __init__(self, age_every: int = 0) -> None:
        super().__init__()
        self.age_every = age_every
        self.used: set[int] = set()
        self.lowest = 0  # a turn since the tick has met nobody below this class
        self.spared: set[int] = set()  # put back since the last tick

    def fault_in(self, page: int) -> None:
        super().fault_in(page)
        self.used.add(page)

    def age(self, young: Young) -> None:
        for page in self.pages:
            young(page)
        self.used.clear()
        self.spared.clear()
        self.lowest = 0

    def accessed(self, page: int, how: str, nr: int) -> None:
        if how != "PTE" and page in self.pages:
            self.used.add(page)

    def class_of(self, page: int) -> int:
        if page in self.spared:
            return 3
        return 2 * (page in self.used) + self.is_dirty(page)

    def select(self, nr: int, page: int, young: Young) -> list[int]:
        victims: list[int] = []
        wanted, first = self.lowest, True
        while self.pages and len(victims) < nr:
            passed = []
            for at in list(self.pages):
                if first and young(at):
                    self.used.add(at)
                self.pages.remove(at)
                if self.class_of(at) <= wanted:
                    victims.append(at)
                    if len(victims) == nr:
                        break
                else:
                    passed.append(at)
            self.pages += passed
            if len(victims) < nr:
                wanted, first = min((self.class_of(at) for at in passed), default=3), False
                self.lowest = min(wanted, 2)
        for victim in victims:
            self.used.discard(victim)
        return victims

    def removed(self, page: int, why: str) -> None:
        super().removed(page, why)
        self.used.discard(page)
        self.spared.discard(page)

    def putback(self, page: int, why: str) -> None:
        super().putback(page, why)
        self.spared.add(page)

    def deactivated(self, page: int) -> None:
        if page in self.pages:
            self.pages.remove(page)
            self.pages.insert(0, page)
            self.used.discard(page)
            self.spared.discard(page)
            self.lowest = 0
