"""ARC: recency and frequency share memory, and what was evicted too early says how.

::

      ghosts   |       in memory, c frames        |   ghosts
    [ B1 ... ] <-- [ oldest T1 newest ] <-- fault
               hit |                            ^
                   v                            | p: how many frames T1 should have
                   [ newest T2 oldest ] --> [ ... B2 ]

T1 holds pages seen once of late, T2 those seen again; B1 and B2 the names of what left them. A
fault on a name in B1 says that T1 was too short: p grows. On one in B2: p shrinks. Either page goes
to T2. The step is 1, or the ratio of the ghost lists' lengths where that is more. The victim is
T1's oldest if T1 is longer than p (or just as long, for a fault on B2), else T2's.
T1 and B1 have c pages at most, all four lists 2c.

Cost: O(1) a hit and a fault; 32 bytes a page of the trace.

Source: N. Megiddo, D. S. Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003,
figure 4. p is a real number, as there. Where the paper says nothing: ghosts over the limits are
dropped after the fault and not before it, which is the same and works for batches; a page that
MADV_COLD names goes to its list's old end, a victim that is put back to T2; one that munlock hands
back comes in as by a fault.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    F64,
    I64,
    NIL,
    UNLOCKED,
    Ghosts,
    Policy,
    U,
    ghost_claim,
    ghost_forget_oldest,
    ghost_list,
    ghost_recall,
    ghost_remember,
    ghost_size,
    ghost_word,
    hookimpl,
    page_of,
    sized_last,
    sized_move_back,
    sized_move_front,
    sized_push_front,
    sized_remove,
    sized_take_back,
    wrong_ghosts,
    wrong_sizes,
)

T1, T2 = 0, 1  # lists of frames, and beside them their ghosts B1 and B2


class Arc(Policy):
    """Two lists of frames, two of ghosts; a ghost's word is 1 + its list."""

    name = "arc"
    summary = "balances recency and frequency by what it evicted too early"
    source = "Megiddo and Modha, FAST 2003, figure 4"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    sizes: I64
    ghosts: Ghosts
    p: F64
    nr_frames: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        sizes, ghosts = np.zeros(2, dtype=np.int64), Ghosts.new(nr_pages, 2)
        return cls(sizes=sizes, ghosts=ghosts, p=np.zeros(1), nr_frames=nr_frames)

    def recall(self, page):
        """Take a page that faults off its ghost list and learn from it: p moves."""
        k = ghost_list(self.ghosts, page)
        if k != NIL:
            b1, b2 = ghost_size(self.ghosts, T1), ghost_size(self.ghosts, T2)
            if k == T1:
                self.p[U(0)] = min(float(self.nr_frames), self.p[U(0)] + max(1.0, b2 / b1))
            else:
                self.p[U(0)] = max(0.0, self.p[U(0)] - max(1.0, b1 / b2))
            ghost_recall(self.ghosts, page)

    def fault_in(self, m, pfn, page, shadow):
        self.recall(page)
        k = T2 if ghost_claim(self.ghosts, page) != 0 else T1
        sized_push_front(m, self.sizes, k, pfn)
        b1, b2 = ghost_size(self.ghosts, T1), ghost_size(self.ghosts, T2)
        if self.sizes[U(T1)] + b1 > self.nr_frames:
            ghost_forget_oldest(self.ghosts, T1)
        elif self.sizes[U(T1)] + self.sizes[U(T2)] + b1 + b2 > 2 * self.nr_frames:
            ghost_forget_oldest(self.ghosts, T2)

    def accessed(self, m, pfn, page, how, nr):
        sized_move_front(m, self.sizes, T2, pfn)

    def replace(self, m, was_in_b2):
        """Take the victim off its list."""
        excess = self.sizes[U(T1)] - self.p[U(0)]
        k = T1 if excess > 0.0 or (was_in_b2 and excess == 0.0) else T2
        pfn = sized_take_back(m, self.sizes, k)
        return pfn if pfn != NIL else sized_take_back(m, self.sizes, 1 - k)

    def select(self, m, nr_wanted, victims, page):
        was_in_b2 = False
        if page != NIL:
            self.recall(page)
            was_in_b2 = ghost_word(self.ghosts, page) == T2 + 1
        nr = 0
        while nr < nr_wanted:
            pfn = self.replace(m, was_in_b2)
            if pfn == NIL:
                break
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def evicted(self, m, pfn):
        k = sized_last(m, pfn)
        ghost_remember(self.ghosts, k, page_of(m, pfn), k + 1, 2 * self.nr_frames)
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        if why == UNLOCKED:
            self.fault_in(m, pfn, page_of(m, pfn), 0)
        else:
            sized_push_front(m, self.sizes, T2, pfn)  # or T1 might offer it for ever

    def deactivated(self, m, pfn):
        sized_move_back(m, self.sizes, pfn)

    def check(self, m, owned):
        resident = [page_of(m, pfn) for pfn in owned]
        return wrong_ghosts(self.ghosts, resident) or wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Arc)
