"""SIEVE: one queue, a visited bit, and a hand that leaves what it passes where it is.

::

    newest [E] [D] [C] [B] [A] oldest
                    ^ hand, going left; past the newest it starts again at the oldest

    C visited?      clear its bit, look at D
    not visited?    C is the victim; the hand stays at the gap, before D

CLOCK, but for one thing: a page that was passed is not moved to the front. New pages come in at the
front, where the hand soon meets them, so a page used once leaves early; what the hand has passed
twice sinks among the old and is looked at once a round. It sorts what is popular from what is new
without a second list. A scan cannot flush it; it is slow to let go of what was popular once.

A new page's bit is clear: the access that faulted is not a visit.

Cost: a hit sets a bit in the frame's own word, and moves nothing; a fault moves the hand, at worst
one turn plus one.

Source: Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi, "SIEVE is Simpler than LRU: an
Efficient Turn-Key Eviction Algorithm for Web Caches", NSDI 2024, algorithm 1. What it does not
speak of: a frame freed under the hand moves the hand on; a victim that is put back goes back to
where it was, which the hand has just passed; a page not wanted soon is one not visited.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    Policy,
    U,
    hookimpl,
    list_at,
    list_before,
    list_behind,
    list_insert,
    list_remove,
    push_front,
    scan_before,
    set_word,
    word,
    wrong_lists,
)

VISITED = 0  # a frame's word


class Sieve(Policy):
    """One list, with its sentinel a ring; `hand`: what is looked at next, or the sentinel."""

    name = "sieve"
    summary = "a hand passes over visited pages, and leaves them in their places"
    source = "Zhang et al., NSDI 2024, algorithm 1"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 1

    hand: I64

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(hand=np.array([nr_frames]))  # the sentinel

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def accessed(self, m, pfn, page, how, nr):
        set_word(m, pfn, VISITED, 1)

    def select(self, m, nr_wanted, victims, page):
        at = list_at(m, 0)
        hand = self.hand[U(0)]
        nr = 0
        while nr < nr_wanted:
            if hand == at:
                hand = list_before(m, at)
                if hand == at:
                    break
            pfn = hand
            hand = scan_before(m, pfn)
            if word(m, pfn, VISITED) != 0:
                set_word(m, pfn, VISITED, 0)
            else:
                list_remove(m, pfn)
                victims[U(nr)] = pfn
                nr += 1
        self.hand[U(0)] = hand
        return nr

    def removed(self, m, pfn, why):
        if self.hand[U(0)] == pfn:
            self.hand[U(0)] = list_before(m, pfn)
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        list_insert(m, pfn, list_behind(m, self.hand[U(0)]))

    def deactivated(self, m, pfn):
        set_word(m, pfn, VISITED, 0)

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Sieve)
