"""S3-FIFO on young bits: a small queue on trial, a main queue, and a queue of ghosts.

::

    fault --> [ small: a tenth ] --not used--> gone, remembered in [ ghosts ]
                   | used again                                        |
                   v                                                   | faults again
              [ main: CLOCK      ] <-----------------------------------+
                   | not used
                   v  gone

Most pages are used once; they get through the small queue and out without ever disturbing the main
one. Only what was used while it was on trial, or comes back soon after, is let in.

S3-FIFO counts hits up to three, and asks for two in the small queue. Here there is a young bit,
asked of the reverse map when a page comes to a queue's end: was it used since, or not. The access
that faulted has set the bit too. So a page whose first answer may tell of that access alone is
spared one round of the small queue, and has to be used in the next one to get into the main queue;
a page in the main queue is spared by any young bit, once each time it is found.

Cost: nothing a hit; a walk for each frame that comes to an end of a queue; 32 bytes a page.

Source: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023,
algorithm 1: small queue 10 %, ghosts as many as pages in the main queue's 90 %. Deviations: one bit
for a counter, and the spared round; one victim a fault, where the algorithm evicts from both queues
if a promotion finds the main queue full. A page put back enters the main queue.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    AGAIN,
    I64,
    IDLE,
    NIL,
    USE_WORD,
    Ghosts,
    Policy,
    ask_use,
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

SMALL, MAIN = 0, 1
FROM_SMALL = 8  # of a victim, in its frame's word; no mark of a use


class S3fifoYoung(Policy):
    """Two lists of frames, one of ghosts."""

    name = "s3fifo_young"
    summary = "S3-FIFO that asks for young bits at the ends of its queues"
    source = "Yang et al., SOSP 2023, algorithm 1"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 2
    sizes: I64
    ghosts: Ghosts
    nr_small: int
    nr_ghosts: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        nr_small = max(1, nr_frames // 10)
        return cls(
            sizes=np.zeros(2, dtype=np.int64),
            ghosts=Ghosts.new(nr_pages, 1),
            nr_small=nr_small,
            nr_ghosts=nr_frames - nr_small,
        )

    def fault_in(self, m, pfn, page, shadow):
        if ghost_list(self.ghosts, page) != NIL:
            ghost_remove(self.ghosts, page)
            sized_push_front(m, self.sizes, MAIN, pfn)
        else:
            sized_push_front(m, self.sizes, SMALL, pfn)
        watch_new(m, pfn)

    def accessed(self, m, pfn, page, how, nr):
        note_use(m, pfn, how)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            come = SMALL
            if self.sizes[SMALL] < self.nr_small and self.sizes[MAIN] > 0:
                come = MAIN
            pfn = sized_take_back(m, self.sizes, come)
            if pfn == NIL:
                break
            use = ask_use(m, pfn)
            if use == IDLE:
                set_word(m, pfn, USE_WORD, FROM_SMALL if come == SMALL else 0)
                victims[nr] = pfn
                nr += 1
            else:
                sized_push_front(m, self.sizes, MAIN if use == AGAIN else come, pfn)
        return nr

    def evicted(self, m, pfn):
        if word(m, pfn, USE_WORD) == FROM_SMALL:
            ghost_push_front(self.ghosts, 0, page_of(m, pfn))
            if ghost_size(self.ghosts, 0) > self.nr_ghosts:
                ghost_take_oldest(self.ghosts, 0)
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        set_word(m, pfn, USE_WORD, 0)
        sized_push_front(m, self.sizes, MAIN, pfn)

    def check(self, m, owned):
        return wrong_ghosts(self.ghosts) or wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(S3fifoYoung)
