"""NRU: not recently used. Bits that a clock forgets sort pages into four classes.

::

    class   used since the tick   dirty
      3             yes            yes        victim: the first page that the hand meets
      2             yes             no        of the lowest class there is
      1              no            yes
      0              no             no        every `age_every` accesses: all used bits cleared

A page is used if one of its PTEs is young or a descriptor has read or written it, dirty if writing
it back is owed. A tick clears the used bits of all pages, so a dirty page that was not used since
goes before a clean one that was.

At a fault the hand passes frames in the order in which they came, and stops at the first of class
0; only when a whole turn has met none does it go round again for the lowest class it has seen, and
until the next tick it stops at that class: pages only rise, and a new one counts as used. To look
at a young bit without losing it the policy keeps in the frame what it took from the PTE.

Cost: nothing a hit; a walk for each frame passed, four turns at most between two ticks but for
those that end at a victim; a walk a frame at each tick.

Source: A. S. Tanenbaum, "Modern Operating Systems", section "The not recently used page replacement
algorithm"; the classes are the hardware's R and M bits. Deviations: the victim is the hand's next
of its class where the book draws one at random; a tick comes after so many accesses, not clock
interrupts. A page never written out is dirty from birth, as the machine's pages are. A victim that
was put back counts as used and dirty until the next tick.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    Param,
    Policy,
    hookimpl,
    referenced,
    set_word,
    sized_push_back,
    sized_push_front,
    sized_remove,
    sized_take_back,
    was_dirty,
    word,
    wrong_sizes,
)

DIRTY, USED = 1, 2  # word 0: what is known of a frame since the last tick


class Nru(Policy):
    """One list: its back is under the hand."""

    name = "nru"
    summary = "evicts from the lowest of four classes by used and dirty bits"
    source = "Tanenbaum, Modern Operating Systems, NRU"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 1
    params = {
        "age_every": Param(
            int, 0, low=0, unit="accesses", text="between two ticks; 0: as many as frames"
        )
    }
    size: I64
    floor: I64  # no frame is of a lower class

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, age_every):
        return cls(size=np.zeros(1, dtype=np.int64), floor=np.zeros(1, dtype=np.int64))

    def fault_in(self, m, pfn, page, shadow):
        set_word(m, pfn, 0, USED)
        sized_push_front(m, self.size, 0, pfn)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, word(m, pfn, 0) | USED)

    def age(self, m):
        self.floor[0] = 0
        for _ in range(self.size[0]):
            pfn = sized_take_back(m, self.size, 0)
            referenced(m, pfn)
            set_word(m, pfn, 0, 0)
            sized_push_front(m, self.size, 0, pfn)

    def look(self, m, pfn):
        """Return the class of a frame, by its PTEs and what was known before."""
        young = int(referenced(m, pfn) > 0)
        known = word(m, pfn, 0) | young * USED | int(was_dirty(m, pfn)) * DIRTY
        set_word(m, pfn, 0, known)
        return known

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        asks = True
        wanted = self.floor[0]
        while nr < nr_wanted and self.size[0] > 0:
            lowest = USED | DIRTY
            for _ in range(self.size[0]):
                pfn = sized_take_back(m, self.size, 0)
                known = self.look(m, pfn) if asks else word(m, pfn, 0)
                if known <= wanted:
                    victims[nr] = pfn
                    nr += 1
                    if nr == nr_wanted:
                        return nr
                else:
                    lowest = min(lowest, known)
                    sized_push_front(m, self.size, 0, pfn)
            wanted = lowest
            self.floor[0] = min(lowest, USED)  # what comes in is used
            asks = False
        return nr

    def removed(self, m, pfn, why):
        sized_remove(m, self.size, pfn)

    def putback(self, m, pfn, why):
        sized_push_front(m, self.size, 0, pfn)
        set_word(m, pfn, 0, USED | DIRTY)

    def deactivated(self, m, pfn):
        sized_remove(m, self.size, pfn)
        sized_push_back(m, self.size, 0, pfn)
        set_word(m, pfn, 0, 0)
        self.floor[0] = 0

    def check(self, m, owned):
        return wrong_sizes(m, self.size, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Nru)
