"""anon_vma_chain: a page names the group of VMAs that may map it (Linux 2.6.34 to today).

::

    page --> anon_vma  <--AVC-->  VMA          an AVC links one anon_vma with one VMA
                       <--AVC-->  VMA
    interval tree of its AVCs, keyed by the VMA's page indices (a list until 3.7)

A page is not linked to its PTEs. It names an anon_vma and an index; a walk asks the anon_vma's
interval tree for the VMAs that cover the index and looks into their page tables. Fork gives the
child's VMA an AVC into each anon_vma of its parent (its old pages are there) and an anon_vma of its
own for the pages it will copy, so that a child's own pages are not looked for in its siblings,
which is what the single list of 2.6.7 made of AIM7.

The presets, by what changed:

    linux-2.6.34  a list: a walk meets all VMAs of the anon_vma, in or out of range, in the order
                  in which they came; a lock for each link (the root's, once for a VMA: 3.0)
    linux-3.7     an interval tree; still, generation n of a process that forks and exits for ever
                  holds n + 1 AVCs and n + 1 anon_vmas
    linux-3.19    fork adopts an ancestor whose degree (children + active VMAs) is below two
    linux-6.12    two counters in place of the degree, which let one anon_vma be adopted twice;
                  page_referenced only tries the lock, swap entries know an only holder (5.19)

Placement: a fresh private page goes to its VMA's own anon_vma; a page that others may hold (read
back from swap while shared; before 5.19 whenever read back) to the *root*, which no sharer
outlives; a page reused by its only sharer moves to the VMA's own. Files: their VMAs hang in the
interval tree of the mapping (i_mmap; before 3.7 a prio_tree, which meets the same VMAs).

Who pays when: fork, k + 1 AVCs for a VMA with chain length k; split, k; exit, k tree removals;
resize, all of them again. Faults pay nothing but the first in a VMA. A walk costs the VMAs that
cover the index, mapping or not, until mapcount PTEs were found. Worst case: fork chain of depth d,
all alive: (d+1)(d+2)/2 AVCs; a page left to the last of n children: n + 1 VMAs a walk; with a list,
a VMA cut into n: n VMAs a walk.

Cost: link O(1); fork, split, exit O(k log n) per VMA; walk O(log n + VMAs that cover the index).
With a list O(k) and O(VMAs of the anon_vma).

Sources: R. van Riel, commit 5beb49305251 (2.6.34); interval trees, M. Lespinasse, bf181b9f9d8
(3.7); degree, K. Khlebnikov, 7a3ef208e662 (3.19); counters, 2555283eb40d (2022); mm/rmap.c of Linux
2.6.39 and 6.1 - 6.19 (anon_vma_prepare, anon_vma_clone, anon_vma_fork, unlink_anon_vmas).
"""

from __future__ import annotations

from reclaim.api import (
    BY_COUNTERS,
    BY_DEGREE,
    DIRTY,
    HAS_SLOT,
    LOCKS,
    NIL,
    NOBODY,
    SPACE_NR_VMAS,
    SPACE_WORDS,
    TRYLOCKS,
    UNLIMITED,
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

RULES = {"none": NOBODY, "degree": BY_DEGREE, "counters": BY_COUNTERS}
# Bytes of an anon_vma, 32-bit and 64-bit. A list: 2.6.39 (spinlock); a tree: 3.7 (mutex), 3.19
# (rwsem, degree, parent) and 6.12 (rb_root_cached). Other pairs were in no kernel: reckoned.
ANON_VMA_BYTES = {
    ("list", "none"): (20, 32),
    ("list", "degree"): (28, 48),
    ("list", "counters"): (32, 56),
    ("tree", "none"): (32, 56),
    ("tree", "degree"): (44, 72),
    ("tree", "counters"): (52, 96),
}


class AnonVmaChain(RmapStrategy):
    """The groups of anonymous VMAs; files keep theirs in their own rows."""

    name = "anon_vma_chain"
    summary = "a page names an anon_vma, whose interval tree names the VMAs that may map it"
    source = "Linux 2.6.34 - 6.19, mm/rmap.c"
    params = {
        "index": Param(
            str, "tree", choices=("tree", "list"), text="what an anon_vma keeps its VMAs in"
        ),
        "reuse": Param(
            str, "counters", choices=tuple(RULES), text="how fork knows an abandoned anon_vma"
        ),
        "early_exit": Param(
            bool, True, text="stop a walk when as many PTEs were found as the frame has mappings"
        ),
    }
    presets = {
        "linux-2.6.34": {"index": "list", "reuse": "none"},
        "linux-3.7": {"index": "tree", "reuse": "none"},
        "linux-3.19": {"index": "tree", "reuse": "degree"},
        "linux-6.12": {"index": "tree", "reuse": "counters"},
    }
    growth = {
        "fork": (0, 1),
        "exit": (0, 1),
        "walk_shared": (1, 1),
        "walk_own": (0, 0),
        "objects": (1, 2),
    }

    groups: AnonVmas
    early_exit: bool

    @classmethod
    def new(cls, index, reuse, early_exit):
        groups = AnonVmas.empty(listed=index == "list", adopts=RULES[reuse])
        return cls(groups=groups, early_exit=early_exit)

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
            if self.groups.adopts != BY_COUNTERS:  # a swap entry does not know an only holder
                fresh = fresh and (m.pte[U(pte)] & (HAS_SLOT | DIRTY)) != HAS_SLOT
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
        tries = not visitor.UNMAPS and self.groups.adopts == BY_COUNTERS
        count(m, TRYLOCKS if tries else LOCKS, 1)
        limit = mapcount(m, pfn) if self.early_exit else UNLIMITED
        if is_anon(m, page_of(m, pfn)):
            self.groups.walk(m, pfn, visitor, limit)
        else:
            file_tree_walk(m, pfn, visitor, limit)

    def objects(self):
        pools = {"anon_vma_chain": self.groups.avcs, "anon_vma": self.groups.anons}
        return {kind: (pool.live, pool.peak, pool.made) for kind, pool in pools.items()}

    def object_bytes(self, layout):
        narrow = layout == "32-bit"
        index = "list" if self.groups.listed else "tree"
        reuse = next(name for name, rule in RULES.items() if rule == self.groups.adopts)
        chain = {"list": (24, 48), "tree": (32, 64)}[index]
        of_anon_vma = ANON_VMA_BYTES[index, reuse]
        return {"anon_vma_chain": chain[not narrow], "anon_vma": of_anon_vma[not narrow]}

    def slab_bytes(self, layout):
        # An anon_vma may be read after it was freed and has a constructor, so SLUB keeps its free
        # pointer behind it (slabinfo of 6.1 and 6.12: 104, 64; of 2.6.36: 40).
        strides = self.object_bytes(layout)
        strides["anon_vma"] += 4 if layout == "32-bit" else 8
        return {kind: 4096 / (4096 // stride) for kind, stride in strides.items()}

    def fixed_bytes(self, layout):
        # Per VMA: list head and anon_vma pointer, node of the file's tree (or prio_tree).
        return {"vma": 12 + 16 if layout == "32-bit" else 24 + 32}

    def check(self, m):
        return "; ".join([*wrong_groups(m, self.groups), *wrong_file_trees(m)])


@hookimpl
def reclaim_register_rmaps(register):
    register(AnonVmaChain)
