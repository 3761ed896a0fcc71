"""working_set: trims the working sets of processes; what nothing maps any more stands by.

::

    page tables of each process, in turn             standby list
    young            -> age 0                        newest ... oldest --> victim
    not young        -> age + 1                        ^          |
    age >= pass      -> PTE taken, ShareCount - 1      |          | mapped again: a soft fault has
                        ShareCount 0 ------------------+          v fetched it, back it goes
                                                            [ in working sets ]

When the standby list runs short, the working set manager passes over the processes' own pages: the
first pass takes what `passes` looks have found unused, each further one a look less, the last all
that is not young. What was trimmed by mistake is fetched back from the standby list by a soft
fault, which reads nothing, so trimming may be crude.

A shared page leaves only when each process has been trimmed of it; its age is reset by any of them.

Cost: nothing a hit; a trim, up to `passes` + 1 times every PTE, at best as many as it takes.

Sources: D. Solomon, M. Russinovich, A. Ionescu, "Windows Internals", memory management, working set
manager; ReactOS headers for the lists. Simplified: no minimum and maximum of a working set, nor its
list of entries (the page table is read instead); no claims between processes; modified pages are
written at eviction; the machine tells no policy of a soft fault or that an exit left a page
unmapped, so both are seen when the frame next comes to a list's end.
"""

from __future__ import annotations

from reclaim.api import (
    I64,
    NIL,
    Param,
    Policy,
    begin_pass,
    cold,
    hookimpl,
    list_at,
    list_remove,
    mapcount,
    new_tour,
    next_mapping,
    now,
    pte_frame,
    push_front,
    set_word,
    take_back,
    take_young,
    unmap_one,
    word,
    wrong_lists,
)

STANDBY, WORKING = 0, 1
AGE, PUT_BACK = 0, 1  # a frame's words; the second: 1 + when it was put back


class WorkingSet(Policy):
    name = "working_set"
    summary = "trims processes' pages by age onto a standby list, as Windows"
    source = "Windows Internals, working set manager"
    family = "page-table scans"
    needs = frozenset({"page_tables"})
    nr_lists = 2
    params = {"passes": Param(int, 3, low=1, high=7, text="age that the first pass trims at")}
    tour: I64
    passes: int

    @classmethod
    def new(cls, nr_frames, nr_pages, seed, passes):
        return cls(tour=new_tour(), passes=passes)

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, STANDBY), pfn)  # not mapped yet, or seen to be when it comes up

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, STANDBY), pfn)
        set_word(m, pfn, PUT_BACK, now(m) + 1)

    @cold
    def take_standby(self, m, nr, nr_wanted, victims, busy):
        """Add victims to the `nr` there are; passes over frames put back at `busy`."""
        for _ in range(m.nr_frames):
            pfn = take_back(m, list_at(m, STANDBY)) if nr < nr_wanted else NIL
            if pfn == NIL:
                break
            if mapcount(m, pfn) > 0:
                push_front(m, list_at(m, WORKING), pfn)
            elif word(m, pfn, PUT_BACK) == busy:
                push_front(m, list_at(m, STANDBY), pfn)
            else:
                victims[nr] = pfn
                nr += 1
        return nr

    @cold
    def sweep(self, m, nr):
        """Look at the frames longest in working sets: some may be mapped no longer."""
        for _ in range(nr):
            pfn = take_back(m, list_at(m, WORKING))
            if pfn == NIL:
                break
            push_front(m, list_at(m, WORKING if mapcount(m, pfn) > 0 else STANDBY), pfn)

    @cold
    def trim(self, m, wanted, age):
        """Take PTEs of that age in one pass, until so many frames more stand by; how many lack."""
        begin_pass(m, self.tour)
        pte = next_mapping(m, self.tour) if wanted > 0 else NIL
        while pte != NIL:
            pfn = pte_frame(m, pte)
            if take_young(m, pte):
                set_word(m, pfn, AGE, 0)
            elif word(m, pfn, AGE) < age:
                set_word(m, pfn, AGE, word(m, pfn, AGE) + 1)
            elif unmap_one(m, pte) and mapcount(m, pfn) == 0:
                list_remove(m, pfn)
                push_front(m, list_at(m, STANDBY), pfn)
                wanted -= 1
            pte = next_mapping(m, self.tour) if wanted > 0 else NIL
        return wanted

    def select(self, m, nr_wanted, victims, page):
        self.sweep(m, 2 * nr_wanted)
        nr = self.take_standby(m, 0, nr_wanted, victims, now(m) + 1)
        if nr < nr_wanted:
            lacking = nr_wanted - nr
            for done in range(self.passes + 1):
                lacking = self.trim(m, lacking, self.passes - done)
            nr = self.take_standby(m, nr, nr_wanted, victims, now(m) + 1)
        if nr == 0:
            self.sweep(m, m.nr_frames)
            nr = self.take_standby(m, 0, nr_wanted, victims, NIL)
        return nr

    def check(self, m, owned):
        return wrong_lists(m, self.nr_lists, owned)


@hookimpl
def reclaim_register_policies(register):
    register(WorkingSet)
