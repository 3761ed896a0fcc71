"""LRU: the page not used for longest goes.

::

    use --> [ most recent | ... | least recent ] --> victim

A yardstick: no kernel can keep this list for mapped pages, since hardware does not report a hit;
here the policy is told of each (`accesses`), for free, and reports mark it unrealisable. What a
kernel can see, file-descriptor reads and writes, it keeps in this order too.

An inclusion ("stack") algorithm: more frames never mean more faults.

Cost: O(1) a hit, O(1) a fault.

Source: R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, "Evaluation techniques for storage
hierarchies", IBM Systems Journal 9(2), 1970, section 3.
"""

from __future__ import annotations

from reclaim.api import (
    Policy,
    hookimpl,
    list_at,
    list_remove,
    move_to_front,
    push_back,
    push_front,
    take_victims,
    wrong_lists,
)


class Lru(Policy):
    """One list in order of use."""

    name = "lru"
    summary = "evicts the page not used for longest; sees every hit"
    source = "Mattson et al. 1970"
    family = "yardstick"
    needs = frozenset({"accesses"})
    nr_lists = 1

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def accessed(self, m, pfn, page, how, nr):
        move_to_front(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        return take_victims(m, list_at(m, 0), nr_wanted, victims)

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

    def deactivated(self, m, pfn):
        list_remove(m, pfn)
        push_back(m, list_at(m, 0), pfn)

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(Lru)
