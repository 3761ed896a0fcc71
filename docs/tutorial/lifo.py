"""LIFO: evict the page that came in last.

        front                      back
          v                          v
    [ a <-> b <-> c <-> d ] <-- fault_in(e)
                          `--> select() takes the newest

On a loop that does not fit, the oldest pages are the ones that come round next, so FIFO and LRU
miss every time, and LIFO keeps all but one. On nearly everything else it is hopeless: pages that
came early never leave, used or not.

Cost: nothing for an access, nothing to ask; one list operation for a fault, one for an eviction.
"""

from __future__ import annotations

from reclaim.api import NIL, Policy, hookimpl, list_at, list_remove, push_back, take_back


class Lifo(Policy):
    name = "lifo"
    summary = "Evicts the newest page: right for loops, wrong for the rest."
    source = "folklore"
    nr_lists = 1

    def fault_in(self, m, pfn, page, shadow):
        push_back(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        nr_named = 0
        while nr_named < nr_wanted:
            pfn = take_back(m, list_at(m, 0))
            if pfn == NIL:
                break
            victims[nr_named] = pfn
            nr_named += 1
        return nr_named

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_back(m, list_at(m, 0), pfn)


@hookimpl
def reclaim_register_policies(register):
    register(Lifo)
