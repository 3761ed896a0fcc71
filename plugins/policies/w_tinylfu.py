"""W-TinyLFU: who leaves the window must have been used more often than who would make room for it.

::

    new --> [ window 1 %, LRU ] --> candidate --+         +-- used -->-+
                                                v         |            v
                                 used more?  [ probation 20 % ]   [ protected 80 % ]
                                 in; else         |         ^          |
                                 victim           v         +- pushed -+
                                              victim            out
    frequency of a page = counter of a sketch, up to 15, + 1 if the doorkeeper knows it

- Each use of a page, hit or miss, is added to the filter: the first to the doorkeeper, a Bloom
  filter, the others to a count-min sketch of 4-bit counters with minimal increment. After a sample
  of ten times as many uses as frames all counters are halved, and the doorkeeper is emptied.
- Window: LRU. Full, its oldest is the candidate, the main cache's next the victim (oldest on
  probation, if none protected). The candidate must have the higher frequency to stay.
- Main: SLRU. A hit on probation protects; the oldest of too many protected goes on probation.

Cost: a hit moves a frame and writes at most seven bytes of two tables; O(1) a fault.

Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: A highly efficient cache admission policy",
ACM Transactions on Storage 13(4), 2017: the filter section 3, the window section 4. Settled here:
the tables' sizes and hash functions (`reclaim.kit.tiny_lfu`); a miss is added once its page is in;
the window has one frame at least; a candidate enters without a contest while the main cache has
room. One that is put back is protected; one not wanted soon (MADV_COLD) is next on probation.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NIL,
    Param,
    Policy,
    TinyLfu,
    U,
    hookimpl,
    list_at,
    list_back,
    page_of,
    sized_list,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    tiny_lfu_add,
    tiny_lfu_estimate,
    wrong_sizes,
)

WINDOW, PROBATION, PROTECTED = 0, 1, 2


class WTinyLfu(Policy):
    name = "w_tinylfu"
    summary = "a small window, and a main cache that admits by estimated frequency"
    source = "Einziger, Friedman, Manes, ACM ToS 13(4), 2017"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 3
    params = {
        "window_percent": Param(int, 1, low=1, high=99, text="frames of the window, %"),
        "protected_percent": Param(int, 80, low=0, high=100, text="protected, % of the rest"),
        "sample": Param(int, 10, low=1, high=1000, text="uses between resets, twice, per frame"),
    }

    sizes: I64
    uses: TinyLfu
    nr_window: int
    nr_main: int
    nr_protected: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, window_percent, protected_percent, sample):
        nr_window = max(1, nr_frames * window_percent // 100)
        return cls(
            sizes=np.zeros(3, dtype=np.int64),
            uses=TinyLfu.new(nr_frames, sample * nr_frames),
            nr_window=nr_window,
            nr_main=nr_frames - nr_window,
            nr_protected=(nr_frames - nr_window) * protected_percent // 100,
        )

    def frequency(self, m, pfn):
        return tiny_lfu_estimate(self.uses, page_of(m, pfn))

    def oldest(self, m, k):
        return list_back(m, list_at(m, k))

    def fault_in(self, m, pfn, page, shadow):
        sized_push_front(m, self.sizes, WINDOW, pfn)
        tiny_lfu_add(self.uses, page, 1)
        nr_main = self.sizes[U(PROBATION)] + self.sizes[U(PROTECTED)]
        if self.sizes[U(WINDOW)] > self.nr_window and nr_main < self.nr_main:
            sized_move_front(m, self.sizes, PROBATION, self.oldest(m, WINDOW))

    def accessed(self, m, pfn, page, how, nr):
        tiny_lfu_add(self.uses, page, nr)
        if sized_list(m, pfn) == WINDOW:
            sized_move_front(m, self.sizes, WINDOW, pfn)
        else:
            sized_move_front(m, self.sizes, PROTECTED, pfn)
            self.push_out(m)

    def push_out(self, m):
        if self.sizes[U(PROTECTED)] > self.nr_protected:
            sized_move_front(m, self.sizes, PROBATION, self.oldest(m, PROTECTED))

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            main = PROBATION if self.sizes[U(PROBATION)] > 0 else PROTECTED
            victim = self.oldest(m, main)
            candidate = self.oldest(m, WINDOW)
            if victim == NIL:
                main = WINDOW
            elif candidate != NIL and self.sizes[U(WINDOW)] >= self.nr_window:
                if self.frequency(m, candidate) > self.frequency(m, victim):
                    sized_move_front(m, self.sizes, PROBATION, candidate)
                else:
                    main = WINDOW
            pfn = sized_take_back(m, self.sizes, main)
            if pfn == NIL:
                break
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        sized_push_front(m, self.sizes, PROTECTED, pfn)
        self.push_out(m)

    def deactivated(self, m, pfn):
        sized_remove(m, self.sizes, pfn)
        sized_push_back(m, self.sizes, PROBATION, pfn)

    def check(self, m, owned):
        return wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(WTinyLfu)
