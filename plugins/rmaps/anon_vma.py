"""anon_vma: an anonymous page names the list of VMAs that may map it (Linux 2.6.7 - 2.6.33).

::

    page --> anon_vma --> VMA - VMA - VMA - ...     parent, child 1, child 2, ...; also the pieces
                                                    that one VMA was split into

    file page --> mapping --> prio_tree of the file's VMAs, keyed by the pages they map

A. Arcangeli's replacement of the chains: no record for a PTE at all. The first anonymous page in a
VMA gives it an anon_vma; fork, split and mremap put the new VMA on the same list, so every VMA that
may hold a page is on the list that the page names. The page index stays when a VMA moves, so a
shared page is found at both addresses without a copy (which anonmm could not do). A VMA beside one
that it could be joined with takes its anon_vma, the next one's first, then the previous one's.

Who pays when: fork, split, exit: one list operation for each VMA; the first anonymous fault in a
VMA, at most one allocation; other faults nothing. Memory: 12 bytes a VMA on 32 bits and 12 an
anon_vma, however many pages there are. The walk pays: it looks at every VMA of the list, until as
many PTEs were found as the page has mappings (`early_exit`). A page that a child has copied for
itself is on the list of the whole family. Worst case: one parent and N children that have copied
all: each page is mapped once, and a walk looks at N / 2 VMAs on average, twice for each page
reclaimed, under one lock. That is AIM7's cliff of 2007 (R. van Riel, L. Schermerhorn), and why
2.6.34 has AVCs.

Order: newest first in 2.6.9 (list_add), oldest first in 2.6.24 (list_add_tail, H. Dickins' patch of
May 2006); param `order`. A split or merge moves nobody, only the new piece is added.

Cost: link O(1); fork, split, exit O(1) per VMA; walk O(VMAs of the family), files O(log n + hits).

Sources: A. Arcangeli's mail of 11 March 2004; H. Dickins' rmap 39 and 40; mm/rmap.c and
mm/prio_tree.c of Linux 2.6.9 and 2.6.24 (anon_vma_prepare, anon_vma_link, page_referenced_anon).
"""

from __future__ import annotations

from reclaim.api import (
    LOCKS,
    NIL,
    UNLIMITED,
    AnonLists,
    Param,
    RmapStrategy,
    count,
    file_prio_insert,
    file_prio_remove,
    file_prio_walk,
    hookimpl,
    is_anon,
    mapcount,
    page_of,
    set_head,
    wrong_anon_lists,
    wrong_file_prios,
)


class AnonVma(RmapStrategy):
    """The lists of anonymous VMAs; files keep their trees in their own rows."""

    name = "anon_vma"
    summary = "a page names an anon_vma, whose list names the VMAs that may map it"
    source = "Linux 2.6.7 - 2.6.33, mm/rmap.c"
    params = {
        "early_exit": Param(
            bool, True, text="stop a walk when as many PTEs were found as the frame has mappings"
        ),
        "order": Param(
            str,
            "oldest_first",
            choices=("newest_first", "oldest_first"),
            text="where a VMA goes on its list: in front (2.6.9), or behind all (2.6.24)",
        ),
    }
    growth = {
        "fork": (0, 0),
        "exit": (0, 0),
        "walk_shared": (1, 1),
        "walk_own": (1, 1),
        "objects": (0, 0),
    }

    lists: AnonLists
    early_exit: bool

    @classmethod
    def new(cls, early_exit, order):
        return cls(lists=AnonLists.empty(order == "newest_first"), early_exit=early_exit)

    # `room` stays 0: only a fault makes an anon_vma.
    def short(self, m, nr):
        return self.lists.short(nr)

    def prepare(self, m, vma):
        self.lists.prepare(m, vma)

    def link(self, m, pfn, pte, vma, fresh):
        if mapcount(m, pfn) == 1 and is_anon(m, page_of(m, pfn)):
            set_head(m, pfn, self.lists.own(m, vma))

    def vma_map(self, m, vma):
        file_prio_insert(m, vma, NIL)

    def vma_fork(self, m, parent, child):
        self.lists.join(m, child, self.lists.own(m, parent))
        file_prio_insert(m, child, parent)

    def vma_copy(self, m, vma, copy):
        file_prio_insert(m, copy, NIL)
        self.lists.join(m, copy, self.lists.own(m, vma))

    def vma_unmap(self, m, vma):
        self.lists.leave(m, vma)
        file_prio_remove(m, vma)

    def vma_resize_begin(self, m, vma):
        file_prio_remove(m, vma)

    def vma_resize_end(self, m, vma):
        file_prio_insert(m, vma, NIL)

    def may_merge(self, m, left, right):
        return self.lists.may_merge(m, left, right)

    def vma_merge(self, m, left, right):
        if self.lists.own(m, left) == NIL:
            self.lists.join(m, left, self.lists.own(m, right))
        self.vma_unmap(m, right)

    def walk(self, m, pfn, visitor):
        count(m, LOCKS, 1)
        limit = mapcount(m, pfn) if self.early_exit else UNLIMITED
        if is_anon(m, page_of(m, pfn)):
            self.lists.walk(m, pfn, visitor, limit)
        else:
            file_prio_walk(m, pfn, visitor, limit)

    def objects(self):
        anons = self.lists.anons
        return {"anon_vma": (anons.live, anons.peak, anons.made)}

    def object_bytes(self, layout):
        return {"anon_vma": 12 if layout == "32-bit" else 24}

    def fixed_bytes(self, layout):
        # Per VMA: list node and anon_vma pointer; prio_tree's two words more than a list of VMAs.
        return {"vma": 12 + 8 if layout == "32-bit" else 24 + 16}

    def check(self, m):
        return "; ".join([*wrong_anon_lists(m, self.lists), *wrong_file_prios(m)])


@hookimpl
def reclaim_register_rmaps(register):
    register(AnonVma)
