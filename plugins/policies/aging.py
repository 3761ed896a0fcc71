"""Aging: a shift register a page, into which each tick puts the young bit from the left.

::

    tick      1   2   3   4       counter after 4
    page A    used    used        0101 0000
    page B        used            0010 0000    <- smallest: the victim
    page C    used used   used    1011 0000

A counter read as a number orders pages by their last tick of use, then by the one before, and so
on: LRU as well as some bits can tell it. Uses between two ticks are one, and what is older than the
register is forgotten.

All counters change at a tick, so frames are sorted then, and only then, onto a list for each value;
a fault takes from the lowest that is not empty. Among equals the frames that were there at the tick
go in the order of memory, then those that came later. A page comes in with its counter's highest
bit set, as if a tick had just found it used: with 0 it would be the next to go.

Cost: nothing a hit; a walk a frame at each tick; a fault, at most 256 empty lists.

Source: A. S. Tanenbaum, "Modern Operating Systems", "Simulating LRU in software"; the shift
register: F. J. Corbató, MIT Project MAC Report MAC-M-384, 1968. Deviations: a tick comes after so
many accesses; the counter of a new page and the order of equals, as said above. A use by a
descriptor counts as a young bit; a page that was put back has the largest counter until the tick.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    NIL,
    Param,
    Policy,
    hookimpl,
    referenced,
    set_word,
    sized_list,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    word,
    wrong_sizes,
)

COUNTERS = 256


class Aging(Policy):
    """A list for each value of the counter; word 0: used by a descriptor since the tick."""

    name = "aging"
    summary = "evicts the smallest of shift registers that ticks fill with young bits"
    source = "Tanenbaum, Modern Operating Systems; Corbató 1968"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = COUNTERS
    params = {
        "age_every": Param(
            int, 0, low=0, unit="accesses", text="between two ticks; 0: as many as frames"
        ),
        "bits": Param(int, 8, low=1, high=8, unit="bits", text="length of the shift register"),
    }
    size: I64
    top: int  # what a use in the last tick is worth

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, age_every, bits):
        return cls(size=np.zeros(COUNTERS, dtype=np.int64), top=1 << (bits - 1))

    def fault_in(self, m, pfn, page, shadow):
        set_word(m, pfn, 0, 0)
        sized_push_front(m, self.size, self.top, pfn)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, 1)

    def age(self, m):
        for pfn in range(m.nr_frames):
            counter = sized_list(m, pfn)
            if counter != NIL:
                used = referenced(m, pfn) + word(m, pfn, 0) > 0
                set_word(m, pfn, 0, 0)
                sized_remove(m, self.size, pfn)
                sized_push_front(m, self.size, counter >> 1 | int(used) * self.top, pfn)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        for counter in range(COUNTERS):
            while nr < nr_wanted and self.size[counter] > 0:
                victims[nr] = sized_take_back(m, self.size, counter)
                nr += 1
            if nr == nr_wanted:
                break
        return nr

    def removed(self, m, pfn, why):
        sized_remove(m, self.size, pfn)

    def putback(self, m, pfn, why):
        sized_push_front(m, self.size, 2 * self.top - 1, pfn)

    def deactivated(self, m, pfn):
        sized_remove(m, self.size, pfn)
        sized_push_back(m, self.size, 0, pfn)
        set_word(m, pfn, 0, 0)

    def check(self, m, owned):
        return wrong_sizes(m, self.size, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Aging)
