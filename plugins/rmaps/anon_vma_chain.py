"""anon_vma_chain: a page names the group of VMAs that may map it (Linux 2.6.34 to today; here as
6.x).

::

    page --> anon_vma  <--AVC-->  VMA          an AVC links one anon_vma with one VMA
                       <--AVC-->  VMA
    interval tree of its AVCs, keyed by the VMA's page indices

A page is not linked to its PTEs. It names an anon_vma and an index; a walk asks the anon_vma's
interval tree for the VMAs that cover the index and looks into their page tables. Fork gives the
child's VMA an AVC into each anon_vma of its parent (its old pages are there) and an anon_vma of its
own for the pages it will copy, so that a child's own pages are not looked for in its siblings,
which is what the single list of 2.6.7 made of AIM7. An abandoned ancestor (no active VMA, fewer
than two children) is adopted instead, or the chain of a process that forks and exits for ever would
grow for ever (num_children, num_active_vmas: commit 2555283eb40d, 2022).

Placement: a fresh private page goes to its VMA's own anon_vma; a page that others may hold (read
back from swap while shared) to the *root*, which no sharer outlives; a page reused by its only
sharer moves to the VMA's own. Files: the VMAs of a file hang in the interval tree of its mapping
(i_mmap).

Who pays when: fork, k + 1 AVCs for a VMA with chain length k; split, k; exit, k tree removals;
resize, all of them again. Faults pay nothing but the first in a VMA. A walk costs the VMAs that
cover the index, mapping or not, until mapcount PTEs were found. Worst case: fork chain of depth d,
all alive: (d+1)(d+2)/2 AVCs; a page left to the last of n children: n + 1 VMAs a walk.

Cost: link O(1); fork, split, exit O(k log n) per VMA; walk O(log n + VMAs that cover the index).

Sources: R. van Riel, commit 5beb49305251 (2.6.34); interval trees, M. Lespinasse, bf181b9f9d8
(3.7); mm/rmap.c of Linux 6.1 - 6.19 (anon_vma_prepare, anon_vma_clone, anon_vma_fork,
unlink_anon_vmas).
"""

from __future__ import annotations

from reclaim.api import (
    LOCKS,
    NIL,
    SPACE_NR_VMAS,
    SPACE_WORDS,
    TRYLOCKS,
    AnonVmas,
    Param,
    RmapStrategy,
    U,
    count,
    file_tree_insert,
    file_tree_remove,
    file_tree_walk,
    head_of,
    hookimpl,
    is_anon,
    mapcount,
    page_of,
    set_head,
    wrong_file_trees,
    wrong_groups,
)

UNLIMITED = 1 << 40


class AnonVmaChain(RmapStrategy):
    """The groups of anonymous VMAs; files keep theirs in their own rows."""

    name = "anon_vma_chain"
    summary = "a page names an anon_vma, whose interval tree names the VMAs that may map it"
    source = "Linux 6.1 - 6.19, mm/rmap.c"
    growth = {
        "fork": (0, 1),
        "exit": (0, 1),
        "walk_own": (0, 0),
        "walk_shared": (1, 1),
        "objects": (1, 2),
    }
    params = {
        "early_exit": Param(
            bool, True, text="stop a walk when as many PTEs were found as the frame has mappings"
        ),
    }

    groups: AnonVmas
    early_exit: bool

    @classmethod
    def new(cls, early_exit):
        return cls(groups=AnonVmas.empty(), early_exit=early_exit)

    def short(self, m, nr):
        return self.groups.short(nr)

    def room(self, m, space, nr_ptes, forks):
        # A fork clones every chain and adds one; an mremap may split one VMA at four places, which
        # clones its chain each time.
        nr_vmas = m.space[U(space * SPACE_WORDS + SPACE_NR_VMAS)]
        return 4 * self.groups.nr_links(m, space) + nr_vmas + 8

    def prepare(self, m, vma):
        self.groups.prepare(m, vma)

    def link(self, m, pfn, pte, vma, fresh):
        if head_of(m, pfn) == NIL and is_anon(m, page_of(m, pfn)):
            own = self.groups.own(m, vma)
            set_head(m, pfn, own if fresh else self.groups.root(own))

    def reuse(self, m, pfn, pte, vma):
        set_head(m, pfn, self.groups.own(m, vma))

    def vma_map(self, m, vma):
        file_tree_insert(m, vma, NIL)

    def vma_fork(self, m, parent, child):
        file_tree_insert(m, child, parent)
        self.groups.fork(m, parent, child)

    def vma_copy(self, m, vma, copy):
        file_tree_insert(m, copy, NIL)
        self.groups.copy(m, vma, copy)

    def vma_unmap(self, m, vma):
        self.groups.unlink(m, vma)
        file_tree_remove(m, vma)

    def vma_resize_begin(self, m, vma):
        file_tree_remove(m, vma)
        self.groups.unindex_all(m, vma)

    def vma_resize_end(self, m, vma):
        file_tree_insert(m, vma, NIL)
        self.groups.index_all(m, vma)

    def may_merge(self, m, left, right):
        return self.groups.may_merge(m, left, right)

    def vma_merge(self, m, left, right):
        self.groups.merge(m, left, right)
        file_tree_remove(m, right)

    def walk(self, m, pfn, visitor):
        count(m, LOCKS if visitor.UNMAPS else TRYLOCKS, 1)
        limit = mapcount(m, pfn) if self.early_exit else UNLIMITED
        if is_anon(m, page_of(m, pfn)):
            self.groups.walk(m, pfn, visitor, limit)
        else:
            file_tree_walk(m, pfn, visitor, limit)

    def objects(self):
        pools = {"anon_vma_chain": self.groups.avcs, "anon_vma": self.groups.anons}
        return {kind: (pool.live, pool.peak, pool.made) for kind, pool in pools.items()}

    def object_bytes(self, layout):
        if layout == "32-bit":
            return {"anon_vma_chain": 32, "anon_vma": 52}
        return {"anon_vma_chain": 64, "anon_vma": 96}

    def fixed_bytes(self, layout):
        # Per VMA: list head and anon_vma pointer, rb_node and subtree_last of the file's tree.
        return {"vma": 12 + 16 if layout == "32-bit" else 24 + 32}

    def check(self, m):
        return "; ".join([*wrong_groups(m, self.groups), *wrong_file_trees(m)])


@hookimpl
def reclaim_register_rmaps(register):
    register(AnonVmaChain)
