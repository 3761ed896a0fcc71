"""LRU-K: the page whose K-th last use is the longest ago goes.

::

    fewer than K uses    [ most recent ... least recent ] --> victim, while there are any
    K uses known         heap by the time of the K-th last --> victim otherwise

Uses within the correlated reference period count as one, and a page in it is no victim; histories
of pages that have left are kept for the retained information period. A hit leaves the heap as it
is: the K-th last use only gets later, and the top is set right when it comes up.

Cost: O(1) a hit, O(log frames) a fault; 32 bytes a page of the trace, 64 if K is more than 3.

Source: E. J. O'Neil, P. E. O'Neil, G. Weikum, "The LRU-K page replacement algorithm", SIGMOD 1993,
figure 2.1, LRU subsidiary. Unsaid there: if all are in their period, it is ignored; what is put
back waits on a bench until the next fault; MADV_COLD: the least recent of those with fewer uses.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NIL,
    UNLOCKED,
    Heap,
    History,
    Param,
    Policy,
    U,
    heap_key,
    heap_push,
    heap_remove,
    heap_top,
    heap_update,
    hookimpl,
    list_at,
    list_back,
    now,
    page_of,
    sized_list,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    wrong_sizes,
)

FEWER, BENCH = 0, 1


class LruK(Policy):
    name = "lru_k"
    summary = "evicts the page whose K-th last use is the longest ago"
    source = "O'Neil, O'Neil and Weikum, SIGMOD 1993, figure 2.1"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {
        "k": Param(int, 2, low=1, high=7, text="uses that count"),
        "correlated": Param(int, 0, low=0, unit="accesses", text="correlated reference period"),
        "retained": Param(int, 0, low=0, unit="accesses", text="time to remember; 0: for ever"),
    }
    sizes: I64
    known: Heap
    history: History
    correlated: int
    retained: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, k, correlated, retained):
        state = {"sizes": np.zeros(2, dtype=np.int64), "history": History.new(nr_pages, k)}
        return cls(known=Heap.new(nr_frames), correlated=correlated, retained=retained, **state)

    def kth(self, m, pfn):
        return self.history.kth(page_of(m, pfn))

    def is_free(self, m, pfn):
        return now(m) + 1 - self.history.last(page_of(m, pfn)) > self.correlated

    def place(self, m, pfn):
        if self.kth(m, pfn) > 0:
            heap_push(self.known, pfn, -self.kth(m, pfn), page_of(m, pfn))
        else:
            sized_push_front(m, self.sizes, FEWER, pfn)

    def fault_in(self, m, pfn, page, shadow):
        while self.sizes[U(BENCH)] > 0:
            self.place(m, sized_take_back(m, self.sizes, BENCH))
        self.history.arrive(page, now(m) + 1, self.retained)
        self.place(m, pfn)

    def accessed(self, m, pfn, page, how, nr):
        self.history.use(page, now(m) + 1, self.correlated)
        if sized_list(m, pfn) == FEWER:
            sized_remove(m, self.sizes, pfn)
            self.place(m, pfn)

    def take(self, m):
        """Take the next victim; pages in their correlated period go to the bench."""
        pfn = list_back(m, list_at(m, FEWER))
        if pfn != NIL and self.is_free(m, pfn):
            return sized_take_back(m, self.sizes, FEWER)
        while heap_top(self.known) != NIL:
            pfn = heap_top(self.known)
            if heap_key(self.known, pfn) != -self.kth(m, pfn):
                heap_update(self.known, pfn, -self.kth(m, pfn))
            else:
                heap_remove(self.known, pfn)
                if self.is_free(m, pfn):
                    return pfn
                sized_push_front(m, self.sizes, BENCH, pfn)
        return sized_take_back(m, self.sizes, BENCH if self.sizes[U(FEWER)] == 0 else FEWER)

    def select(self, m, nr_wanted, victims, page):
        for nr in range(nr_wanted):
            victims[U(nr)] = self.take(m)
            if victims[U(nr)] == NIL:
                return nr
        return nr_wanted

    def removed(self, m, pfn, why):
        if sized_list(m, pfn) == NIL:
            heap_remove(self.known, pfn)
        else:
            sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        if why == UNLOCKED:
            self.fault_in(m, pfn, page_of(m, pfn), 0)
        else:
            sized_push_front(m, self.sizes, BENCH, pfn)

    def deactivated(self, m, pfn):
        self.removed(m, pfn, 0)
        sized_push_back(m, self.sizes, FEWER, pfn)

    def check(self, m, owned):
        known = {pfn for pfn in owned if sized_list(m, pfn) == NIL}
        in_heap = set(self.known.heap[: self.known.heap[-1]].tolist())
        return (
            "a frame is nowhere" if known != in_heap else wrong_sizes(m, self.sizes, owned - known)
        )


@hookimpl
def reclaim_register_policies(register):
    register(LruK)
