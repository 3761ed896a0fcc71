"""CLOCK-Pro: hot, cold and remembered pages on one clock with three hands; LIRS, realisable.

::

    head: pages enter here, or are moved here        h hot, c cold,
      [ c  t  h  c  t  h  c  t  h ... h ]            t cold and gone, in its test
                       ^     ^        ^
               HAND_cold  HAND_test   HAND_hot

Pages are told apart by the time between two uses. A page faults in cold and in its test, which
lasts until it is older than the oldest hot page, resident or not.

- HAND_cold, at the last resident cold page, seeks a victim: one not young. If in test, it stays on
  the clock when gone. A young one turns hot if in test. Those that stay go to the head.
- HAND_hot makes room for a hot page: spares the young, turns the first other cold, ends the tests
  of cold pages that it passes, and drops those that are gone.
- HAND_test ends tests, oldest first, while more pages are remembered than there are frames.
- A page that faults in its test turns hot. One hot page is always allowed.
- m_c, the share of cold pages, at first 1, grows by 1 with each use in a test, shrinks by 1 with
  each test that ends without.

The fault's own young bit must not count, or each page would turn hot: a cold page whose first
answer may be that goes to the head, still in test, as in Zijlstra's CLOCK-Pro for Linux. Published
CLOCK-Pro clears that bit. Cost: nothing a hit; a walk for each page that a hand asks about.

Source: Jiang, Chen, Zhang, USENIX 2005, sections 4.2 to 4.4. Left open there: pages begin cold also
while memory fills; the last cold page is furthest from the head, even if HAND_hot passed it; ending
a test asks no young bit. A freed page leaves; one put back turns hot.
"""

from __future__ import annotations

from reclaim.api import (
    AGAIN,
    IDLE,
    NIL,
    Policy,
    ReuseClock,
    ask_use,
    clock_end_test,
    clock_enter,
    clock_go,
    clock_leave,
    clock_marks,
    clock_move,
    clock_use_in_test,
    frame_of,
    hand_cold,
    hand_hot,
    hand_test,
    hookimpl,
    hot_is_full,
    note_use,
    nr_gone,
    nr_hot,
    on_clock,
    page_of,
    watch_new,
    wrong_reuse_clock,
)

HOT, TEST = 1, 2


class ClockPro(Policy):
    name = "clock_pro"
    summary = "hot and cold pages by reuse distance, on one clock with three hands"
    source = "Jiang, Chen, Zhang, USENIX 2005, section 4"
    family = "accessed bits"
    needs = frozenset({"young"})
    nr_lists = 1
    clock: ReuseClock

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(clock=ReuseClock.new(nr_pages))

    def run_hand_hot(self, m):
        """Turn the last hot page cold that is not young, and stop at another hot one."""
        demoted = False
        while nr_hot(self.clock) > 0:
            page = hand_hot(self.clock)
            marks = clock_marks(self.clock, page)
            if marks == HOT:
                if demoted:
                    break
                demoted = ask_use(m, frame_of(m, page)) == IDLE
                clock_move(m, self.clock, page, 0 if demoted else HOT)
                continue
            if (marks & TEST) != 0:
                clock_end_test(m, self.clock, page)
            if on_clock(self.clock, page):
                clock_move(m, self.clock, page, 0)

    def turn_hot(self, m, page):
        clock_use_in_test(m, self.clock, page)
        while hot_is_full(m, self.clock):
            self.run_hand_hot(m)
        clock_enter(m, self.clock, page, HOT)

    def fault_in(self, m, pfn, page, shadow):
        watch_new(m, pfn)
        if on_clock(self.clock, page):
            self.turn_hot(m, page)
        else:
            clock_enter(m, self.clock, page, TEST)

    def accessed(self, m, pfn, page, how, nr):
        note_use(m, pfn, how)

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = hand_cold(m)
            if pfn == NIL:
                if nr_hot(self.clock) == 0:
                    break
                self.run_hand_hot(m)
                continue
            cold = page_of(m, pfn)
            marks, use = clock_marks(self.clock, cold), ask_use(m, pfn)
            if use == IDLE:
                victims[nr] = pfn
                nr += 1
                clock_go(m, self.clock, cold)
                while nr_gone(self.clock) > m.nr_frames:
                    clock_end_test(m, self.clock, hand_test(self.clock))
            elif use == AGAIN and marks == TEST:
                self.turn_hot(m, cold)
            else:
                clock_move(m, self.clock, cold, marks)
        return nr

    def removed(self, m, pfn, why):
        clock_leave(m, self.clock, page_of(m, pfn))

    def putback(self, m, pfn, why):
        page = page_of(m, pfn)
        if on_clock(self.clock, page):
            clock_leave(m, self.clock, page)
        clock_enter(m, self.clock, page, HOT)

    def check(self, m, owned):
        return wrong_reuse_clock(m, self.clock, owned)


@hookimpl
def reclaim_register_policies(register):
    register(ClockPro)
