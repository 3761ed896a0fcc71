"""FIFO: the page that came first goes first.

::

    fault --> [ newest | ... | oldest ] --> victim

Nothing is learnt after a page has come in, so nothing is paid for: no walk, no work per access. It
is the floor of every panel, and the twelve accesses 1 2 3 4 1 2 5 1 2 3 4 5 show its anomaly: nine
faults with three frames, ten with four.

Cost: O(1) a fault, nothing a hit.

Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM
Systems Journal 5(2), 1966; the anomaly: Belady, Nelson, Shedler, CACM 12(6), 1969.
"""

from __future__ import annotations

from reclaim.api import (
    Policy,
    hookimpl,
    list_at,
    list_remove,
    push_front,
    take_victims,
    wrong_lists,
)


class Fifo(Policy):
    """One list: in at the front, out at the back."""

    name = "fifo"
    summary = "evicts the page that came in first"
    source = "Belady 1966"
    family = "yardstick"
    nr_lists = 1

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        return take_victims(m, list_at(m, 0), nr_wanted, victims)

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Fifo)
