"""Hyperbolic caching: uses over time in memory; the lowest of a sample goes.

::

    draw 64 frames     [A] [B] [C] ... [D]
    uses / time in     3/9 1/2 8/40    2/30  --> D is the victim

A page's priority is how often it was used since it came in, over the accesses since then. Between
uses it falls as a hyperbola and never reaches zero. A page that has just come in stands at the top
and falls fast, one that was used much for long falls slowly: it is LFU that neither forgets at once
what left nor keeps for ever what was popular once. Priorities change with time and cannot be kept
in order, so some frames are drawn, with replacement, and the lowest among them goes; the first
drawn of equals.

A frame drawn that is not the policy's (free, locked) stands for the next that is. A victim that was
put back waits on a bench until a page comes in.

Cost: O(1) a hit, `sample` draws a fault, each likely a cache miss; 8 bytes a frame.

Source: A. Blankstein, S. Sen, M. J. Freedman, "Hyperbolic caching: flexible caching for web
applications", USENIX ATC 2017; all items of one size and cost. Deviations: time is counted in
accesses; a page that MADV_COLD names has its uses taken back to one.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    NIL,
    Param,
    Policy,
    U,
    frames_on,
    hold_also_benched,
    hookimpl,
    let_go,
    let_go_or_unbench,
    list_at,
    new_rng,
    next_held,
    now,
    push_front,
    random_below,
    set_word,
    take_back,
    word,
    wrong_holds,
)

USES = 0  # a frame's word


class Hyperbolic(Policy):
    """A generator, when each frame's page came in, marks on the frames held; the list benches."""

    name = "hyperbolic"
    summary = "evicts the lowest of a sample by uses over time in memory"
    source = "Blankstein, Sen and Freedman, USENIX ATC 2017"
    family = "literature"
    needs = frozenset({"accesses"})
    params = {"sample": Param(int, 64, low=1, high=4096, unit="frames", text="drawn each time")}
    nr_lists = 1
    rng: I64
    drawn: I64
    came: I64
    sample: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, sample):
        arrays = {"drawn": np.zeros(1, dtype=np.int64), "came": np.zeros(nr_frames, dtype=np.int64)}
        return cls(rng=new_rng(seed), sample=sample, **arrays)

    def fault_in(self, m, pfn, page, shadow):
        set_word(m, pfn, USES, 1)
        self.came[U(pfn)] = now(m)
        hold_also_benched(m, pfn, list_at(m, 0))

    def accessed(self, m, pfn, page, how, nr):
        set_word(m, pfn, USES, word(m, pfn, USES) + nr)

    def draw(self, m):
        """Return the frame of lowest priority in a sample, NIL if none is held."""
        lowest, uses, time = NIL, 0, 0
        for _ in range(self.sample):
            self.drawn[U(0)] = random_below(self.rng, m.nr_frames)
            pfn = next_held(m, self.drawn, 0)
            if pfn == NIL:
                break
            its_uses, its_time = word(m, pfn, USES), now(m) - self.came[U(pfn)]
            if lowest == NIL or its_uses * time < uses * its_time:
                lowest, uses, time = pfn, its_uses, its_time
        return lowest

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = self.draw(m)
            if pfn == NIL:
                pfn = take_back(m, list_at(m, 0))
            if pfn == NIL:
                break
            let_go(m, pfn)
            victims[U(nr)] = pfn
            nr += 1
        return nr

    def removed(self, m, pfn, why):
        let_go_or_unbench(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

    def deactivated(self, m, pfn):
        set_word(m, pfn, USES, 1)

    def check(self, m, owned):
        return wrong_holds(m, owned - set(frames_on(m, m.nr_frames)))


@hookimpl
def reclaim_register_policies(register):
    register(Hyperbolic)
