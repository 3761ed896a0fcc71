"""OPT: the page whose next use is furthest away goes. Belady's MIN.

No policy misses less often in `exact` mode; none can be built, since it reads the future. It stands in
every panel as the ceiling. The future is the order of *touches* on an infinite memory, which does not
depend on what is resident: each access touches its page, a copy-on-write touches its source first, a
file-descriptor transfer each of its pages.

A heap holds the resident frames by next use. Between pages that are never used again the smaller page
id goes, so that runs can be compared.

Cost: O(log n) a hit and a fault; eight bytes per touch.

Source: L. A. Belady, IBM Systems Journal 5(2), 1966 (MIN); optimality: Mattson et al. 1970, appendix.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_ZAP,
    I64,
    NIL,
    Heap,
    Policy,
    cold,
    heap_holds,
    heap_key,
    heap_push,
    heap_remove,
    heap_top,
    heap_update,
    hookimpl,
    next_use,
    page_of,
)

NOW = 0
"""A next use before all others."""


class Opt(Policy):
    """A heap of the resident frames by next use."""

    name = "opt"
    summary = "evicts the page used furthest in the future; the bound"
    source = "Belady 1966, MIN"
    family = "yardstick"
    needs = frozenset({"lookahead"})

    resident: Heap
    held: I64  # frames put back since the last fault_in; the last word says how many
    true_key: I64

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        zeros = np.zeros(nr_frames + 1, dtype=np.int64)
        return cls(resident=Heap.new(nr_frames), held=zeros, true_key=zeros.copy())

    def fault_in(self, m, pfn, page, shadow):
        self.release()
        heap_push(self.resident, pfn, next_use(m), page)

    @cold
    def release(self):
        """Give frames that were put back their place again: what pinned them is over."""
        last = len(self.held) - 1
        for i in range(self.held[last]):
            if heap_holds(self.resident, self.held[i]):
                heap_update(self.resident, self.held[i], self.true_key[self.held[i]])
        self.held[last] = 0

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_ZAP:
            heap_update(self.resident, pfn, next_use(m))

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = heap_top(self.resident)
            if pfn == NIL:
                break
            heap_remove(self.resident, pfn)
            victims[nr] = pfn
            nr += 1
        return nr

    def removed(self, m, pfn, why):
        heap_remove(self.resident, pfn)

    def putback(self, m, pfn, why):
        # Behind all others until this reclaim has got its frame.
        last = len(self.held) - 1
        if self.held[last] < last:
            self.true_key[pfn] = heap_key(self.resident, pfn)
            self.held[self.held[last]] = pfn
            self.held[last] += 1
        heap_push(self.resident, pfn, NOW, page_of(m, pfn))

    def check(self, m, owned):
        size = int(self.resident.heap[-1])
        return "" if set(self.resident.heap[:size].tolist()) == owned else "the heap is not the frames"


@hookimpl
def reclaim_register_policies(register):
    register(Opt)
