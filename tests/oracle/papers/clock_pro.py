"""CLOCK-Pro, Jiang, Chen and Zhang, USENIX 2005, section 4.

The paper faults a page in with a clear bit (`insertion="clear"`). Where the fault sets it, the
first bit that is found on a cold page says nothing: the page goes to the head of the list, still in
its test (`"spared"`, the default). Counting it as a use in the test (`"counted"`) turns every page
hot. HAND_hot runs before the page that turns hot is put at the head, as it does in the authors'
simulator: else it could turn that very page cold, if all others are young. One hot page is always
allowed.

Section 4.2 defines each hand by the page it points at, the last of its kind from the list's head;
so they are looked for here each time. libcachesim's CLOCK-Pro is no reference: it misses more often
than random eviction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Page:
    """A page on the clock."""

    number: int
    hot: bool = False
    test: bool = True
    resident: bool = True
    bit: bool = False
    new: bool = False


class ClockPro:
    """The clock as a list: its head first, HAND_hot's page last once that hand has run."""

    def __init__(self, m: int, insertion: str) -> None:
        self.m, self.m_c, self.insertion = m, 1, insertion
        self.clock: list[Page] = []

    def find(self, number: int) -> Page | None:
        return next((page for page in self.clock if page.number == number), None)

    def to_head(self, page: Page) -> None:
        self.clock.remove(page)
        self.clock.insert(0, page)

    def end_test(self, page: Page) -> None:
        """A test without a re-access: the share of cold pages goes down."""
        page.test = False
        self.m_c = max(1, self.m_c - 1)
        if not page.resident:
            self.clock.remove(page)

    def nr_hot(self) -> int:
        return sum(page.hot for page in self.clock)

    def turn_hot(self, page: Page) -> None:
        """An access in the test: the share of cold pages goes up; HAND_hot makes room."""
        self.clock.remove(page)
        self.m_c = max(1, min(self.m - 1, self.m_c + 1))
        while self.nr_hot() and self.nr_hot() + 1 > self.m - self.m_c:
            self.run_hand_hot()
        page.hot, page.test, page.resident = True, False, True
        self.clock.insert(0, page)

    def run_hand_hot(self) -> None:
        """Demote the first hot page without a bit; then move on to where the next hot page is."""
        demoted = False
        while self.nr_hot():
            page = self.clock[-1]
            if page.hot and demoted:
                return
            if page.hot:
                page.hot = page.bit
                demoted = not page.bit
                page.bit = page.new = False
            elif page.test:
                self.end_test(page)
            if page in self.clock:
                self.to_head(page)

    def run_hand_cold(self) -> None:
        """Free a frame."""
        while True:
            cold = [page for page in self.clock if page.resident and not page.hot]
            if not cold:
                self.run_hand_hot()
                continue
            page = cold[-1]
            young, new = page.bit, page.new
            page.bit = page.new = False
            if not young:
                page.resident = False
                if not page.test:
                    self.clock.remove(page)
                break
            if page.test and not new:
                self.turn_hot(page)
            else:
                self.to_head(page)
        while sum(not page.resident for page in self.clock) > self.m:
            self.end_test([page for page in self.clock if page.test][-1])

    def fault(self, number: int) -> None:
        if sum(page.resident for page in self.clock) == self.m:
            self.run_hand_cold()
        page = self.find(number)
        if page is None:
            page = Page(number)
            self.clock.insert(0, page)
        else:
            self.turn_hot(page)
        page.bit = self.insertion != "clear"
        page.new = self.insertion == "spared"


def misses(trace: Sequence[int], frames: int, *, insertion: str = "spared") -> list[int]:
    """Hits set a bit, and nothing else; the rest is `ClockPro`'s."""
    clock = ClockPro(frames, insertion)
    missed = []
    for at, number in enumerate(trace):
        page = clock.find(number)
        if page is not None and page.resident:
            page.bit = True
        else:
            missed.append(at)
            clock.fault(number)
    return missed


SLOW = True  # every hand is looked for among all pages
