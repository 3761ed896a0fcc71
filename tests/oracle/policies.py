"""Policies of the oracle machine, over page ids and plain lists.

A policy is told of every page that has a frame and is not locked. What it is told of a page that is
not in its hands (a locked page is used, or evicted after it was removed) it ignores.
"""

from __future__ import annotations

from collections.abc import Callable

Young = Callable[[int], bool]
"""Asks all page-table entries of a page for their young bits and clears them."""


class Policy:
    """Knows nothing and names nobody: enough where memory never runs out."""

    needs_future = False
    age_every: int | None = None
    sample_every = 0
    sample_jitter = False
    is_dirty: Callable[[int], bool]

    def learn_future(self, touches: list[list[int]]) -> None:
        """Take the pages touched at each time step (only if `needs_future`)."""

    def begin_touch(self, now: int) -> None:
        """Note that time step `now` begins."""

    def fault_in(self, page: int) -> None:
        """Take charge of a page that got a frame."""

    def accessed(self, page: int, how: str, nr: int) -> None:
        """Note a use of a resident page: how is PTE, FD or ZAP."""

    def age(self, young: Young) -> None:
        """Look around, after each `age_every` accesses (0: as many as there are frames)."""

    def sampled(self, page: int, nr: int) -> None:
        """Note that accesses to a resident page, the last ones, were sampled."""

    def select(self, nr: int, page: int, young: Young) -> list[int]:
        """Take up to nr victims off; `page` is the one that wants a frame, -1 if none does."""
        return []

    def evicted(self, page: int) -> None:
        """Note that a victim is gone."""

    def removed(self, page: int, why: str) -> None:
        """Give up a page."""

    def putback(self, page: int, why: str) -> None:
        """Take a page back."""

    def deactivated(self, page: int) -> None:
        """Note that a page is wanted less."""

    def resident(self) -> set[int] | None:
        """Return the pages in its hands; None if it keeps no account."""
        return None


class Listed(Policy):
    """A policy with one list; index 0 is looked at first for eviction."""

    def __init__(self) -> None:
        self.pages: list[int] = []

    def fault_in(self, page: int) -> None:
        assert page not in self.pages
        self.pages.append(page)

    def select(self, nr: int, page: int, young: Young) -> list[int]:
        victims, self.pages = self.pages[:nr], self.pages[nr:]
        return victims

    def removed(self, page: int, why: str) -> None:
        if page in self.pages:
            self.pages.remove(page)

    def putback(self, page: int, why: str) -> None:
        assert page not in self.pages
        self.pages.append(page)

    def resident(self) -> set[int] | None:
        return set(self.pages)


class Fifo(Listed):
    """Evict the page that came first."""


class Lru(Listed):
    """Evict the page whose last use is longest ago. Sees every access."""

    def accessed(self, page: int, how: str, nr: int) -> None:
        if page in self.pages:
            self.pages.remove(page)
            self.pages.append(page)

    def deactivated(self, page: int) -> None:
        if page in self.pages:
            self.pages.remove(page)
            self.pages.insert(0, page)


class Clock(Policy):
    """A ring and a hand: a page that was used since the hand last came by gets another round.

    Used: the young bit of any entry that maps it, or a use through a file descriptor. A page enters
    just behind the hand, so that it is looked at last.
    """

    def __init__(self) -> None:
        self.ring: list[int] = []
        self.hand = 0
        self.used: set[int] = set()

    def enter(self, page: int) -> None:
        assert page not in self.ring
        self.ring.insert(self.hand, page)
        self.hand += 1
        if self.hand == len(self.ring):
            self.hand = 0

    def leave(self, page: int) -> None:
        at = self.ring.index(page)
        del self.ring[at]
        self.used.discard(page)
        if at < self.hand:
            self.hand -= 1
        if self.hand == len(self.ring):
            self.hand = 0

    def fault_in(self, page: int) -> None:
        self.enter(page)

    def putback(self, page: int, why: str) -> None:
        self.enter(page)

    def accessed(self, page: int, how: str, nr: int) -> None:
        if how != "PTE" and page in self.ring:
            self.used.add(page)

    def select(self, nr: int, page: int, young: Young) -> list[int]:
        victims: list[int] = []
        while self.ring and len(victims) < nr:
            candidate = self.ring[self.hand]
            if young(candidate) or candidate in self.used:
                self.used.discard(candidate)
                self.hand = (self.hand + 1) % len(self.ring)
            else:
                self.leave(candidate)
                victims.append(candidate)
        return victims

    def removed(self, page: int, why: str) -> None:
        if page in self.ring:
            self.leave(page)

    def resident(self) -> set[int] | None:
        return set(self.ring)


class Opt(Policy):
    """Belady's MIN: evict the page whose next use is furthest, by a scan of the future.

    Time is counted in touches (access rows, pages through a descriptor, pages that mlock reaches),
    a copy's source before the copy. Those of the time step under way are past. Never used again is
    furthest of all; ties go to the smallest page id. A victim that was put back is named after all
    others until a page comes in.
    """

    needs_future = True

    def __init__(self) -> None:
        self.pages: set[int] = set()
        self.put_back: list[int] = []
        self.touches: list[list[int]] = []
        self.now = 0

    def learn_future(self, touches: list[list[int]]) -> None:
        self.touches = touches

    def begin_touch(self, now: int) -> None:
        self.now = now + 1

    def fault_in(self, page: int) -> None:
        assert page not in self.pages
        self.pages.update(self.put_back)
        self.put_back.clear()
        self.pages.add(page)

    def removed(self, page: int, why: str) -> None:
        self.pages.discard(page)
        if page in self.put_back:
            self.put_back.remove(page)

    def putback(self, page: int, why: str) -> None:
        if why == "UNLOCKED":
            self.pages.add(page)
        else:
            self.put_back.append(page)

    def select(self, nr: int, page: int, young: Young) -> list[int]:
        victims: list[int] = []
        while self.pages and len(victims) < nr:
            victims.append(self.furthest(self.pages))
            self.pages.remove(victims[-1])
        while self.put_back and len(victims) < nr:
            victims.append(self.put_back.pop(0))
        return victims

    def furthest(self, candidates: set[int]) -> int:
        """Cross off the candidates as the future uses them; the last one left is furthest."""
        left = set(candidates)
        for touched in self.touches[self.now :]:
            for page in touched:
                if left == {page}:
                    return page
                left.discard(page)
        return min(left)

    def resident(self) -> set[int] | None:
        return self.pages | set(self.put_back)


POLICIES: dict[str, type[Policy]] = {"fifo": Fifo, "clock": Clock, "lru": Lru, "opt": Opt}
