"""Random: a frame is drawn, its page goes.

::

    [A] [B] [C] [D] [E]      draw 3: D is the victim

Nothing is known of any page, neither when it came nor when it was used, so no pattern of accesses
can fool it: a loop longer than memory, the worst case of FIFO and LRU, is its best. It is the
yardstick for what a policy's knowledge is worth.

If a frame is drawn that is not the policy's (free, locked), the next that is goes instead. A victim
that was put back waits on a bench until a page comes in: drawn again and again, it would look as if
nobody could go.

Cost: nothing a hit, one draw a fault; no list.

Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM
Systems Journal 5(2), 1966 (class 1, RAND). Deviations: none.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NIL,
    Policy,
    frames_on,
    hold,
    hookimpl,
    is_held,
    let_go,
    list_at,
    list_remove,
    new_rng,
    next_held,
    push_front,
    random_below,
    take_back,
    wrong_holds,
)


class Random(Policy):
    """A generator, and marks on the frames that it may choose; the list is the bench."""

    name = "random"
    summary = "evicts a page drawn at random"
    source = "Belady 1966, RAND"
    family = "yardstick"
    nr_lists = 1
    rng: I64
    drawn: I64

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(rng=new_rng(seed), drawn=np.zeros(1, dtype=np.int64))

    def fault_in(self, m, pfn, page, shadow):
        hold(m, pfn)
        back = take_back(m, list_at(m, 0))
        while back != NIL:
            hold(m, back)
            back = take_back(m, list_at(m, 0))

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            self.drawn[0] = random_below(self.rng, m.nr_frames)
            pfn = next_held(m, self.drawn, 0)
            if pfn == NIL:
                pfn = take_back(m, list_at(m, 0))
            if pfn == NIL:
                break
            let_go(m, pfn)
            victims[nr] = pfn
            nr += 1
        return nr

    def removed(self, m, pfn, why):
        if not is_held(m, pfn):
            list_remove(m, pfn)
        let_go(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

    def check(self, m, owned):
        return wrong_holds(m, owned - set(frames_on(m, m.nr_frames)))


@hookimpl
def reclaim_register_policies(register):
    register(Random)
