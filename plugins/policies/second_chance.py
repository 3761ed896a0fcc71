"""Second chance with two hands: the front hand clears bits, the back hand takes what stayed clear.

::

        back                     front
          v                        v
    ... [ A ] [ B ] [ C ] [ D ] [ E ] ...     both move a frame at a time
          |                        |
     young? keep : victim      clear its bits

A page has its chance while the hands are `handspread` apart, not a whole turn: with much memory a
turn of one hand takes so long that every page has been used meanwhile, and CLOCK finds nobody. The
hands sweep frames in physical order, as the kernel's index into its table of frames did. With a
spread of all memory the back hand finds what the front hand left a turn ago: that is CLOCK.

In one step the back hand looks before the front hand clears; a page read or written by a descriptor
counts as used. A frame that was put back counts as used until the front hand has passed.

Cost: nothing a hit; two walks for each frame passed, at most one turn and a spread.

Source: S. J. Leffler, M. K. McKusick, M. J. Karels, J. S. Quarterman, "The Design and
Implementation of the 4.3BSD UNIX Operating System", 1989, section 5.12; the single hand before it:
O. Babaoglu, W. Joy, SOSP 1981. Deviations: hands move when a frame is wanted, where the pageout
daemon moves them at a rate that depends on free memory; the spread is a share of memory, where
4.3BSD has two megabytes.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    Param,
    Policy,
    hold,
    hookimpl,
    is_held,
    let_go,
    referenced,
    set_word,
    turn,
    word,
    wrong_holds,
)

BACK, FRONT = 0, 1


class SecondChance(Policy):
    """Two hands over frames in physical order; word 0: used by a descriptor, or put back."""

    name = "second_chance"
    summary = "two-handed clock: a page is used between two hands, or goes"
    source = "4.3BSD; Leffler et al. 1989, section 5.12"
    family = "accessed bits"
    needs = frozenset({"young"})
    params = {
        "handspread": Param(
            int, 25, low=0, high=100, unit="percent of frames", text="distance of the hands"
        )
    }
    hands: I64

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, handspread):
        front = max(1, nr_frames * handspread // 100) % nr_frames
        return cls(hands=np.array([0, front], dtype=np.int64))

    def fault_in(self, m, pfn, page, shadow):
        hold(m, pfn)
        set_word(m, pfn, 0, 0)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, 1)

    def used(self, m, pfn):
        return referenced(m, pfn) + word(m, pfn, 0) > 0

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        for _ in range(2 * m.nr_frames + 1):
            if nr == nr_wanted:
                break
            pfn = turn(m, self.hands, BACK)
            if is_held(m, pfn) and not self.used(m, pfn):
                let_go(m, pfn)
                victims[nr] = pfn
                nr += 1
            pfn = turn(m, self.hands, FRONT)
            if is_held(m, pfn):
                referenced(m, pfn)
                set_word(m, pfn, 0, 0)
        return nr

    def removed(self, m, pfn, why):
        let_go(m, pfn)

    def putback(self, m, pfn, why):
        hold(m, pfn)
        set_word(m, pfn, 0, 1)

    def deactivated(self, m, pfn):
        set_word(m, pfn, 0, 0)

    def check(self, m, owned):
        return wrong_holds(m, owned)


@hookimpl
def reclaim_register_policies(register):
    register(SecondChance)
