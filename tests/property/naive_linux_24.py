"""Linux 2.4's two lists and its scan of page tables, once more, with Python's lists and dicts.

Written from mm/vmscan.c and the policy's list of deviations, without its code: no kit list, no
counters kept along, no tour; all PTEs are read and sorted anew for each scan. It knows nothing of
exec, which begins a space's scan afresh.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.contract.policy import Policy
from reclaim.ids import LEAF_PTES
from reclaim.vm.evict import unmap_one
from reclaim.vm.machine import Machine
from reclaim.vm.pte import PRESENT, VALUE_SHIFT, YOUNG


def mappings(m: Machine) -> list[tuple[int, int, int]]:
    """Return (space, page number, PTE) of all present PTEs whose frames are not locked, sorted."""
    found = []
    for pte in np.flatnonzero(m.pte[: int(m.live[r.LEAF_TOP]) * LEAF_PTES] & PRESENT).tolist():
        leaf = pte // LEAF_PTES * r.LEAF_WORDS
        pfn = int(m.pte[pte]) >> VALUE_SHIFT
        if m.frame[pfn * r.FRAME_WORDS + r.FRAME_FLAGS] < r.FRAME_LOCK:
            vpn = int(m.leaf[leaf + r.LEAF_BASE]) + pte % LEAF_PTES
            found.append((int(m.leaf[leaf + r.LEAF_SPACE]), vpn, pte))
    return sorted(found)


def mapped(m: Machine, pfn: int) -> bool:
    return bool(m.frame[pfn * r.FRAME_WORDS + r.FRAME_MAPCOUNT])


class NaiveLinux24(Policy):
    """Lists run from the end where frames are looked at to the one where they enter."""

    name = "naive_linux_24"
    needs = frozenset({"page_tables"})

    @classmethod
    def new(cls, nr_frames: int, nr_pages: int, seed: int) -> Any:
        made = cls()
        made.__dict__.update(active=[], inactive=[], referenced=set(), put_back={}, at=(0, 0))
        return made

    def fault_in(self, m: Any, pfn: int, page: int, shadow: int) -> None:
        self.referenced.discard(pfn)
        self.put_back.pop(pfn, None)
        self.inactive.append(pfn)

    def putback(self, m: Any, pfn: int, why: int) -> None:
        self.fault_in(m, pfn, 0, 0)
        self.put_back[pfn] = int(m.live[r.NOW])

    def removed(self, m: Any, pfn: int, why: int) -> None:
        (self.active if pfn in self.active else self.inactive).remove(pfn)

    def accessed(self, m: Any, pfn: int, page: int, how: int, nr: int) -> None:
        if pfn in self.inactive and pfn in self.referenced:
            self.inactive.remove(pfn)
            self.referenced.remove(pfn)
            self.active.append(pfn)
        else:
            self.referenced.add(pfn)

    def refill(self, nr: int) -> None:
        for _ in range(min(nr, len(self.active))):
            pfn = self.active.pop(0)
            if pfn in self.referenced:
                self.referenced.remove(pfn)
                self.active.append(pfn)
            else:
                self.referenced.add(pfn)
                self.inactive.append(pfn)

    def swap_out(self, m: Any) -> None:
        everything = mappings(m)
        alive = m.space.reshape(-1, r.SPACE_WORDS)[:, r.SPACE_ALIVE]
        space = self.at[0]
        if not alive[space]:
            later = [s for s in np.flatnonzero(alive) if s > space]
            self.__dict__["at"] = (int(later[0] if later else np.flatnonzero(alive)[0]), 0)
        begin = next((i for i, one in enumerate(everything) if one[:2] >= self.at), 0)
        freeable = 0
        for space, vpn, pte in everything[begin:] + everything[:begin]:
            pfn = int(m.pte[pte]) >> VALUE_SHIFT
            if m.pte[pte] & YOUNG:
                m.pte[pte] &= ~YOUNG
                self.accessed(m, pfn, 0, 0, 1)
            elif pfn in self.inactive and unmap_one(m, pte) and not mapped(m, pfn):
                freeable += 1
                if freeable == 32:
                    self.__dict__["at"] = (space, vpn + 1)
                    return

    def shrink(self, m: Any, wanted: int, share: int, budget: int, over: bool) -> list[int]:
        victims: list[int] = []
        for _ in range(len(self.inactive) // share):
            if len(victims) == wanted:
                break
            pfn = self.inactive.pop(0)
            busy = self.put_back.get(pfn) == int(m.live[r.NOW]) and not over
            if not mapped(m, pfn) and not busy:
                victims.append(pfn)
                continue
            self.inactive.append(pfn)
            budget -= mapped(m, pfn)
            if budget < 0:
                self.swap_out(m)
                break
        return victims

    def select(self, m: Any, nr_wanted: int, victims: Any, page: int) -> int:
        chosen: list[int] = []
        for priority in (6, 5, 4, 3, 2, 1):
            left = nr_wanted - len(chosen)
            self.refill(left * len(self.active) // (2 * (len(self.inactive) + 1)))
            chosen += self.shrink(m, left, priority, left << (9 - priority), False)
        for last in (False, False, False, True):
            if not chosen:
                self.refill(len(self.active))
                self.swap_out(m)
                chosen = self.shrink(m, nr_wanted, 1, m.nr_frames, last)
        victims[: len(chosen)] = chosen
        return len(chosen)

    def check(self, m: Any, owned: Any) -> str:
        return "" if sorted(self.active + self.inactive) == sorted(owned) else "lost a frame"
