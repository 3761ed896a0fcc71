"""LFU: the page used least often since it came in goes.

::

    [ 9: F ] [ 4: C B ] [ 1: E D A ] --> victim
       count     pages that have it, the latest to reach it in front

A count lives as long as the page is resident ("in-cache" LFU): a page that comes back counts from
one. Among equals the page that has had its count for longest goes. What was popular once stays for
long: nothing ages. It is the frequency pole of the literature, as LRU is the pole of recency.

Cost: O(1) a hit and a fault, by frames in order of use on one list (`reclaim.kit.frequency`).

Source: the rule is older than its names; so E. G. Coffman, P. J. Denning, "Operating Systems
Theory", 1973, chapter 6; in O(1): K. Shah, A. Mitra, D. Matani, 2010. What they do not speak of: a
use through a descriptor counts like any other; n accesses in a row count n; a page not wanted soon
(MADV_COLD) counts from one again. A victim that is put back waits on a bench, behind all others,
until the next page comes in, since it would be the least used for ever; then it counts from one, as
one does that munlock returns.
"""

from __future__ import annotations

from reclaim.api import (
    NIL,
    UNLOCKED,
    Frequencies,
    Policy,
    U,
    frequency_add,
    frequency_add_all,
    frequency_holds,
    frequency_remove,
    frequency_take_least,
    frequency_use,
    hookimpl,
    list_at,
    list_remove,
    push_front,
    take_back,
    wrong_frequencies,
    wrong_lists,
)

ORDER, BENCH = 0, 1


class Lfu(Policy):
    """A list in order of use, and the bench."""

    name = "lfu"
    summary = "evicts the page used least often since it came in"
    source = "Coffman and Denning 1973; Shah, Mitra, Matani 2010"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2

    uses: Frequencies

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(uses=Frequencies.new(nr_frames))

    def fault_in(self, m, pfn, page, shadow):
        frequency_add_all(m, self.uses, list_at(m, ORDER), list_at(m, BENCH))
        frequency_add(m, self.uses, list_at(m, ORDER), pfn)

    def accessed(self, m, pfn, page, how, nr):
        if frequency_holds(m, pfn):
            frequency_use(m, self.uses, list_at(m, ORDER), pfn, nr)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = frequency_take_least(m, self.uses, list_at(m, ORDER))
            if pfn == NIL:
                pfn = take_back(m, list_at(m, BENCH))
                if pfn == NIL:
                    break
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def removed(self, m, pfn, why):
        if frequency_holds(m, pfn):
            frequency_remove(m, self.uses, pfn)
        else:
            list_remove(m, pfn)

    def putback(self, m, pfn, why):
        if why == UNLOCKED:
            frequency_add(m, self.uses, list_at(m, ORDER), pfn)
        else:
            push_front(m, list_at(m, BENCH), pfn)

    def deactivated(self, m, pfn):
        if frequency_holds(m, pfn):
            frequency_remove(m, self.uses, pfn)
            frequency_add(m, self.uses, list_at(m, ORDER), pfn)

    def check(self, m, owned):
        return wrong_frequencies(m, self.uses, list_at(m, ORDER)) or wrong_lists(m, 2, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Lfu)
