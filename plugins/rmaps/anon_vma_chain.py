"""anon_vma_chain: a page names the group of VMAs that may map it (Linux 2.6.34 to today; here as 6.x).

::

    page --> anon_vma  <--AVC-->  VMA          an AVC links one anon_vma with one VMA
                       <--AVC-->  VMA
    interval tree of its AVCs, keyed by the VMA's page indices

A page is not linked to its PTEs. It names an anon_vma and an index; a walk asks the anon_vma's interval
tree for the VMAs that cover the index and looks into their page tables. Fork gives the child's VMA an
AVC into each anon_vma of its parent (its old pages are there) and an anon_vma of its own for the pages
it will copy, so that a child's own pages are not looked for in its siblings, which is what the single
list of 2.6.7 made of AIM7. An abandoned ancestor (no active VMA, fewer than two children) is adopted
instead, or the chain of a process that forks and exits for ever would grow for ever (num_children,
num_active_vmas: commit 2555283eb40d, 2022).

Placement: a fresh private page goes to its VMA's own anon_vma; a page that others may hold (read back
from swap while shared) to the *root*, which no sharer outlives; a page reused by its only sharer moves to the VMA's
own. Files: the VMAs of a file hang in the interval tree of its mapping (i_mmap).

Who pays when: fork, k + 1 AVCs for a VMA with chain length k; split, k; exit, k tree removals; resize,
all of them again. Faults pay nothing but the first in a VMA. A walk costs the VMAs that cover the index,
mapping or not, until mapcount PTEs were found. Worst case: fork chain of depth d, all alive: (d+1)(d+2)/2
AVCs; a page left to the last of n children: n + 1 VMAs a walk.

Cost: link O(1); fork, split, exit O(k log n) per VMA; walk O(log n + VMAs that cover the index).

Sources: R. van Riel, commit 5beb49305251 (2.6.34); interval trees, M. Lespinasse, bf181b9f9d8 (3.7);
mm/rmap.c of Linux 6.1 - 6.19 (anon_vma_prepare, anon_vma_clone, anon_vma_fork, unlink_anon_vmas).
"""

from __future__ import annotations

from reclaim.api import (
    FILE_R0,
    FILE_WORDS,
    LOCKS,
    NIL,
    NODE_HIGH,
    NODE_LOW,
    NODE_WORDS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    RMAP_TREE_STEPS,
    RMAP_VMAS_VISITED,
    SPACE_NR_VMAS,
    SPACE_R0,
    SPACE_WORDS,
    STOP,
    TRYLOCKS,
    COUNTERS,
    VMA_FILE,
    VMA_FLAGS,
    VMA_LAST,
    VMA_NEXT,
    VMA_PGOFF,
    VMA_PREV,
    VMA_R0,
    VMA_SPACE,
    VMA_START,
    VMA_WORDS,
    Param,
    Pool,
    RmapStrategy,
    U,
    cold,
    count,
    file_of,
    find_pte,
    head_of,
    hookimpl,
    index_of,
    is_anon,
    kernel,
    mapcount,
    maps,
    page_of,
    pool_alloc,
    pool_free,
    pool_short,
    set_head,
    tree_first,
    tree_insert,
    tree_insert_after,
    tree_next,
    tree_remove,
    vma_get,
    vma_index,
    vma_set,
    vma_vpn,
)

# Words of a VMA's row that are ours: a node of the file's tree, and the chain.
V_NODE, V_NEWEST, V_OLDEST, V_ANON, V_NR = (VMA_R0 + n for n in (0, 6, 7, 8, 9))
# An AVC: its VMA and anon_vma, its neighbours in the VMA's chain, a node of the anon_vma's tree.
A_VMA, A_ANON, A_OLDER, A_NEWER, A_NODE, A_WORDS = 0, 1, 2, 3, 4, 4 + NODE_WORDS
# An anon_vma.
ROOT, PARENT, CHILDREN, ACTIVE, TREE, REFS, ANON_WORDS = range(7)
MERGEABLE = ~(7 | 32)
"""VMA flags that neighbours must share to share an anon_vma: all but protection and HAS_ANON."""


@kernel
def compatible(m, left, right):
    """Tell whether two VMAs lie so that one could have been cut from the other."""
    if left == NIL or right == NIL:
        return False
    if vma_get(m, left, VMA_LAST) + 1 != vma_get(m, right, VMA_START):
        return False
    if vma_get(m, left, VMA_FILE) != vma_get(m, right, VMA_FILE):
        return False
    if ((vma_get(m, left, VMA_FLAGS) ^ vma_get(m, right, VMA_FLAGS)) & MERGEABLE) != 0:
        return False
    return vma_index(m, left, vma_get(m, right, VMA_START)) == vma_get(m, right, VMA_PGOFF)


@kernel
def set_interval(m, rows, node, vma):
    """Key a tree node by the page indices of a VMA."""
    first = vma_get(m, vma, VMA_PGOFF)
    rows[U(node + NODE_LOW)] = first
    rows[U(node + NODE_HIGH)] = first + vma_get(m, vma, VMA_LAST) - vma_get(m, vma, VMA_START)


class AnonVmaChain(RmapStrategy):
    """Two pools, AVCs and anon_vmas; the rest lies in VMA, file and space rows."""

    name = "anon_vma_chain"
    summary = "a page names an anon_vma, whose interval tree names the VMAs that may map it"
    source = "Linux 6.1 - 6.19, mm/rmap.c"
    params = {
        "early_exit": Param(
            bool, True, text="stop a walk when as many PTEs were found as the frame has mappings"
        ),
    }

    avcs: Pool
    anons: Pool
    early_exit: bool

    @classmethod
    def new(cls, early_exit):
        return cls(avcs=Pool.new(A_WORDS), anons=Pool.new(ANON_WORDS), early_exit=early_exit)

    def short(self, m, nr):
        return pool_short(self.avcs, nr) or pool_short(self.anons, nr)

    def room(self, m, space, nr_ptes, forks):
        # A fork clones every chain and adds one; a split or move of the event clones a part.
        nr_avcs = m.space[U(space * SPACE_WORDS + SPACE_R0)]
        return 2 * nr_avcs + m.space[U(space * SPACE_WORDS + SPACE_NR_VMAS)] + 8

    # ---- anon_vmas and AVCs ---------------------------------------------------------------------

    @cold
    def _new_anon(self, m, parent):
        anon = pool_alloc(self.anons)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        row = anon * self.anons.width
        rows = self.anons.rows
        rows[U(row + ROOT)] = anon if parent == NIL else self._root(parent)
        rows[U(row + PARENT)] = anon if parent == NIL else parent
        rows[U(row + CHILDREN)] = 1 if parent == NIL else 0  # a root is its own child
        rows[U(row + ACTIVE)] = 0
        rows[U(row + TREE)] = NIL
        rows[U(row + REFS)] = 1
        if parent != NIL:
            self._add(rows[U(row + ROOT)], REFS, 1)
            self._add(parent, CHILDREN, 1)
        return anon

    def _root(self, anon):
        return self.anons.rows[U(anon * self.anons.width + ROOT)]

    def _add(self, anon, column, n):
        self.anons.rows[U(anon * self.anons.width + column)] += n
        return self.anons.rows[U(anon * self.anons.width + column)]

    @cold
    def _put(self, m, anon):
        """Drop a reference; the last frees the anon_vma and lets go of its root."""
        while self._add(anon, REFS, -1) == 0:
            root = self._root(anon)
            pool_free(self.anons, anon)
            count(m, RMAP_OBJECTS_FREED, 1)
            if root == anon:
                return
            anon = root

    @cold
    def _index(self, m, avc):
        """Put an AVC into its anon_vma's tree, keyed by its VMA as it is now."""
        rows = self.avcs.rows
        row = avc * self.avcs.width
        set_interval(m, rows, row + A_NODE, rows[U(row + A_VMA)])
        root = rows[U(row + A_ANON)] * self.anons.width + TREE
        tree_insert(rows, self.anons.rows, root, row + A_NODE)

    @cold
    def _unindex(self, avc):
        rows = self.avcs.rows
        row = avc * self.avcs.width
        root = rows[U(row + A_ANON)] * self.anons.width + TREE
        tree_remove(rows, self.anons.rows, root, row + A_NODE)

    @cold
    def _chain(self, m, vma, anon):
        """Link a VMA with an anon_vma, as the newest of its chain."""
        avc = pool_alloc(self.avcs)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        count(m, RMAP_LINKS_ADDED, 1)
        rows = self.avcs.rows
        row = avc * self.avcs.width
        newest = vma_get(m, vma, V_NEWEST)
        rows[U(row + A_VMA)] = vma
        rows[U(row + A_ANON)] = anon
        rows[U(row + A_OLDER)] = newest
        rows[U(row + A_NEWER)] = NIL
        if newest == NIL:
            vma_set(m, vma, V_OLDEST, avc)
            vma_set(m, vma, V_NR, 0)
        else:
            rows[U(newest * self.avcs.width + A_NEWER)] = avc
        vma_set(m, vma, V_NEWEST, avc)
        vma_set(m, vma, V_NR, vma_get(m, vma, V_NR) + 1)
        m.space[U(vma_get(m, vma, VMA_SPACE) * SPACE_WORDS + SPACE_R0)] += 1
        self._index(m, avc)

    @cold
    def _clone(self, m, source, target):
        """Give a VMA the chain of another, oldest first; one without an anon_vma may adopt one."""
        count(m, LOCKS, 1)
        rows = self.avcs.rows
        avc = vma_get(m, source, V_OLDEST)
        while avc != NIL:
            anon = rows[U(avc * self.avcs.width + A_ANON)]
            self._chain(m, target, anon)
            if vma_get(m, target, V_ANON) == NIL:
                if self._add(anon, CHILDREN, 0) < 2 and self._add(anon, ACTIVE, 0) == 0:
                    vma_set(m, target, V_ANON, anon)
            avc = rows[U(avc * self.avcs.width + A_NEWER)]
        if vma_get(m, target, V_ANON) != NIL:
            self._add(vma_get(m, target, V_ANON), ACTIVE, 1)

    @cold
    def _drop_avc(self, m, avc):
        pool_free(self.avcs, avc)
        count(m, RMAP_OBJECTS_FREED, 1)
        count(m, RMAP_LINKS_REMOVED, 1)

    @cold
    def _unlink_all(self, m, vma):
        """Unlink a VMA from all its anon_vmas, newest first; those left empty go in a second pass."""
        own = vma_get(m, vma, V_ANON)
        if own == NIL:
            return
        count(m, LOCKS, 1)
        rows = self.avcs.rows
        width = self.avcs.width
        avc = vma_get(m, vma, V_NEWEST)
        emptied = NIL  # AVCs of emptied anon_vmas, linked through A_NEWER, last first
        last = NIL
        while avc != NIL:
            older = rows[U(avc * width + A_OLDER)]
            anon = rows[U(avc * width + A_ANON)]
            self._unindex(avc)
            if self.anons.rows[U(anon * self.anons.width + TREE)] == NIL:
                parent = self.anons.rows[U(anon * self.anons.width + PARENT)]
                self._add(parent, CHILDREN, -1)
                rows[U(avc * width + A_NEWER)] = NIL
                if last == NIL:
                    emptied = avc
                else:
                    rows[U(last * width + A_NEWER)] = avc
                last = avc
            else:
                self._drop_avc(m, avc)
            avc = older
        self._add(own, ACTIVE, -1)
        while emptied != NIL:
            avc = emptied
            emptied = rows[U(avc * width + A_NEWER)]
            self._put(m, rows[U(avc * width + A_ANON)])
            self._drop_avc(m, avc)
        nr = vma_get(m, vma, V_NR)
        m.space[U(vma_get(m, vma, VMA_SPACE) * SPACE_WORDS + SPACE_R0)] -= nr
        vma_set(m, vma, V_ANON, NIL)
        vma_set(m, vma, V_NEWEST, NIL)
        vma_set(m, vma, V_OLDEST, NIL)

    # ---- PTEs -----------------------------------------------------------------------------------

    @cold
    def prepare(self, m, vma):
        if vma_get(m, vma, V_ANON) != NIL:
            return
        after, before = vma_get(m, vma, VMA_NEXT), vma_get(m, vma, VMA_PREV)
        anon = NIL
        if compatible(m, vma, after):
            anon = self._lone_anon(m, after)
        if anon == NIL and compatible(m, before, vma):
            anon = self._lone_anon(m, before)
        if anon == NIL:
            anon = self._new_anon(m, NIL)
        vma_set(m, vma, V_ANON, anon)
        self._chain(m, vma, anon)
        self._add(anon, ACTIVE, 1)

    def _lone_anon(self, m, vma):
        """Return the anon_vma of a VMA whose chain has exactly one link, NIL otherwise."""
        anon = vma_get(m, vma, V_ANON)
        return anon if anon != NIL and vma_get(m, vma, V_NR) == 1 else NIL

    def link(self, m, pfn, pte, vma, fresh):
        if head_of(m, pfn) == NIL and is_anon(m, page_of(m, pfn)):
            own = vma_get(m, vma, V_ANON)
            set_head(m, pfn, own if fresh else self._root(own))

    def reuse(self, m, pfn, pte, vma):
        set_head(m, pfn, vma_get(m, vma, V_ANON))

    # ---- VMAs -----------------------------------------------------------------------------------

    @cold
    def _index_file(self, m, vma, behind):
        """Put a file's VMA into the file's tree; a fork's child right behind its parent."""
        file = vma_get(m, vma, VMA_FILE)
        if file == NIL:
            return
        node = vma * VMA_WORDS + V_NODE
        root = file * FILE_WORDS + FILE_R0
        set_interval(m, m.vma, node, vma)
        count(m, LOCKS, 1)
        if behind == NIL:
            tree_insert(m.vma, m.file, root, node)
        else:
            tree_insert_after(m.vma, m.file, root, behind * VMA_WORDS + V_NODE, node)

    @cold
    def _unindex_file(self, m, vma):
        file = vma_get(m, vma, VMA_FILE)
        if file != NIL:
            count(m, LOCKS, 1)
            tree_remove(m.vma, m.file, file * FILE_WORDS + FILE_R0, vma * VMA_WORDS + V_NODE)

    def vma_map(self, m, vma):
        self._index_file(m, vma, NIL)

    @cold
    def vma_fork(self, m, parent, child):
        self._index_file(m, child, parent)
        above = vma_get(m, parent, V_ANON)
        if above == NIL:
            return
        self._clone(m, parent, child)
        if vma_get(m, child, V_ANON) == NIL:
            anon = self._new_anon(m, above)
            vma_set(m, child, V_ANON, anon)
            self._chain(m, child, anon)
            self._add(anon, ACTIVE, 1)

    @cold
    def vma_copy(self, m, vma, copy):
        self._index_file(m, copy, NIL)
        if vma_get(m, vma, V_ANON) != NIL:
            vma_set(m, copy, V_ANON, vma_get(m, vma, V_ANON))
            self._clone(m, vma, copy)

    @cold
    def vma_unmap(self, m, vma):
        self._unlink_all(m, vma)
        self._unindex_file(m, vma)

    @cold
    def vma_resize_begin(self, m, vma):
        self._unindex_file(m, vma)
        avc = vma_get(m, vma, V_NEWEST)
        while avc != NIL:
            self._unindex(avc)
            avc = self.avcs.rows[U(avc * self.avcs.width + A_OLDER)]

    @cold
    def vma_resize_end(self, m, vma):
        self._index_file(m, vma, NIL)
        avc = vma_get(m, vma, V_NEWEST)
        while avc != NIL:
            self._index(m, avc)
            avc = self.avcs.rows[U(avc * self.avcs.width + A_OLDER)]

    @cold
    def may_merge(self, m, left, right):
        a, b = vma_get(m, left, V_ANON), vma_get(m, right, V_ANON)
        if a == b:
            return True
        if a != NIL and b != NIL:
            return False
        return vma_get(m, left if b == NIL else right, V_NR) == 1

    @cold
    def vma_merge(self, m, left, right):
        if vma_get(m, left, V_ANON) == NIL and vma_get(m, right, V_ANON) != NIL:
            vma_set(m, left, V_ANON, vma_get(m, right, V_ANON))
            self._clone(m, right, left)
        self.vma_unmap(m, right)

    # ---- the walk -------------------------------------------------------------------------------

    def _look(self, m, pfn, vma, index, visitor):
        """Look into the page table of one VMA; 1 if it maps the frame, -1 to stop."""
        count(m, RMAP_VMAS_VISITED, 1)
        count(m, LOCKS, 1)
        pte = find_pte(m, vma_get(m, vma, VMA_SPACE), vma_vpn(m, vma, index))
        if not maps(m, pte, pfn):
            return 0
        return -1 if visitor.visit(m, pte) == STOP else 1

    @cold
    def _walk_anon(self, m, pfn, index, visitor):
        left = mapcount(m, pfn) if self.early_exit else 1 << 40
        rows = self.avcs.rows
        top = self.anons.rows[U(head_of(m, pfn) * self.anons.width + TREE)]
        steps = m.live[U(COUNTERS)] + RMAP_TREE_STEPS
        node = tree_first(rows, top, index, index, m.counters, steps)
        while node != NIL and left > 0:
            found = self._look(m, pfn, rows[U(node - A_NODE + A_VMA)], index, visitor)
            if found < 0:
                return
            left -= found
            node = tree_next(rows, node, index, index, m.counters, steps)

    @cold
    def _walk_file(self, m, pfn, file, index, visitor):
        left = mapcount(m, pfn) if self.early_exit else 1 << 40
        top = m.file[U(file * FILE_WORDS + FILE_R0)]
        steps = m.live[U(COUNTERS)] + RMAP_TREE_STEPS
        node = tree_first(m.vma, top, index, index, m.counters, steps)
        while node != NIL and left > 0:
            found = self._look(m, pfn, (node - V_NODE) // VMA_WORDS, index, visitor)
            if found < 0:
                return
            left -= found
            node = tree_next(m.vma, node, index, index, m.counters, steps)

    def walk(self, m, pfn, visitor):
        count(m, LOCKS if visitor.UNMAPS else TRYLOCKS, 1)
        page = page_of(m, pfn)
        if is_anon(m, page):
            self._walk_anon(m, pfn, index_of(m, page), visitor)
        else:
            self._walk_file(m, pfn, file_of(m, page), index_of(m, page), visitor)

    # ---- Python ---------------------------------------------------------------------------------

    def objects(self):
        pools = {"anon_vma_chain": self.avcs, "anon_vma": self.anons}
        return {kind: (pool.live, pool.peak, pool.made) for kind, pool in pools.items()}

    def object_bytes(self, layout):
        if layout == "32-bit":
            return {"anon_vma_chain": 32, "anon_vma": 52}
        return {"anon_vma_chain": 64, "anon_vma": 96}

    def fixed_bytes(self, layout):
        # Per VMA: list head and anon_vma pointer, rb_node and subtree_last of the file's tree.
        return {"vma": 12 + 16 if layout == "32-bit" else 24 + 32}


@hookimpl
def reclaim_register_rmaps(register):
    register(AnonVmaChain)
