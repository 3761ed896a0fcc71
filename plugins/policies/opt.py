"""OPT: the page whose next use is furthest away goes. Belady's MIN.

No policy misses less often in `exact` mode; none can be built, since it reads the future. It stands
in every panel as the ceiling. The future is the order of *touches* on an infinite memory, which
does not depend on what is resident: each access touches its page, a copy-on-write touches its
source first, a file-descriptor transfer each of its pages.

A heap holds the resident frames by next use. Between pages that are never used again the smaller
page id goes, so that runs can be compared. A victim that was put back (the source of a copy, no
swap slot) waits on a bench, behind all others, until the reclaim under way has got its frame.

Cost: O(log n) a hit and a fault; eight bytes per touch.

Source: L. A. Belady, IBM Systems Journal 5(2), 1966 (MIN); optimality: Mattson et al. 1970,
appendix.
"""

from __future__ import annotations

from reclaim.api import (
    BY_ZAP,
    NIL,
    UNLOCKED,
    Heap,
    Policy,
    cold,
    frames_on,
    heap_holds,
    heap_key,
    heap_push,
    heap_remove,
    heap_top,
    heap_update,
    hookimpl,
    list_at,
    list_remove,
    next_use,
    next_use_after,
    page_of,
    push_front,
    take_back,
)


class Opt(Policy):
    """A heap of the resident frames by next use."""

    name = "opt"
    summary = "evicts the page used furthest in the future; the bound"
    source = "Belady 1966, MIN"
    family = "yardstick"
    needs = frozenset({"lookahead"})
    nr_lists = 1

    resident: Heap

    @classmethod
    def new(cls, nr_frames, nr_pages, seed):
        return cls(resident=Heap.new(nr_frames))

    def fault_in(self, m, pfn, page, shadow):
        self.clear_bench(m)
        heap_push(self.resident, pfn, next_use(m), page)

    def accessed(self, m, pfn, page, how, nr):
        if how != BY_ZAP and heap_holds(self.resident, pfn):
            heap_update(self.resident, pfn, next_use(m))

    def select(self, m, nr_wanted, victims, page):
        nr = 0
        while nr < nr_wanted:
            pfn = heap_top(self.resident)
            if pfn == NIL:
                pfn = take_back(m, list_at(m, 0))
                if pfn == NIL:
                    break
            else:
                heap_remove(self.resident, pfn)
            victims[nr] = pfn
            nr += 1
        return nr

    def removed(self, m, pfn, why):
        if heap_holds(self.resident, pfn):
            heap_remove(self.resident, pfn)
        else:
            list_remove(m, pfn)

    def putback(self, m, pfn, why):
        if why == UNLOCKED:
            self.come_back(m, pfn)
        else:
            push_front(m, list_at(m, 0), pfn)

    def come_back(self, m, pfn):
        """Put a frame in its place by next use, which may have changed while it was away."""
        use = next_use_after(m, heap_key(self.resident, pfn))
        heap_push(self.resident, pfn, use, page_of(m, pfn))

    @cold
    def clear_bench(self, m):
        """Give frames that were put back their places again: what held them is over."""
        pfn = take_back(m, list_at(m, 0))
        while pfn != NIL:
            self.come_back(m, pfn)
            pfn = take_back(m, list_at(m, 0))

    def check(self, m, owned):
        frames = self.resident.heap[: int(self.resident.heap[-1])].tolist() + frames_on(
            m, m.nr_frames
        )
        return "" if sorted(frames) == sorted(owned) else "heap and bench are not the frames"


@hookimpl
def reclaim_register_policies(register):
    register(Opt)
