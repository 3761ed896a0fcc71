"""A policy without a machine around it: tests call its kernels one by one, in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from reclaim.ids import NIL
from reclaim.kit.lists import frames_on
from reclaim.rows import NOW
from reclaim.vm.frames import install, page_of
from reclaim.vm.mapping import FREED, WRITEBACK
from reclaim.vm.tell import BY_PTE
from tests.laboratory import policy
from tests.unit.kit.test_lists import empty_machine


class ByHand:
    """A policy over some frames; frame n holds page n unless a test says otherwise."""

    def __init__(self, name: str, nr_frames: int, nr_pages: int = 64, **params: Any) -> None:
        chosen = policy(name, **params)
        self.policy = chosen.cls.new(nr_frames, nr_pages, 0, **chosen.all_params())
        self.m = empty_machine(nr_frames, chosen.cls.nr_lists, nr_pages)
        self.owned: set[int] = set()

    def fault(self, *frames: int, page: int = NIL) -> None:
        for pfn in frames:
            self.m.live[NOW] += 1
            held = pfn if page == NIL else page
            install(self.m, pfn, held, 0)
            self.policy.fault_in(self.m, pfn, held, 0)
            self.owned.add(pfn)
        self.check()

    def use(self, *frames: int, nr: int = 1) -> None:
        for pfn in frames:
            self.m.live[NOW] += nr
            self.policy.accessed(self.m, pfn, int(page_of(self.m, pfn)), BY_PTE, nr)
        self.check()

    def select(self, nr_wanted: int = 1, page: int = NIL) -> list[int]:
        """Name victims and leave them between select and what follows."""
        victims = np.full(nr_wanted, NIL)
        nr = self.policy.select(self.m, nr_wanted, victims, page)
        self.owned -= set(victims[:nr].tolist())
        self.check()
        return victims[:nr].tolist()

    def evict(self, nr_wanted: int = 1, page: int = NIL) -> list[int]:
        victims = self.select(nr_wanted, page)
        for pfn in victims:
            self.policy.evicted(self.m, pfn)
        return victims

    def remove(self, pfn: int) -> None:
        self.policy.removed(self.m, pfn, FREED)
        self.owned.remove(pfn)
        self.check()

    def put_back(self, *frames: int) -> None:
        for pfn in frames:
            self.policy.putback(self.m, pfn, WRITEBACK)
            self.owned.add(pfn)
        self.check()

    def cold(self, pfn: int) -> None:
        self.policy.deactivated(self.m, pfn)
        self.check()

    def on(self, k: int) -> list[int]:
        """Return the frames of a list from front to back."""
        return frames_on(self.m, self.m.nr_frames + k)

    def check(self) -> None:
        assert self.policy.check(self.m, self.owned) == ""
