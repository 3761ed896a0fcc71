"""pebs_lru: LRU that is told of every k-th access only.

::

    access k, 2k, 3k, ... --> [ most recent | ... | least recent ] --> victim
    fault ------------------->

A processor can record an access now and then with its address (PEBS on x86, SPE on ARM), and a
kernel can look the address up: HeMem and its followers place pages by such samples, with no walk of
page tables. This is what LRU makes of them. With k = 1 it *is* LRU; as k grows it becomes FIFO.

Accesses that repeat with a period which shares a factor with k are always sampled at the same
places; `sample_jitter` draws each distance, 1 to 2k - 1, mean k.

Cost: nothing a hit but one in k, O(1) then; O(1) a fault.

Source: A. Raybuck, T. Stamler, W. Zhang, M. Erez, S. Peter, "HeMem: scalable tiered memory
management for big data applications and real NVM", SOSP 2021, section 3.1, for the sampling; the
list is LRU's (Mattson et al. 1970). Deviations: HeMem counts samples a page and calls it hot at a
threshold, between two kinds of memory; here there is one kind, and the order of samples decides. A
record arrives at once and none is dropped.
"""

from __future__ import annotations

from reclaim.api import (
    Param,
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


class PebsLru(Policy):
    """One list in order of sampled use."""

    name = "pebs_lru"
    summary = "LRU over every k-th access, as a processor samples them"
    source = "HeMem, SOSP 2021, section 3.1; Mattson et al. 1970"
    family = "samples"
    needs = frozenset({"samples"})
    nr_lists = 1
    params = {
        "sample_every": Param(int, 100, low=1, unit="accesses", text="one access of so many"),
        "sample_jitter": Param(bool, False, text="draws each distance, with that mean"),
    }

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, sample_every, sample_jitter):
        return cls()

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def sampled(self, m, pfn, page, nr):
        move_to_front(m, list_at(m, 0), pfn)

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
    register(PebsLru)
