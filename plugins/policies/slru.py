"""SLRU, segmented LRU: a page is protected from its second use on.

::

    fault --> [ newest  probation  oldest ] --> victim
                  |  ^
              hit |  | what the protected segment has no room for
                  v  |
              [ newest  protected  oldest ]

Pages used once can only push out pages used once: a scan passes through the probationary segment
and leaves the protected one as it is. The protected segment has a limit; the page that a newcomer
pushes out of it gets a second trial, at the new end of the other.

While memory fills there is nothing special: faults go to probation, and frames that the protected
segment does not use are probation's. A victim is the oldest on probation; if all are protected,
the oldest of those.

Cost: O(1) a hit and a fault.

Source: R. Karedla, J. S. Love, B. G. Wherry, "Caching strategies to improve disk system
performance", IEEE Computer 27(3), 1994. The size of the protected segment is a parameter there, to
be set for each load; the default here, four fifths, is the one in common use. Where the paper says
nothing: a page that MADV_COLD names goes to the old end of probation; a victim that is put back is
protected, limit or not; one that munlock hands back comes in as by a fault.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    I64,
    UNLOCKED,
    Param,
    Policy,
    U,
    hookimpl,
    list_at,
    list_back,
    sized_move_front,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_victims,
    wrong_sizes,
)

PROBATION, PROTECTED = 0, 1


class Slru(Policy):
    """Two lists of frames, both by recency."""

    name = "slru"
    summary = "segmented LRU: pages used twice are protected from those used once"
    source = "Karedla, Love and Wherry, IEEE Computer 27(3), 1994"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {
        "protected": Param(
            float, 0.8, low=0, high=1, text="part of memory that the protected segment may hold"
        )
    }
    sizes: I64
    limit: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, protected):
        return cls(sizes=np.zeros(2, dtype=np.int64), limit=int(protected * nr_frames))

    def fault_in(self, m, pfn, page, shadow):
        sized_push_front(m, self.sizes, PROBATION, pfn)

    def accessed(self, m, pfn, page, how, nr):
        sized_move_front(m, self.sizes, PROTECTED, pfn)
        if self.sizes[U(PROTECTED)] > self.limit:
            pushed_out = list_back(m, list_at(m, PROTECTED))
            sized_move_front(m, self.sizes, PROBATION, pushed_out)

    def select(self, m, nr_wanted, victims, page):
        return sized_take_victims(m, self.sizes, nr_wanted, victims)

    def removed(self, m, pfn, why):
        sized_remove(m, self.sizes, pfn)

    def putback(self, m, pfn, why):
        k = PROBATION if why == UNLOCKED else PROTECTED  # or probation might offer it for ever
        sized_push_front(m, self.sizes, k, pfn)

    def deactivated(self, m, pfn):
        sized_remove(m, self.sizes, pfn)
        sized_push_back(m, self.sizes, PROBATION, pfn)

    def check(self, m, owned):
        return wrong_sizes(m, self.sizes, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Slru)
