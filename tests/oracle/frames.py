"""Frames of the oracle machine: who has one, how one is got, how a page loses it.

Frames have no numbers here: a page has one or not. A policy of the oracle knows pages by id.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.oracle.model import Kind, Page, Pte, Space
from tests.oracle.policies import Policy
from tests.oracle.steps import WRITE

BATCH = 32

COUNTERS = (
    "accesses",
    "misses",
    "minor_faults",
    "major_faults",
    "cow_copies",
    "early_copies",
    "wp_reuses",
    "fills",
    "fd_accesses",
    "evictions",
    "refaults",
    "refault_distance",
    "writebacks",
    "writeback_waits",
    "swap_ins",
    "swap_outs",
    "file_reads",
    "file_writes",
    "putbacks",
    "direct_reclaims",
    "kswapd_batches",
    "age_ticks",
    "samples",
    "ptes_copied",
    "ptes_moved",
    "ptes_zapped",
)
"""What does not depend on the rmap strategy."""


class OutOfMemoryError(Exception):
    """No frame can be got."""


@dataclass(frozen=True)
class Pressure:
    """How many frames, and who reclaims when."""

    frames: float = math.inf
    mode: str = "exact"
    min: int = 0
    low: int = 0
    high: int = 0
    kswapd_every: int = 32
    writeback_accesses: int = 0


class Frames:
    """The frames, the swap slots and the page tables that map them."""

    def __init__(self, policy: Policy, pressure: Pressure, swap_pages: float) -> None:
        self.policy = policy
        policy.is_dirty = lambda page: self.is_dirty(self.pages[page])
        self.pressure = pressure
        self.swap_pages = swap_pages
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.spaces: dict[int, Space] = {}
        self.pages: list[Page] = []
        self.pinned: set[Page] = set()
        self.writebacks: list[tuple[int, Page]] = []  # (due, page), oldest first
        self.time = 0  # accesses that are over
        self.kswapd_due: int | None = None  # None: asleep
        self.victims: list[int] = []
        self.peak_frames = 0
        self.touches: list[list[int]] = []

    def nr_used(self) -> int:
        return sum(page.has_frame for page in self.pages)

    def nr_free(self) -> float:
        return self.pressure.frames - self.nr_used()

    def nr_slots(self) -> int:
        return sum(page.has_slot for page in self.pages)

    def ptes_of(self, page: Page) -> list[Pte]:
        """Return the present entries that map a page."""
        return [self.spaces[space].table[vpn] for space, vpn in sorted(page.rmap)]

    def is_dirty(self, page: Page) -> bool:
        return page.dirty or any(pte.dirty for pte in self.ptes_of(page))

    def test_and_clear_young(self, page_id: int) -> bool:
        """Ask all entries that map a page; clear all their young bits."""
        was_young = False
        for pte in self.ptes_of(self.pages[page_id]):
            was_young |= pte.young
            pte.young = False
        return was_young

    # ---- using a page

    def begin_touch(self) -> None:
        """Start a time step."""
        self.policy.begin_touch(len(self.touches))
        self.touches.append([])

    def use(self, pte: Pte, op: int) -> None:
        """Set the bits that a permitted operation sets."""
        pte.young = True
        if op == WRITE:
            pte.dirty = True
            self.drop_slot_of_written(pte.page)

    def drop_slot_of_written(self, page: Page) -> None:
        if page.kind is not Kind.FILE and page.nr_swapped == 0:
            page.has_slot = False

    # ---- getting a frame

    def enter(self, page: Page, *, dirty: bool) -> None:
        """Give a page a frame that was got for it, and the page to the policy."""
        page.has_frame = True
        page.dirty = dirty
        self.peak_frames = max(self.peak_frames, self.nr_used())
        self.tell_fault_in(page)

    def find(self, page: Page, how: str, nr: int) -> None:
        """Use a page that has a frame: hit, or taken back from under writeback."""
        if page.abandoned:
            page.abandoned = False
            self.tell_fault_in(page)
        else:
            self.policy.accessed(page.id, how, nr)

    def tell_fault_in(self, page: Page) -> None:
        if page.evicted_at is not None:
            self.counters["refaults"] += 1
            self.counters["refault_distance"] += self.counters["evictions"] - page.evicted_at
        self.policy.fault_in(page.id)

    def get_frame(self, page: Page) -> None:
        if self.pressure.mode == "watermarks":
            self.reclaim_above_min(page)
        elif self.nr_free() < 1:
            self.counters["direct_reclaims"] += 1
            if self.pressure.mode == "exact":
                self.reclaim_one(page)
            else:
                self.reclaim_batches(page)

    def reclaim_one(self, page: Page) -> None:
        put_back = 0
        while self.nr_free() < 1:
            victims = self.select(1, page.id)
            if not victims or put_back >= 2 * self.pressure.frames + 2:
                raise OutOfMemoryError(f"page {page.id}")
            put_back = 0 if self.try_to_evict(victims[0]) else put_back + 1

    def reclaim_batches(self, page: Page) -> None:
        put_back = 0
        while self.nr_free() < 1:
            victims = self.select(BATCH, page.id)
            put_back += len(victims)
            gone = [self.try_to_evict(victim) for victim in victims]
            in_vain = not victims or put_back >= 2 * self.pressure.frames + 2
            if in_vain and not any(gone):
                raise OutOfMemoryError(f"page {page.id}")

    def reclaim_above_min(self, page: Page) -> None:
        if self.nr_free() > self.pressure.min:
            return
        self.end_writebacks()
        self.counters["direct_reclaims"] += 1
        while self.nr_free() <= self.pressure.min:
            free = self.nr_free()
            self.batch(page.id)
            if self.nr_free() == free:
                break
        while self.nr_free() < 1:
            if not self.writebacks:
                raise OutOfMemoryError(f"page {page.id}")
            self.counters["writeback_waits"] += 1
            self.end_writeback(self.writebacks.pop(0)[1])

    # ---- evicting

    def select(self, nr: int, page_id: int) -> list[Page]:
        victims = self.policy.select(nr, page_id, self.test_and_clear_young)
        assert len(set(victims)) == len(victims) <= nr
        return [self.pages[one] for one in victims]

    def batch(self, page_id: int) -> int:
        """Reclaim up to a batch; return how many pages were evicted."""
        return sum([self.try_to_evict(page) for page in self.select(BATCH, page_id)])

    def try_to_evict(self, page: Page) -> bool:
        assert page.has_frame and not page.abandoned and not page.locked_by and not page.dead
        why = self.refusal(page)
        if why is not None:
            self.counters["putbacks"] += 1
            self.policy.putback(page.id, why)
            return False
        self.evict(page)
        return True

    def refusal(self, page: Page) -> str | None:
        """Say why a page cannot be evicted now."""
        if page in self.pinned:
            return "LOCKED"
        if page.under_writeback:
            return "WRITEBACK"
        if self.lacks_slot(page):
            return "NO_SWAP"
        return None

    def lacks_slot(self, page: Page) -> bool:
        wants_slot = page.kind is not Kind.FILE and (self.is_dirty(page) or not page.has_slot)
        return wants_slot and self.nr_slots() >= self.swap_pages

    def evict(self, page: Page) -> None:
        """Unmap, write if dirty, and free the frame, now or when writeback ends."""
        dirty = self.is_dirty(page)
        for space, vpn in sorted(page.rmap):
            if page.kind is Kind.ANON:
                pte = self.spaces[space].table[vpn]
                pte.present = pte.young = pte.dirty = False
                page.nr_swapped += 1
            else:
                del self.spaces[space].table[vpn]
        page.rmap.clear()
        page.dirty = False
        if page.kind is not Kind.FILE:
            page.has_slot = True
        if dirty:
            self.counters["writebacks"] += 1
            self.counters["file_writes" if page.kind is Kind.FILE else "swap_outs"] += 1
        self.policy.evicted(page.id)
        self.victims.append(page.id)
        self.counters["evictions"] += 1
        page.evicted_at = self.counters["evictions"]
        delay = self.pressure.writeback_accesses if self.pressure.mode == "watermarks" else 0
        if dirty and delay > 0:
            page.under_writeback = page.abandoned = True
            self.writebacks.append((self.time + delay, page))
        else:
            page.has_frame = False

    def end_writebacks(self) -> None:
        """End the writebacks that are due."""
        while self.writebacks and self.writebacks[0][0] <= self.time:
            self.end_writeback(self.writebacks.pop(0)[1])

    def end_writeback(self, page: Page) -> None:
        page.under_writeback = False
        if page.abandoned:
            page.abandoned = page.has_frame = False

    def run_kswapd(self) -> None:
        """Wake kswapd if need be, collect ended writebacks, run the batches that are due."""
        if self.pressure.mode != "watermarks":
            return
        if self.kswapd_due is None and self.nr_free() < self.pressure.low:
            self.kswapd_due = self.time + self.pressure.kswapd_every
        self.end_writebacks()
        while self.kswapd_due is not None and self.kswapd_due <= self.time:
            self.counters["kswapd_batches"] += 1
            self.batch(-1)
            self.kswapd_due += self.pressure.kswapd_every
            if self.nr_free() >= self.pressure.high:
                self.kswapd_due = None

    # ---- dying

    def kill(self, page: Page, why: str) -> None:
        """End a page for good; nothing maps it any more.

        A frame under writeback is freed when that ends.
        """
        assert not page.rmap and not page.locked_by
        if page.has_frame and not page.abandoned:
            self.policy.removed(page.id, why)
        page.has_frame = page.abandoned = page.under_writeback
        page.has_slot = False
        page.evicted_at = None
        page.dead = True
