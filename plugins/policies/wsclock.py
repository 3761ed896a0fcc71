"""WSClock: a clock that approximates the working set; each frame knows when it was last used.

::

           hand
            v
    ... [A  t=90] [B  t=40] [C  t=70] ...         now = 100, tau = 50
     young?   stamp it with now, clear its bits, pass on
     else     now - t > tau: not in the working set, the victim; else pass on

The working set of a process is what it used in its last `tau` accesses. To trim it exactly takes a
scan of all its pages; WSClock lets the hand of a clock find out on its way. A page that has just
come in is stamped with its fault.

If a whole turn finds only working sets, memory is overcommitted. The paper then suspends a process;
here no process can be. Nobody will leave a working set before the oldest stamp is `tau` old, so
until then there is nothing to look for, and the first page that is not young goes, as in CLOCK.

Cost: nothing a hit; a walk for each frame the hand passes, at most two turns; most with a `tau`
whose working set just fills memory, since the hand then travels far between two victims.

Source: R. W. Carr, J. L. Hennessy, "WSClock: a simple and effective algorithm for virtual memory
management", SOSP 1981, section 4. Deviations: time is the machine's accesses, where each process
has its virtual time; no load control; the machine writes a dirty victim at once, where the paper
queues it for cleaning and passes on.
"""

from __future__ import annotations

import numpy as np

from reclaim.api import (
    BY_PTE,
    I64,
    NIL,
    Param,
    Policy,
    hold,
    hookimpl,
    is_held,
    let_go,
    now,
    referenced,
    set_word,
    turn,
    word,
    wrong_holds,
)


class WsClock(Policy):
    """A hand over frames in physical order; word 0: when the frame was last seen used."""

    name = "wsclock"
    summary = "a clock that passes over what was used in the last tau accesses"
    source = "Carr and Hennessy, SOSP 1981"
    family = "accessed bits"
    needs = frozenset({"young"})
    params = {
        "tau": Param(
            int, 0, low=0, unit="accesses", text="working-set window; 0: a quarter of the frames"
        )
    }
    hand: I64
    crowded: I64  # until then every page is in a working set
    tau: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, tau):
        crowded = np.full(1, NIL, dtype=np.int64)
        return cls(
            hand=np.zeros(1, dtype=np.int64), crowded=crowded, tau=tau or max(1, nr_frames // 4)
        )

    def fault_in(self, m, pfn, page, shadow):
        hold(m, pfn)
        set_word(m, pfn, 0, now(m))

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_PTE:
            set_word(m, pfn, 0, now(m))

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        oldest = now(m)
        for step in range(2 * m.nr_frames):
            if nr == nr_wanted or (nr > 0 and step >= m.nr_frames):
                break
            if step == m.nr_frames:
                self.crowded[0] = oldest + self.tau
            pfn = turn(m, self.hand, 0)
            if not is_held(m, pfn):
                continue
            if referenced(m, pfn) > 0:
                set_word(m, pfn, 0, now(m))
            elif now(m) <= self.crowded[0] or now(m) - word(m, pfn, 0) > self.tau:
                let_go(m, pfn)
                victims[nr] = pfn
                nr += 1
            oldest = min(oldest, word(m, pfn, 0))
        return nr

    def removed(self, m, pfn, why):
        let_go(m, pfn)

    def putback(self, m, pfn, why):
        hold(m, pfn)
        set_word(m, pfn, 0, now(m))

    def deactivated(self, m, pfn):
        set_word(m, pfn, 0, now(m) - self.tau - 1)

    def check(self, m, owned):
        return wrong_holds(m, owned)


@hookimpl
def reclaim_register_policies(register):
    register(WsClock)
