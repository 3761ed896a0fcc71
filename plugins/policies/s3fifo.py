"""S3-FIFO: a small queue that lets few pages into the main one.

::

              +--- used more than once ---+
              |                           v
    new --> [ small ] --> victim      [ main ] --> victim, when not used
                            v             ^  |
                        [ ghost ] --------+  +---> used: once round more, with one use less

- Hit: count = min(count + 1, 3). Nothing moves.
- Victim: from the small queue while it holds a tenth of the frames or more, else from the main one.
- Small queue: the oldest, if its count is over 1, moves to the front of the main queue and counts
  from 0; should the main queue then hold over nine tenths, that one gives the victim. If its count
  is 0 or 1 it is the victim, and becomes a ghost.
- Main queue: the oldest, if its count is over 0, goes to the front with one less; else it goes.
- Ghost queue: page numbers, as many as the main queue has frames; the oldest drop off.

Cost: a hit writes a frame's own word; O(1) a fault, at worst three turns of the main queue.

Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache
eviction", SOSP 2023, section 4 and algorithm 1. Settled here: algorithm 1 may go on to evict a
second page after the main queue has given one; here it stops. A ghost that is asked for is one no
longer. A queue that is empty (locked pages, several victims at once) sends to the other. A victim
is a ghost once it has left; one put back goes to the main queue (a small one of one frame would
offer it for ever), one that munlock returns to the small. A page not wanted soon counts from 0.
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
    ghost_remember,
    ghost_remove,
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

MAIN, SMALL = 0, 1
COUNT = 0  # a frame's word; of a victim: the queue that it has left


class S3Fifo(Policy):
    """Two queues of frames, one of pages."""

    name = "s3fifo"
    summary = "a small queue and ghosts keep what is used once out of the main queue"
    source = "Yang et al., SOSP 2023, algorithm 1"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {"small_percent": Param(int, 10, low=1, high=99, text="frames of the small queue, %")}

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
        set_word(m, pfn, COUNT, 0)
        known = ghost_list(self.ghosts, page) != NIL
        if known:
            ghost_remove(self.ghosts, page)
        sized_push_front(m, self.sizes, MAIN if known else SMALL, pfn)

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
        """Take off what leaves when pages leave the small queue; NIL if all have moved up."""
        pfn = sized_take_back(m, self.sizes, SMALL)
        while pfn != NIL and word(m, pfn, COUNT) > 1:
            set_word(m, pfn, COUNT, 0)
            sized_push_front(m, self.sizes, MAIN, pfn)
            if self.sizes[U(MAIN)] > self.nr_main:
                return self.take_main(m)
            pfn = sized_take_back(m, self.sizes, SMALL)
        if pfn != NIL:
            set_word(m, pfn, COUNT, SMALL)
        return pfn

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted and self.sizes[U(SMALL)] + self.sizes[U(MAIN)] > 0:
            pfn = NIL
            if self.sizes[U(SMALL)] >= self.nr_small or self.sizes[U(MAIN)] == 0:
                pfn = self.take_small(m)
            if pfn == NIL:
                pfn = self.take_main(m)
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def evicted(self, m, pfn):
        if word(m, pfn, COUNT) == SMALL:
            ghost_remember(self.ghosts, 0, page_of(m, pfn), 1, self.nr_main)
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        sized_push_front(m, self.sizes, SMALL if why == UNLOCKED else MAIN, pfn)
        set_word(m, pfn, COUNT, 0)

    def deactivated(self, m, pfn):
        set_word(m, pfn, COUNT, 0)

    def check(self, m, owned):
        return wrong_sizes(m, self.sizes, owned) or wrong_ghosts(self.ghosts)


@hookimpl
def reclaim_register_policies(register):
    register(S3Fifo)
