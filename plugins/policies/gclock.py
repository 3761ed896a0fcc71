"""GCLOCK: the generalised clock. Use fills a counter, the hand drains it.

::

            ___ hand
           v
    ... [A 2] [B 0] [C 1] ...     A young?  counter + weight, at most limit; clear its bits, pass on
                                  not young, counter > 0?  counter - 1, pass on
                                  not young, counter 0: the victim

CLOCK forgives one turn without use, GCLOCK as many as the counter says, so a page that was used in
several turns outlives one that was used in the last. A page comes in with its counter at zero and
its PTE young. With a limit of 0 this is CLOCK.

Cost: nothing a hit; a walk for each frame the hand passes, at worst limit + 2 turns.

Source: A. J. Smith, "Sequentiality and prefetching in database systems", ACM TODS 3(3), 1978;
analysed in V. F. Nicola, A. Dan, D. M. Dias, "Analysis of the generalized clock buffer replacement
scheme for database transaction processing", SIGMETRICS 1992. Deviation: a database sees each use of
a buffer and counts it at once; here uses between two passes of the hand are one, the young bit's,
and a pass that finds it does not drain. A use by a descriptor is such a bit of its own.
"""

from __future__ import annotations

from reclaim.api import (
    BY_PTE,
    NIL,
    Param,
    Policy,
    hookimpl,
    list_at,
    list_remove,
    push_back,
    push_front,
    referenced,
    set_word,
    take_back,
    word,
    wrong_lists,
)

COUNTER, USED = 0, 1  # a frame's words; the second: used by a descriptor


class Gclock(Policy):
    """One list: its back is under the hand."""

    name = "gclock"
    summary = "a clock whose pages survive as many idle turns as they were used in"
    source = "Smith 1978, ACM TODS 3(3)"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 1
    params = {
        "limit": Param(int, 3, low=0, high=1 << 20, text="largest counter; 0: CLOCK"),
        "weight": Param(int, 1, low=1, high=1 << 20, text="what a turn with use adds"),
    }
    limit: int
    weight: int

    def fault_in(self, m, pfn, page, shadow):
        set_word(m, pfn, COUNTER, 0)
        set_word(m, pfn, USED, 0)
        push_front(m, list_at(m, 0), pfn)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, USED, 1)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = take_back(m, list_at(m, 0))
            if pfn == NIL:
                break
            counter = word(m, pfn, COUNTER)
            if referenced(m, pfn) + word(m, pfn, USED) > 0:
                set_word(m, pfn, COUNTER, min(self.limit, counter + self.weight))
                set_word(m, pfn, USED, 0)
                push_front(m, list_at(m, 0), pfn)
            elif counter > 0:
                set_word(m, pfn, COUNTER, counter - 1)
                push_front(m, list_at(m, 0), pfn)
            else:
                victims[nr] = pfn
                nr += 1
        return nr

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, limit, weight):
        return cls(limit=limit, weight=weight)

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)
        set_word(m, pfn, USED, 1)

    def deactivated(self, m, pfn):
        list_remove(m, pfn)
        push_back(m, list_at(m, 0), pfn)
        set_word(m, pfn, COUNTER, 0)
        set_word(m, pfn, USED, 0)

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Gclock)
