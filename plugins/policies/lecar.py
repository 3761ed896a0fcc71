"""LeCaR: LRU or LFU, by the toss of a coin that regret makes unfair.

::

                      +- w_lru --> the least recently used --> [ history of LRU ]
    who must leave? --+                          asked for again: w_lfu grows
                      +- w_lfu --> the least often used -----> [ history of LFU ]
                                                 asked for again: w_lru grows

Each frame is in two orders, by last use and by number of uses. A victim's page goes into the
history of the order that chose it; if it comes back, that order is to blame, the more the sooner
(`reclaim.kit.regret`).

Cost: O(1) a hit and a fault; beside the orders a table of 56 bytes a frame.

Source: G. Vietri et al., "Driving cache replacement with ML-based LeCaR", HotStorage 2018,
algorithms 1 and 2: rate 0.45, discount 0.005 ** (1 / frames), histories as long as memory. Settled
here: among the least used the one longest so goes; a page counts from one when it comes in; weights
have bounds; time is that of accesses. A victim that is put back waits on a bench until the next
page comes in, as does one that munlock returns; then it counts from one. MADV_COLD does nothing.
"""

from __future__ import annotations

from reclaim.api import (
    NIL,
    Frequencies,
    Ghosts,
    Param,
    Policy,
    Regret,
    U,
    frame_of,
    frequency_add,
    frequency_holds,
    frequency_remove,
    frequency_use,
    ghost_oldest,
    ghost_push_front,
    ghost_remove,
    hookimpl,
    list_at,
    list_before,
    list_remove,
    now,
    page_of,
    push_front,
    regret_choose,
    regret_evicted,
    regret_wanted,
    scan_before,
    set_word,
    take_back,
    word,
    wrong_frequencies,
    wrong_ghosts,
    wrong_lists,
)

ORDER, BENCH = 0, 1
CHOSEN_BY = 1  # a victim's word: the order that chose it, 0 LRU, 1 LFU


class LeCaR(Policy):
    name = "lecar"
    summary = "LRU or LFU by chance, the likelier the less it was regretted"
    source = "Vietri et al., HotStorage 2018"
    family = "literature"
    needs = frozenset({"accesses"})
    nr_lists = 2
    params = {"rate": Param(float, 0.45, low=0.0, high=10.0, text="learning rate")}

    uses: Frequencies
    recent: Ghosts
    regret: Regret

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, rate):
        return cls(
            uses=Frequencies.new(nr_frames),
            recent=Ghosts.new(nr_pages, 1),
            regret=Regret.new(nr_frames, nr_pages, seed, rate),
        )

    def enter(self, m, pfn):
        frequency_add(m, self.uses, list_at(m, ORDER), pfn)
        ghost_push_front(self.recent, 0, page_of(m, pfn))

    def leave(self, m, pfn):
        frequency_remove(m, self.uses, pfn)
        ghost_remove(self.recent, page_of(m, pfn))

    def fault_in(self, m, pfn, page, shadow):
        regret_wanted(self.regret, page, now(m))
        self.enter(m, pfn)
        waiting = take_back(m, list_at(m, BENCH))
        while waiting != NIL:
            self.enter(m, waiting)
            waiting = take_back(m, list_at(m, BENCH))

    def accessed(self, m, pfn, page, how, nr):
        if frequency_holds(m, pfn):
            frequency_use(m, self.uses, list_at(m, ORDER), pfn, nr)
            ghost_remove(self.recent, page)
            ghost_push_front(self.recent, 0, page)

    def choose(self, m):
        """Take a victim by one order or the other; NIL if there is none."""
        oldest = ghost_oldest(self.recent, 0)
        if oldest == NIL:
            return take_back(m, list_at(m, BENCH))
        order = regret_choose(self.regret)
        pfn = frame_of(m, oldest) if order == 0 else list_before(m, list_at(m, ORDER))
        scan_before(m, pfn)
        self.leave(m, pfn)
        set_word(m, pfn, CHOSEN_BY, order)
        return pfn

    def select(self, m, nr_wanted, victims, page):
        if page != NIL:
            regret_wanted(self.regret, page, now(m))
        for nr in range(nr_wanted):
            victims[U(nr)] = self.choose(m)
            if victims[U(nr)] == NIL:
                return nr
        return nr_wanted

    def evicted(self, m, pfn):
        regret_evicted(self.regret, word(m, pfn, CHOSEN_BY), page_of(m, pfn), now(m))
        return 0

    def removed(self, m, pfn, why):
        if frequency_holds(m, pfn):
            self.leave(m, pfn)
        else:
            list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, BENCH), pfn)

    def check(self, m, owned):
        wrong = wrong_frequencies(m, self.uses, list_at(m, ORDER)) or wrong_ghosts(self.recent)
        return wrong or wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(LeCaR)
