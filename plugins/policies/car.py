"""CAR: two clocks with a border that learns; ARC's realisable form.

::

      ghosts of T1       frames                             ghosts of T2
    [ B1: recent, gone ][ T1: once ]  |  [ T2: repeatedly ][ B2: frequent, gone ]
           |               used again ----->  ^
           +------------- faults again -------+--------------------+
           then T1's target p grows                then p shrinks

Each clock's hand spares what is young, and what is young in T1 moves to T2. A fault on a page that
T1 has lately lost says that T1 is too small, one that T2 has lost that it is too large: p moves by
1, or by the ratio of the ghost lists if that is more. Frames and ghosts together are at most twice
the frames, T1 with B1 at most once.

ARC learns of each hit and keeps lists in order of use; CAR asks for young bits when a hand comes
by. The fault's own must not count as a use, or all of T1 would move to T2: a page in T1 whose first
answer may be that is spared a round, as Linux spares one used once. Published CAR clears that bit.

Cost: nothing a hit; a walk for each frame a hand passes; 32 bytes a page for the ghosts.

Source: Bansal, Modha, FAST 2004, figure 2. A freed page leaves no ghost; one put back enters the
other clock; ghosts are cut also when memory is not full; T1 gives a page if T2 is empty.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    AGAIN,
    F64,
    I64,
    IDLE,
    NIL,
    USE_WORD,
    Ghosts,
    Policy,
    ask_use,
    cold,
    ghost_list,
    ghost_push_front,
    ghost_remove,
    ghost_size,
    ghost_take_oldest,
    hookimpl,
    note_use,
    page_of,
    set_word,
    sized_push_front,
    sized_remove,
    sized_take_back,
    watch_new,
    word,
    wrong_ghosts,
    wrong_sizes,
)

T1, T2 = 0, 1  # lists of frames; the ghost lists B1 and B2 have the same numbers
VICTIM = 8  # plus its list, in a frame's word; no mark of a use


class Car(Policy):
    name = "car"
    summary = "two clocks, used once and used again, sized by what their ghosts would have hit"
    source = "Bansal, Modha, FAST 2004, figure 2"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 2
    sizes: I64
    ghosts: Ghosts
    target: F64  # p
    c: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        sizes, ghosts = np.zeros(2, dtype=np.int64), Ghosts.new(nr_pages, 2)
        return cls(sizes=sizes, ghosts=ghosts, target=np.zeros(1), c=nr_frames)

    def fault_in(self, m, pfn, page, shadow):
        gone = ghost_list(self.ghosts, page)
        if gone == NIL:
            self.cut_ghosts(1)
            sized_push_front(m, self.sizes, T1, pfn)
        else:
            self.adapt(gone)
            ghost_remove(self.ghosts, page)
            sized_push_front(m, self.sizes, T2, pfn)
        watch_new(m, pfn)

    @cold
    def adapt(self, gone):
        b1, b2 = ghost_size(self.ghosts, T1), ghost_size(self.ghosts, T2)
        if gone == T1:
            self.target[0] = min(self.target[0] + max(1.0, b2 / b1), float(self.c))
        else:
            self.target[0] = max(self.target[0] - max(1.0, b1 / b2), 0.0)

    def cut_ghosts(self, nr_coming):
        b1, b2 = ghost_size(self.ghosts, T1), ghost_size(self.ghosts, T2)
        if b1 > 0 and self.sizes[T1] + b1 + nr_coming > self.c:
            ghost_take_oldest(self.ghosts, T1)
        elif b2 > 0 and self.sizes[T1] + self.sizes[T2] + b1 + b2 + nr_coming > 2 * self.c:
            ghost_take_oldest(self.ghosts, T2)

    def accessed(self, m, pfn, page, how, nr):
        note_use(m, pfn, how)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            full = self.sizes[T1] >= max(1.0, self.target[0]) or self.sizes[T2] == 0
            clock = T1 if full else T2
            pfn = sized_take_back(m, self.sizes, clock)
            if pfn == NIL:
                break
            use = ask_use(m, pfn)
            if use == IDLE:
                set_word(m, pfn, USE_WORD, VICTIM + clock)
                victims[nr] = pfn
                nr += 1
            else:
                sized_push_front(m, self.sizes, T2 if use == AGAIN else clock, pfn)
        return nr

    def evicted(self, m, pfn):
        if word(m, pfn, USE_WORD) >= VICTIM:
            ghost_push_front(self.ghosts, word(m, pfn, USE_WORD) - VICTIM, page_of(m, pfn))
            self.cut_ghosts(0)  # more than the algorithm does: others may have been put back
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        self.cut_ghosts(1)
        clock = T1 if word(m, pfn, USE_WORD) == VICTIM + T2 else T2
        set_word(m, pfn, USE_WORD, 0)
        sized_push_front(m, self.sizes, clock, pfn)

    def check(self, m, owned):
        directory = (self.sizes + self.ghosts.size[:2]).tolist()
        if directory[T1] > self.c or sum(directory) > 2 * self.c:
            return f"T1 with B1, T2 with B2 are too large: {directory}"
        return wrong_ghosts(self.ghosts) or wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Car)
