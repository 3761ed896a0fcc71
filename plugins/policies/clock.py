"""CLOCK: FIFO with a second chance.

The frames sit on a ring, a hand points at the oldest::

            ___ hand
           v
    ... [A] [B] [C] [D] ...      A young?  clear its bits, pass on
                                 not young? A is the victim

The hand's ring is kept as a list whose back is under the hand: passing a frame is moving it from
the back to the front. A fault puts its frame just behind the hand. The faulting access has set the
PTE's young bit, as hardware does, so a new page survives the first pass.

A frame mapped by many is young if any of its PTEs is: that question is one walk of the reverse map
per frame passed, and its price is what this project measures. A use through a file descriptor
leaves no PTE bit; the kernel sees it, and so does CLOCK, as a bit of its own in the frame.

Cost: nothing a hit; a walk for each frame the hand passes, at worst one turn plus one.

Source: F. J. Corbató, "A paging experiment with the Multics system", MIT Project MAC Report
MAC-M-384, 1968. Deviations: none.
"""

from __future__ import annotations

from reclaim.api import (
    BY_PTE,
    NIL,
    Policy,
    hookimpl,
    list_at,
    list_remove,
    push_front,
    referenced,
    set_word,
    take_back,
    word,
    wrong_lists,
)


class Clock(Policy):
    """One list: its back is under the hand."""

    name = "clock"
    summary = "passes over pages used since the hand last came by"
    source = "Corbató 1968"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 1

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, 1)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = take_back(m, list_at(m, 0))
            if pfn == NIL:
                break
            if referenced(m, pfn) + word(m, pfn, 0) > 0:
                set_word(m, pfn, 0, 0)
                push_front(m, list_at(m, 0), pfn)
            else:
                victims[nr] = pfn
                nr += 1
        return nr

    def removed(self, m, pfn, why):
        set_word(m, pfn, 0, 0)
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Clock)
