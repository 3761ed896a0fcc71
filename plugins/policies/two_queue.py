r"""2Q: who is not asked for again while a newcomer's name is remembered was only passing through.

::

    fault --> [ newest A1in oldest ] --> victim, if A1in is longer than Kin
                                    \--> [ A1out: names, at most Kout ]
                                               | fault on a name
                                               v
                          [ most recent  Am  least recent ] --> victim otherwise

A1in is a FIFO: a hit there changes nothing, since uses soon after the first are correlated with it.
What falls out of it leaves its name in A1out; a fault on that name is the second, independent use
that lets a page into Am, an LRU list. A victim of Am leaves no name.

Cost: O(1) a hit and a fault; 32 bytes a page of the trace.

Source: T. Johnson, D. Shasha, "2Q: a low overhead high performance buffer management replacement
algorithm", VLDB 1994, section 2.3, full version, with the paper's Kin of a quarter of memory and
Kout of half. Where the paper says nothing: the name that is asked for leaves A1out before the
victim's enters. A page that MADV_COLD names goes to its list's old end, a victim that is put back
to Am; one that munlock hands back comes in as by a fault.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NIL,
    UNLOCKED,
    Ghosts,
    Param,
    Policy,
    U,
    ghost_claim,
    ghost_recall,
    ghost_remember,
    hookimpl,
    page_of,
    sized_last,
    sized_list,
    sized_move_back,
    sized_move_front,
    sized_push_front,
    sized_remove,
    sized_take_back,
    wrong_ghosts,
    wrong_sizes,
)

A1IN, AM = 0, 1
A1OUT = 0  # the list of names


class TwoQueue(Policy):
    """Two lists of frames and a list of names."""

    name = "two_queue"
    summary = "2Q: a page enters the main list at its second, later fault"
    source = "Johnson and Shasha, VLDB 1994, section 2.3"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {
        "kin": Param(float, 0.25, low=0, high=1, text="part of memory that A1in may hold"),
        "kout": Param(float, 0.5, low=0, high=16, text="names in A1out, as a part of memory"),
    }
    sizes: I64
    names: Ghosts
    kin: int
    kout: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, kin, kout):
        sizes, names = np.zeros(2, dtype=np.int64), Ghosts.new(nr_pages, 1)
        return cls(sizes=sizes, names=names, kin=int(kin * nr_frames), kout=int(kout * nr_frames))

    def fault_in(self, m, pfn, page, shadow):
        k = AM if ghost_claim(self.names, page) != 0 else A1IN
        sized_push_front(m, self.sizes, k, pfn)

    def accessed(self, m, pfn, page, how, nr):
        if sized_list(m, pfn) == AM:
            sized_move_front(m, self.sizes, AM, pfn)

    def select(self, m, nr_wanted, victims, page):
        if page != NIL:
            ghost_recall(self.names, page)
        nr = 0
        while nr < nr_wanted:
            k = A1IN if self.sizes[U(A1IN)] > self.kin else AM
            pfn = sized_take_back(m, self.sizes, k)
            if pfn == NIL:
                pfn = sized_take_back(m, self.sizes, 1 - k)
            if pfn == NIL:
                break
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def evicted(self, m, pfn):
        if sized_last(m, pfn) == A1IN:
            ghost_remember(self.names, A1OUT, page_of(m, pfn), 1, self.kout)
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        if why == UNLOCKED:
            self.fault_in(m, pfn, page_of(m, pfn), 0)
        else:
            sized_push_front(m, self.sizes, AM, pfn)  # or A1in might offer it for ever

    def deactivated(self, m, pfn):
        sized_move_back(m, self.sizes, pfn)

    def check(self, m, owned):
        resident = [page_of(m, pfn) for pfn in owned]
        return wrong_ghosts(self.names, resident) or wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(TwoQueue)
