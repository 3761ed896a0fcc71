"""linux_22_age: each page has an age, which use adds to and disuse halves; at 0 it is inactive.

::

    fault, age 2 --> [ active  ] --> young: age + 3, at most 64; to the front
                      ^        `---> else:  age / 2;  to the front, at 0:
          used again  |                                    v
                      `--------------------------- [ inactive ] --> not used: the victim

Linux aged pages this way from 2.0 (start 3, +3, -1, at most 20; 2.2 had already dropped it) to
2.4.0 and its successors until 2.4.9: PAGE_AGE_START 2, PAGE_AGE_ADV 3, PAGE_AGE_MAX 64, divided by
two on the way down. A page that was used in many scans lasts a few more than one used once: six
halvings from 64. `decline: one` subtracts, as 2.0 did and the rmap patches to 2.4 offered; then age
64 takes 64 idle scans, which is why it was disputed.

kswapd looks at a part of the active list each second (`refill_inactive_scan(6, 0)`); here a tick
does. A fault that finds the inactive list empty goes on with the scan until it has what it wants.

Cost: nothing a hit; a walk for each frame scanned, at worst 8 turns of the active list (66 when one
is subtracted) for a fault.

Source: Linux 2.4.0, mm/swap.c (age_page_up_nolock, age_page_down_ageonly), mm/vmscan.c
(refill_inactive_scan), include/linux/swap.h. Deviations: young bits come by the reverse map, as in
van Riel's rmap patches to 2.4, where 2.4.0 scans virtual memory; one inactive list, where there
were a dirty and a clean one; no inactive target: deactivation beyond need is the ticks' work.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    NIL,
    Param,
    Policy,
    cold,
    hookimpl,
    referenced,
    set_word,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    word,
    wrong_sizes,
)

ACTIVE, INACTIVE = 0, 1
START, ADVANCE, MOST = 2, 3, 64
USED = 1 << 8  # beside the age in word 0: used by a descriptor (PG_referenced)


class Linux22Age(Policy):
    """Two lists; word 0 is page->age."""

    name = "linux_22_age"
    summary = "page->age: up by three when used, halved when not, inactive at zero"
    source = "Linux 2.4.0, mm/swap.c, mm/vmscan.c"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 2
    params = {
        "age_every": Param(
            int, 0, low=0, unit="accesses", text="between two ticks; 0: as many as frames"
        ),
        "priority": Param(int, 6, low=0, high=6, text="a tick looks at active >> priority frames"),
        "decline": Param(str, "half", choices=("half", "one"), text="what disuse does to an age"),
    }
    size: I64
    priority: int
    halves: bool

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, age_every, priority, decline):
        size = np.zeros(2, dtype=np.int64)
        return cls(size=size, priority=priority, halves=decline == "half")

    def fault_in(self, m, pfn, page, shadow):
        set_word(m, pfn, 0, START)
        sized_push_front(m, self.size, ACTIVE, pfn)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, word(m, pfn, 0) | USED)

    def used(self, m, pfn):
        """Tell whether a frame was used, and forget it."""
        age = word(m, pfn, 0)
        set_word(m, pfn, 0, age & ~USED)
        return referenced(m, pfn) > 0 or age >= USED

    @cold
    def look(self, m):
        """Age the frame at the active list's end; deactivate it at 0."""
        pfn = sized_take_back(m, self.size, ACTIVE)
        used = self.used(m, pfn)
        age = word(m, pfn, 0)
        if used:
            age = min(MOST, age + ADVANCE)
        elif self.halves:
            age = age // 2
        else:
            age = max(0, age - 1)
        set_word(m, pfn, 0, age)
        sized_push_front(m, self.size, ACTIVE if age > 0 else INACTIVE, pfn)

    def age(self, m):
        for _ in range(self.size[ACTIVE] >> self.priority):
            self.look(m)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted and self.size[ACTIVE] + self.size[INACTIVE] > 0:
            pfn = sized_take_back(m, self.size, INACTIVE)
            if pfn == NIL:
                self.look(m)
            elif self.used(m, pfn):
                set_word(m, pfn, 0, START)
                sized_push_front(m, self.size, ACTIVE, pfn)
            else:
                victims[nr] = pfn
                nr += 1
        return nr

    def removed(self, m, pfn, why):
        sized_remove(m, self.size, pfn)

    def putback(self, m, pfn, why):
        self.fault_in(m, pfn, NIL, 0)

    def deactivated(self, m, pfn):
        sized_remove(m, self.size, pfn)
        sized_push_back(m, self.size, INACTIVE, pfn)
        set_word(m, pfn, 0, 0)

    def check(self, m, owned):
        return wrong_sizes(m, self.size, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Linux22Age)
