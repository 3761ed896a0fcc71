"""S3-FIFO: a small queue that lets few pages into the main one.

::

               +-- used more than once -----------------+
               |                                        v
    new --> [ small, 10 % ] -- else --> victim    [ main, 90 % ] --> victim if not used
               ^                          |         ^    |
               |                          v         |    +-- used: once round more, one use less
               +-- not in ghost ---- [ ghost ] -----+
                                          in ghost

Most pages are used once and should go quickly: they leave the small queue for the ghost queue,
which keeps their numbers only. A page used more than once while it was in the small queue, or asked
for again while it is a ghost, goes to the main queue, which is a CLOCK with counts up to 3.

- Hit: count = min(count + 1, 3). Nothing moves.
- Victim: from the small queue while it holds a tenth of the frames or more, else from the main one.
- Small queue: the oldest, if its count is over 1, moves to the front of the main queue and counts
  from 0; should the main queue then hold over nine tenths, that one gives the victim. If its count
  is 0 or 1 it is the victim, and becomes a ghost.
- Main queue: the oldest, if its count is over 0, goes to the front with one less; else it goes.
- Ghost queue: as many pages as the main queue has frames, the oldest drop off.

Cost: a hit writes a frame's own word; O(1) a fault, at worst three turns of the main queue.

Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache
eviction", SOSP 2023, section 4 and algorithm 1. Settled here: algorithm 1 may go on to evict a
second page after the main queue has given one; here it stops. A ghost that is asked for is one no
longer. A queue that is empty (locked pages, several victims at once) sends to the other. A victim
is a ghost once it has left; one that is put back goes to the front of its queue, as one that
munlock returns goes to the small one. A page not wanted soon counts from 0.
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
    ghost_list,
    ghost_push_front,
    ghost_remove,
    ghost_size,
    ghost_take_oldest,
    hookimpl,
    page_of,
    set_word,
    sized_push_front,
    sized_remove,
    sized_take_back,
    word,
    wrong_ghosts,
    wrong_sizes,
)

SMALL, MAIN = 0, 1
COUNT = 0  # a frame's word; of a victim: the queue that it has left


class S3Fifo(Policy):
    """Two queues of frames, one of pages."""

    name = "s3fifo"
    summary = "a small queue and ghosts keep what is used once out of the main queue"
    source = "Yang et al., SOSP 2023, algorithm 1"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {
        "small_percent": Param(
            int, 10, low=1, high=99, unit="%", text="share of the frames that the small queue has"
        )
    }

    sizes: I64
    ghosts: Ghosts
    nr_small: int
    nr_main: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, small_percent):
        nr_small = -(-nr_frames * small_percent // 100)
        return cls(
            sizes=np.zeros(2, dtype=np.int64),
            ghosts=Ghosts.new(nr_pages, 1),
            nr_small=nr_small,
            nr_main=nr_frames - nr_small,
        )

    def fault_in(self, m, pfn, page, shadow):
        if ghost_list(self.ghosts, page) == NIL:
            sized_push_front(m, self.sizes, SMALL, pfn)
        else:
            ghost_remove(self.ghosts, page)
            sized_push_front(m, self.sizes, MAIN, pfn)

    def accessed(self, m, pfn, page, how, nr):
        set_word(m, pfn, COUNT, min(word(m, pfn, COUNT) + nr, 3))

    def take_main(self, m):
        """Take the oldest that is not used off the main queue; NIL if it is empty."""
        pfn = sized_take_back(m, self.sizes, MAIN)
        while pfn != NIL and word(m, pfn, COUNT) > 0:
            set_word(m, pfn, COUNT, word(m, pfn, COUNT) - 1)
            sized_push_front(m, self.sizes, MAIN, pfn)
            pfn = sized_take_back(m, self.sizes, MAIN)
        return pfn

    def take_small(self, m):
        """Take the oldest that was used once at most off the small queue, moving up the others.

        When one too many has moved up, take one off the main queue. NIL if all have moved.
        """
        pfn = sized_take_back(m, self.sizes, SMALL)
        while pfn != NIL and word(m, pfn, COUNT) > 1:
            set_word(m, pfn, COUNT, 0)
            sized_push_front(m, self.sizes, MAIN, pfn)
            if self.sizes[U(MAIN)] > self.nr_main:
                pfn = self.take_main(m)
                set_word(m, pfn, COUNT, MAIN)
                return pfn
            pfn = sized_take_back(m, self.sizes, SMALL)
        if pfn != NIL:
            set_word(m, pfn, COUNT, SMALL)
        return pfn
