"""damon_reclaim: looks at one frame of each region; a region idle for long goes first.

::

    frames   0 ........ 40 | 40 ..... 130 | 130 ................ 512     one frame of each is
    uses         20 / 20   |     3 / 20   |      0 / 20                  looked at, each tick
    age            7       |      0       |        6                     idle for 6 periods: cold

At a tick: was the frame drawn last time used since? Then another is drawn, its bits cleared.
`aggregate` ticks are a period, at whose end neighbours used alike are merged and regions are split
at random (`kit/regions.py`). A region without a use for `min_age` periods is cold: its frames line
up as victims, the longest idle first; those used before their turn drop out. When nobody is cold, a
CLOCK decides, as the kernel's lists do beside DAMON; each notes for the other what bits it clears.
Cost: nothing a hit; two walks a region and tick, however large memory is; a walk a frame that turns
cold, or that CLOCK passes. Source: Linux 6.11, mm/damon/{core,paddr,reclaim}.c, whose 10 to 1000
regions, 20 looks a period and oldest first are the defaults; S. Park, M. Bhowmik, A. Uta, HPDC
2022. Deviations: DAMON_RECLAIM pages cold regions out at once, within quotas, where here they wait
until frames are wanted; `min_age`, 120 s there, is in accesses; CLOCK alone sees descriptors.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    NIL,
    REGION_END,
    REGION_SAMPLE,
    REGION_START,
    Param,
    Policy,
    Regions,
    cold,
    count_use,
    draw_frame,
    end_look,
    hookimpl,
    new_rng,
    next_idle,
    nr_regions,
    referenced,
    region_get,
    set_word,
    sized_list,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    split_regions,
    word,
    wrong_regions,
    wrong_sizes,
)

ACTIVE, COLD = 0, 1
FOR_CLOCK, FOR_DAMON = 1, 2  # word 0: found used by the other, or by a descriptor


class DamonReclaim(Policy):
    name = "damon_reclaim"
    summary = "evicts regions that samples of one frame each found idle; else a clock"
    source = "Linux 6.11, mm/damon; Park et al., HPDC 2022"
    family = "samples"
    needs = frozenset({"young"})
    nr_lists = 2
    params = {
        "age_every": Param(int, 1000, low=0, unit="accesses", text="sampling interval"),
        "aggregate": Param(int, 20, low=1, unit="ticks", text="a period"),
        "min_age": Param(int, 5, low=1, unit="periods", text="idle for so long is cold"),
        "min_regions": Param(int, 10, low=1, text="least regions"),
        "max_regions": Param(int, 1000, low=3, text="most regions"),
    }
    size: I64
    rng: I64
    regions: Regions
    aggregate: int
    min_age: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, aggregate, min_age, min_regions, max_regions, **_):
        size, rng = np.zeros(2, dtype=np.int64), new_rng(seed)
        regions = Regions.new(nr_frames, min_regions, max_regions)
        return cls(size=size, rng=rng, regions=regions, aggregate=aggregate, min_age=min_age)

    def fault_in(self, m, pfn, page, shadow):
        set_word(m, pfn, 0, 0)
        sized_push_front(m, self.size, ACTIVE, pfn)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, word(m, pfn, 0) | FOR_CLOCK)

    def used(self, m, pfn, mine, others):
        """Tell whether a frame was used since one of the two last asked; note it for the other."""
        known = word(m, pfn, 0)
        young = referenced(m, pfn) > 0
        set_word(m, pfn, 0, known & ~mine | int(young) * others)
        return young or (known & mine) != 0

    def age(self, m):
        for i in range(nr_regions(self.regions)):
            pfn = region_get(self.regions, i, REGION_SAMPLE)
            if pfn != NIL and self.used(m, pfn, FOR_DAMON, FOR_CLOCK):
                count_use(self.regions, i)
            self.used(m, draw_frame(self.regions, i, self.rng), FOR_DAMON, FOR_CLOCK)
        if end_look(self.regions, self.aggregate):
            self.line_up(m)
            split_regions(self.regions, self.rng)

    @cold
    def line_up(self, m):
        """Let the frames of cold regions be next, the longest idle first; the others no more."""
        for _ in range(self.size[COLD]):
            sized_push_back(m, self.size, ACTIVE, sized_take_back(m, self.size, COLD))
        i = next_idle(self.regions, NIL, self.min_age)
        while i != NIL:
            start = region_get(self.regions, i, REGION_START)
            for pfn in range(start, region_get(self.regions, i, REGION_END)):
                if sized_list(m, pfn) == ACTIVE:
                    self.used(m, pfn, FOR_CLOCK, FOR_DAMON)
                    sized_move_front(m, self.size, COLD, pfn)
            i = next_idle(self.regions, i, self.min_age)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted and self.size[ACTIVE] + self.size[COLD] > 0:
            pfn = sized_take_back(m, self.size, COLD if self.size[COLD] > 0 else ACTIVE)
            if self.used(m, pfn, FOR_CLOCK, FOR_DAMON):
                sized_push_front(m, self.size, ACTIVE, pfn)
            else:
                victims[nr] = pfn
                nr += 1
        return nr

    def removed(self, m, pfn, why):
        sized_remove(m, self.size, pfn)

    def putback(self, m, pfn, why):
        sized_push_front(m, self.size, ACTIVE, pfn)

    def check(self, m, owned):
        return wrong_regions(self.regions, m.nr_frames) or wrong_sizes(m, self.size, owned)


@hookimpl
def reclaim_register_policies(register):
    register(DamonReclaim)
