"""SIEVE on young bits: a FIFO queue with a hand that lets used pages stay where they are.

::

    new --> [ newest . . . . X | s s s s oldest ]     X young?  clear its bits, the hand moves on,
              not passed yet ^   passed, spared                 X stays in its place: an s
                            hand                      not young? X is the victim
            <----- moves

CLOCK would move a page it spares to the newest end. SIEVE leaves it, so pages that have never been
looked at come behind those that have stood a test, and go first. At the newest end the hand goes
back to the oldest. The queue is kept as two lists, before and behind the hand; they change roles
when the hand goes back, so passing a page is moving it from one list to the other.

SIEVE's own visited bit is set at each hit; here it is the PTEs' young bit, asked of the reverse map
as the hand comes by. Whatever the hand wants to know of a page it then learns: nothing is lost by
not seeing hits, except that the access that faulted has set the bit as well. SIEVE inserts a page
with a clear bit, and drops one that is used once when the hand first meets it; here such a page
stays for one more round. That is the only deviation, and what it costs.

Cost: nothing a hit; a walk for each frame the hand passes.

Source: Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is simpler than LRU", NSDI 2024, algorithm 1.
A page put back stays, as one that is spared; one that is freed leaves.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    IDLE,
    NIL,
    Policy,
    ask_use,
    hookimpl,
    note_use,
    sized_push_front,
    sized_remove,
    sized_take_back,
    wrong_sizes,
)


class SieveYoung(Policy):
    """Two lists: one the hand has still to pass, one it has passed."""

    name = "sieve_young"
    summary = "SIEVE whose visited bit is the young bit, asked when the hand comes by"
    source = "Zhang et al., NSDI 2024, algorithm 1"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 2
    sizes: I64
    ahead: I64  # the list that the hand has still to pass

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(sizes=np.zeros(2, dtype=np.int64), ahead=np.zeros(1, dtype=np.int64))

    def fault_in(self, m, pfn, page, shadow):
        sized_push_front(m, self.sizes, self.ahead[0], pfn)

    def accessed(self, m, pfn, page, how, nr):
        note_use(m, pfn, how)

    def go_back(self):
        """Have the hand go back to the oldest page if it has passed the newest."""
        if self.sizes[self.ahead[0]] == 0:
            self.ahead[0] = 1 - self.ahead[0]

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            self.go_back()
            pfn = sized_take_back(m, self.sizes, self.ahead[0])
            if pfn == NIL:
                break
            if ask_use(m, pfn) == IDLE:
                victims[nr] = pfn
                nr += 1
            else:
                sized_push_front(m, self.sizes, 1 - self.ahead[0], pfn)
        self.go_back()  # before a new page comes, which the hand is not to meet next
        return nr

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        sized_push_front(m, self.sizes, 1 - self.ahead[0], pfn)

    def check(self, m, owned):
        return wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(SieveYoung)
