"""linux_24: two lists of frames, and a scan of virtual memory that unmaps what it finds old.

::

    fault --> [ inactive ] --> mapped: to the front, max_mapped - 1; not mapped: victim
             old ^    v used twice
              [  active  ]
    swap_out: mm -> mm -> PTE young: cleared, its page marked accessed; of an active page: kept;
                              else unmapped, until 32 frames are not mapped any more

`shrink_cache` frees only what nothing maps. Each mapped frame it meets takes one from a budget,
``nr_pages << (9 - priority)``; below 0 `swap_out` tours the address spaces. Priority 6 looks at a
sixth of the inactive list, 1 at all of it. Cost: nothing a hit; a reclaim, up to 2.45 inactive
lists and six times every PTE there is. Source: Linux 2.4.16, mm/vmscan.c, mm/swap.c. Deviations:
one zone, no slabs; spaces in order of creation; the machine writes a dirty victim at once; soft
faults show as young PTEs only; a frame just put back, or locked by any mapping, is passed over.
Where the budget cannot be used up (below some 1,500 frames) 2.4.16 gives up; here four rounds come.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    NIL,
    Policy,
    begin_pass,
    cold,
    hookimpl,
    list_at,
    list_remove,
    mapcount,
    new_tour,
    next_mapping,
    now,
    pte_frame,
    push_front,
    set_word,
    take_back,
    take_young,
    unmap_one,
    word,
    wrong_lists,
)

INACTIVE, ACTIVE, REFERENCED = 0, 1, 2  # a list and a flag: word 0; word 1: 1 + when put back
DEF_PRIORITY, SWAP_CLUSTER_MAX = 6, 32


class Linux24(Policy):
    name = "linux_24"
    summary = "active and inactive list; unmaps by scanning page tables, as Linux 2.4"
    source = "Linux 2.4.16, mm/vmscan.c"
    family = "page-table scans"
    needs = frozenset({"page_tables"})
    nr_lists = 2
    length: I64  # of the two lists
    tour: I64

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(length=np.zeros(2, dtype=np.int64), tour=new_tour())

    def add(self, m, pfn, which, referenced):
        push_front(m, list_at(m, which), pfn)
        set_word(m, pfn, 0, which | referenced)
        self.length[which] += 1

    def removed(self, m, pfn, why):
        list_remove(m, pfn)
        self.length[word(m, pfn, 0) & ACTIVE] -= 1

    def fault_in(self, m, pfn, page, shadow):
        self.add(m, pfn, INACTIVE, 0)

    def putback(self, m, pfn, why):
        self.add(m, pfn, INACTIVE, 0)
        set_word(m, pfn, 1, now(m) + 1)

    def accessed(self, m, pfn, page, how, nr):
        if word(m, pfn, 0) == INACTIVE | REFERENCED:
            self.removed(m, pfn, NIL)
            self.add(m, pfn, ACTIVE, 0)
        else:
            set_word(m, pfn, 0, word(m, pfn, 0) | REFERENCED)

    def refill_inactive(self, m, nr):
        for _ in range(min(nr, self.length[ACTIVE])):
            pfn = take_back(m, list_at(m, ACTIVE))
            self.length[ACTIVE] -= 1
            keep = (word(m, pfn, 0) & REFERENCED) != 0
            self.add(m, pfn, ACTIVE if keep else INACTIVE, 0 if keep else REFERENCED)

    @cold
    def swap_out(self, m):
        wanted = SWAP_CLUSTER_MAX
        begin_pass(m, self.tour)
        pte = next_mapping(m, self.tour)
        while pte != NIL:
            pfn = pte_frame(m, pte)
            if take_young(m, pte):
                self.accessed(m, pfn, NIL, BY_PTE, 1)
            elif (word(m, pfn, 0) & ACTIVE) == 0 and unmap_one(m, pte) and mapcount(m, pfn) == 0:
                wanted -= 1
            pte = next_mapping(m, self.tour) if wanted > 0 else NIL

    @cold
    def shrink_cache(self, m, nr, nr_wanted, victims, priority, max_mapped, busy):
        for _ in range(self.length[INACTIVE] // priority):
            if nr == nr_wanted:
                break
            pfn = take_back(m, list_at(m, INACTIVE))
            if mapcount(m, pfn) == 0 and word(m, pfn, 1) != busy:
                self.length[INACTIVE] -= 1
                victims[nr] = pfn
                nr += 1
                continue
            push_front(m, list_at(m, INACTIVE), pfn)
            max_mapped -= int(mapcount(m, pfn) > 0)
            if max_mapped < 0:
                self.swap_out(m)
                break
        return nr

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        busy = now(m) + 1
        for priority in range(DEF_PRIORITY, 0, -1):
            left = nr_wanted - nr
            self.refill_inactive(m, left * self.length[ACTIVE] // (2 * self.length[INACTIVE] + 2))
            budget = left << (9 - priority)
            nr = self.shrink_cache(m, nr, nr_wanted, victims, priority, budget, busy)
        rounds = 0
        while nr == 0 and rounds < 4:
            rounds += 1
            self.refill_inactive(m, self.length[ACTIVE])
            self.swap_out(m)
            busy = busy if rounds < 4 else NIL
            nr = self.shrink_cache(m, 0, nr_wanted, victims, 1, m.nr_frames, busy)
        return nr

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Linux24)
