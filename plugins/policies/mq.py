"""MQ, multi-queue: queues by the logarithm of the number of uses; who is not used sinks.

::

    128 uses and more  Q7 [ newest ... oldest ] --+
                       ...                        |  not used for lifeTime
    2 or 3             Q1 [ newest ... oldest ] <-+
    1                  Q0 [ newest ... oldest ] --> victim; its name, with the count, to Qout

Second-level caches see uses far apart, of which frequency says more than recency. A use moves a
page to the new end of the queue of its count and gives it until now + lifeTime. After each use, the
oldest of each queue whose time is over sinks a queue. A page that faults while in Qout counts on.

Cost: O(queues) a hit and a fault; 32 bytes a page of the trace.

Source: Y. Zhou, J. F. Philbin, K. Li, "The multi-queue replacement algorithm for second level
buffer caches", USENIX 2001, section 4; its eight queues, and its Qout of four times memory.
Deviations: lifeTime is fixed (the paper estimates it as it runs), by default the number of frames.
The name asked for leaves Qout before the victim's enters. Where the paper says nothing: counts stop
at 65,535; a page that MADV_COLD names goes to the old end of Q0; a victim that is put back to the
top queue; one from munlock comes in as by a fault.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NEVER,
    NIL,
    UNLOCKED,
    Ghosts,
    Param,
    Policy,
    U,
    cold,
    ghost_claim,
    ghost_recall,
    ghost_remember,
    hookimpl,
    list_at,
    list_back,
    now,
    page_of,
    set_word,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_victims,
    word,
    wrong_ghosts,
    wrong_sizes,
)

USES, MOST = 16, 65535  # a frame's word: uses in its low bits, above them until when it has time


class Mq(Policy):
    """A list of frames for each queue; a name's word is the number of uses."""

    name = "mq"
    summary = "multi-queue: by the logarithm of uses, sinking when not used"
    source = "Zhou, Philbin and Li, USENIX 2001, section 4"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 16
    params = {
        "queues": Param(int, 8, low=1, high=16, text="LRU queues"),
        "life_time": Param(int, 0, low=0, unit="accesses", text="lifeTime; 0: number of frames"),
        "qout": Param(float, 4.0, low=0, high=64, text="names in Qout, as a part of memory"),
    }
    sizes: I64
    names: Ghosts
    due: I64  # nothing sinks before
    queues: int
    life_time: int
    qout: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, queues, life_time, qout):
        sizes, due = np.zeros(queues, dtype=np.int64), np.full(1, NEVER)
        names, qout, time = Ghosts.new(nr_pages, 1), int(qout * nr_frames), life_time or nr_frames
        return cls(sizes=sizes, names=names, due=due, queues=queues, life_time=time, qout=qout)

    def give_time(self, m, pfn, uses, until):
        set_word(m, pfn, 0, until << USES | uses)
        self.due[U(0)] = min(self.due[U(0)], until)

    @cold
    def sink(self, m):
        """Let the oldest of each queue sink if its time is over."""
        self.due[U(0)] = NEVER
        for k in range(1, self.queues):
            pfn = list_back(m, list_at(m, k))
            if pfn != NIL and word(m, pfn, 0) >> USES <= now(m):
                sized_move_front(m, self.sizes, k - 1, pfn)
                self.give_time(m, pfn, word(m, pfn, 0) & MOST, now(m) + 1 + self.life_time)
                pfn = list_back(m, list_at(m, k))
            if pfn != NIL:
                self.due[U(0)] = min(self.due[U(0)], word(m, pfn, 0) >> USES)

    def use(self, m, pfn, uses):
        """Count a use of a frame that is on a list."""
        self.give_time(m, pfn, min(uses, MOST), now(m) + self.life_time)
        k = 0
        while k < self.queues - 1 and uses >> (k + 1) > 0:
            k += 1
        sized_move_front(m, self.sizes, k, pfn)
        if self.due[U(0)] <= now(m):
            self.sink(m)

    def fault_in(self, m, pfn, page, shadow):
        sized_push_front(m, self.sizes, 0, pfn)
        self.use(m, pfn, ghost_claim(self.names, page) + 1)

    def accessed(self, m, pfn, page, how, nr):
        self.use(m, pfn, (word(m, pfn, 0) & MOST) + nr)

    def select(self, m, nr_wanted, victims, page):
        if page != NIL:
            ghost_recall(self.names, page)
        return sized_take_victims(m, self.sizes, nr_wanted, victims)

    def evicted(self, m, pfn):
        ghost_remember(self.names, 0, page_of(m, pfn), word(m, pfn, 0) & MOST, self.qout)
        return 0

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        if why == UNLOCKED:
            self.fault_in(m, pfn, page_of(m, pfn), 0)
        else:
            sized_push_front(m, self.sizes, self.queues - 1, pfn)

    def deactivated(self, m, pfn):
        sized_remove(m, self.sizes, pfn)
        sized_push_back(m, self.sizes, 0, pfn)

    def check(self, m, owned):
        resident = [page_of(m, pfn) for pfn in owned]
        return wrong_ghosts(self.names, resident) or wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Mq)
