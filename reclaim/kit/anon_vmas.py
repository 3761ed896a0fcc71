"""anon_vmas and the chains that link them with VMAs (Linux 2.6.34 and later, mm/rmap.c).

An *anon_vma* is a group of VMAs that may map the same anonymous pages; an *AVC* (anon_vma_chain)
links one VMA with one anon_vma. A VMA's chain runs from its newest link to its oldest, the root's;
an anon_vma keeps its links in an interval tree keyed by the VMAs' page indices (3.7), or, *listed*,
in a list, each new one behind all others (before).

The functions are the kernel's, by name: prepare, clone, fork, unlink. Fork may *adopt* an abandoned
ancestor. BY_COUNTERS (commit 2555283eb40d, 2022) that is one with fewer than two children and no
active VMA; BY_DEGREE (7a3ef208e662, 3.19) any but the parent VMA's own whose children and active
VMAs together are fewer than two; before, NOBODY. A root is its own child, so it is never adopted
while it lives.

BY_DEGREE an anon_vma can be adopted twice, and then VMAs with one anon_vma may have unequal chains.
The kernel would merge such VMAs and lose pages; here they stay apart.

Locks: of a tree, the root's once for each VMA; of a list, the anon_vma's own for each link put in
or taken out (2.6.34 - 2.6.39).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reclaim.counters import (
    LOCKS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    RMAP_TREE_STEPS,
    RMAP_VMAS_VISITED,
    count,
)
from reclaim.ids import NIL
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import U, cold, kernel
from reclaim.kit.file_tree import look_into, set_interval
from reclaim.kit.pool import Pool, pool_alloc, pool_free, pool_short
from reclaim.kit.row_lists import NEXT, row_list_init, row_list_push_back, row_list_remove
from reclaim.kit.tree import tree_first, tree_insert, tree_next, tree_remove
from reclaim.rows import (
    COUNTERS,
    NODE_WORDS,
    SPACE_R0,
    SPACE_WORDS,
    VMA_FILE,
    VMA_FLAGS,
    VMA_HAS_ANON,
    VMA_LAST,
    VMA_NEXT,
    VMA_PGOFF,
    VMA_PREV,
    VMA_R0,
    VMA_SPACE,
    VMA_START,
)
from reclaim.vm.frames import head_of, index_of, page_of
from reclaim.vm.vma import vma_get, vma_index, vma_set, vma_vpn

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# Words of a VMA's row that are ours.
V_NEWEST, V_OLDEST, V_ANON, V_NR = (VMA_R0 + NODE_WORDS + n for n in range(4))
# An AVC: its VMA and anon_vma, its neighbours in the VMA's chain, a node of the anon_vma's index.
A_VMA, A_ANON, A_OLDER, A_NEWER, A_NODE, A_WORDS = 0, 1, 2, 3, 4, 4 + NODE_WORDS
# An anon_vma; its index is a tree's root, or a list's two ends. Empty if the first word is NIL.
ROOT, PARENT, CHILDREN, ACTIVE, REFS, INDEX, ANON_WORDS = 0, 1, 2, 3, 4, 5, 7
NOBODY, BY_DEGREE, BY_COUNTERS = range(3)
"""Whom fork may adopt: nobody, or by which count."""
MERGEABLE = ~(7 | VMA_HAS_ANON)
"""VMA flags that neighbours must share to share an anon_vma: all but protection and HAS_ANON."""


@kernel
def compatible(m: Machine, left: int, right: int) -> bool:
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


class AnonVmas(Handle):
    """Two pools; the rest lies in VMA and space rows. One per strategy, behind the file's tree
    node.

    The first of the strategy's words of a space counts its AVCs.
    """

    avcs: Pool
    anons: Pool
    listed: bool
    adopts: int

    @classmethod
    def empty(cls, *, listed: bool = False, adopts: int = BY_COUNTERS) -> AnonVmas:
        """Make it without any group.

        Parameters
        ----------
        listed : bool
            Whether an anon_vma keeps its links in a list instead of a tree.
        adopts : int
            NOBODY, BY_DEGREE or BY_COUNTERS.
        """
        avcs, anons = Pool.new(A_WORDS), Pool.new(ANON_WORDS)
        return cls(avcs=avcs, anons=anons, listed=listed, adopts=adopts)

    def short(self, nr: int) -> bool:
        """Tell whether fewer than `nr` AVCs or anon_vmas are left."""
        return pool_short(self.avcs, nr) or pool_short(self.anons, nr)

    def nr_links(self, m: Machine, space: int) -> int:
        """Return how many AVCs the VMAs of a space have."""
        return m.space[U(space * SPACE_WORDS + SPACE_R0)]

    def own(self, m: Machine, vma: int) -> int:
        """Return a VMA's own anon_vma, NIL while it has none."""
        return vma_get(m, vma, V_ANON)

    @cold
    def _new_anon(self, m: Machine, parent: int) -> int:
        anon = pool_alloc(self.anons)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        row = anon * self.anons.width
        rows = self.anons.rows
        rows[U(row + ROOT)] = anon if parent == NIL else self.root(parent)
        rows[U(row + PARENT)] = anon if parent == NIL else parent
        rows[U(row + CHILDREN)] = 1 if parent == NIL else 0  # a root is its own child
        rows[U(row + ACTIVE)] = 0
        rows[U(row + REFS)] = 1
        row_list_init(rows, row + INDEX)
        if parent != NIL:
            self._add(rows[U(row + ROOT)], REFS, 1)
            self._add(parent, CHILDREN, 1)
        return anon

    def root(self, anon: int) -> int:
        """Return the root of an anon_vma's family."""
        return self.anons.rows[U(anon * self.anons.width + ROOT)]

    def _add(self, anon: int, column: int, n: int) -> int:
        self.anons.rows[U(anon * self.anons.width + column)] += n
        return self.anons.rows[U(anon * self.anons.width + column)]

    @cold
    def _put(self, m: Machine, anon: int) -> None:
        """Drop a reference; the last frees the anon_vma and lets go of its root."""
        while self._add(anon, REFS, -1) == 0:
            root = self.root(anon)
            pool_free(self.anons, anon)
            count(m, RMAP_OBJECTS_FREED, 1)
            if root == anon:
                return
            anon = root

    @cold
    def _index(self, m: Machine, avc: int) -> None:
        """Put an AVC into its anon_vma's tree, keyed by its VMA as it is now, or its list."""
        rows = self.avcs.rows
        row = avc * self.avcs.width
        index = rows[U(row + A_ANON)] * self.anons.width + INDEX
        if self.listed:
            count(m, LOCKS, 1)
            row_list_push_back(rows, self.anons.rows, index, row + A_NODE)
        else:
            set_interval(m, rows, row + A_NODE, rows[U(row + A_VMA)])
            tree_insert(rows, self.anons.rows, index, row + A_NODE)

    @cold
    def _unindex(self, m: Machine, avc: int) -> None:
        rows = self.avcs.rows
        row = avc * self.avcs.width
        index = rows[U(row + A_ANON)] * self.anons.width + INDEX
        if self.listed:
            count(m, LOCKS, 1)
            row_list_remove(rows, self.anons.rows, index, row + A_NODE)
        else:
            tree_remove(rows, self.anons.rows, index, row + A_NODE)

    def _lock_root(self, m: Machine) -> None:
        """Lock a VMA's whole family; a list has its locks taken link by link."""
        count(m, LOCKS, 0 if self.listed else 1)

    def _adoptable(self, anon: int, above: int) -> bool:
        """Tell whether an ancestor is abandoned, so that a child of `above`'s VMA may have it."""
        row = anon * self.anons.width
        children = self.anons.rows[U(row + CHILDREN)]
        active = self.anons.rows[U(row + ACTIVE)]
        if self.adopts == BY_COUNTERS:
            return children < 2 and active == 0
        return self.adopts == BY_DEGREE and anon != above and children + active < 2

    @cold
    def _chain(self, m: Machine, vma: int, anon: int) -> None:
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
    def clone(self, m: Machine, source: int, target: int) -> None:
        """Give a VMA the chain of another, oldest first; one without an anon_vma may adopt one."""
        self._lock_root(m)
        rows = self.avcs.rows
        avc = vma_get(m, source, V_OLDEST)
        while avc != NIL:
            anon = rows[U(avc * self.avcs.width + A_ANON)]
            self._chain(m, target, anon)
            if vma_get(m, target, V_ANON) == NIL:
                if self._adoptable(anon, vma_get(m, source, V_ANON)):
                    vma_set(m, target, V_ANON, anon)
            avc = rows[U(avc * self.avcs.width + A_NEWER)]
        if vma_get(m, target, V_ANON) != NIL:
            self._add(vma_get(m, target, V_ANON), ACTIVE, 1)

    @cold
    def _drop_avc(self, m: Machine, avc: int) -> None:
        pool_free(self.avcs, avc)
        count(m, RMAP_OBJECTS_FREED, 1)
        count(m, RMAP_LINKS_REMOVED, 1)

    @cold
    def unlink(self, m: Machine, vma: int) -> None:
        """Unlink a VMA from all its groups, newest first; those left empty go in a second pass."""
        own = vma_get(m, vma, V_ANON)
        if own == NIL:
            return
        self._lock_root(m)
        rows = self.avcs.rows
        width = self.avcs.width
        avc = vma_get(m, vma, V_NEWEST)
        emptied = NIL  # AVCs of emptied anon_vmas, linked through A_NEWER, last first
        last = NIL
        while avc != NIL:
            older = rows[U(avc * width + A_OLDER)]
            anon = rows[U(avc * width + A_ANON)]
            self._unindex(m, avc)
            if self.anons.rows[U(anon * self.anons.width + INDEX)] == NIL:
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

    @cold
    def prepare(self, m: Machine, vma: int) -> None:
        """Give a VMA an anon_vma before its first anonymous page: a neighbour's, or a new root."""
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

    def _lone_anon(self, m: Machine, vma: int) -> int:
        """Return the anon_vma of a VMA whose chain has exactly one link, NIL otherwise."""
        anon = vma_get(m, vma, V_ANON)
        return anon if anon != NIL and vma_get(m, vma, V_NR) == 1 else NIL

    @cold
    def fork(self, m: Machine, parent: int, child: int) -> None:
        """Link a fork's child with all groups of its parent, and with one of its own."""
        above = vma_get(m, parent, V_ANON)
        if above == NIL:
            return
        self.clone(m, parent, child)
        if vma_get(m, child, V_ANON) == NIL:
            anon = self._new_anon(m, above)
            vma_set(m, child, V_ANON, anon)
            self._chain(m, child, anon)
            self._add(anon, ACTIVE, 1)

    @cold
    def copy(self, m: Machine, vma: int, copy: int) -> None:
        """Link the second VMA of a split or mremap with all groups of the first."""
        if vma_get(m, vma, V_ANON) != NIL:
            vma_set(m, copy, V_ANON, vma_get(m, vma, V_ANON))
            self.clone(m, vma, copy)

    @cold
    def unindex_all(self, m: Machine, vma: int) -> None:
        """Take a VMA out of all trees, since its range is about to change; lists have no keys."""
        avc = NIL if self.listed else vma_get(m, vma, V_NEWEST)
        while avc != NIL:
            self._unindex(m, avc)
            avc = self.avcs.rows[U(avc * self.avcs.width + A_OLDER)]

    @cold
    def index_all(self, m: Machine, vma: int) -> None:
        """Put a VMA back into all trees, newest link first."""
        avc = NIL if self.listed else vma_get(m, vma, V_NEWEST)
        while avc != NIL:
            self._index(m, avc)
            avc = self.avcs.rows[U(avc * self.avcs.width + A_OLDER)]

    def may_merge(self, m: Machine, left: int, right: int) -> bool:
        """Tell whether VMAs may merge: same group, or one has none and the other a single link."""
        a, b = vma_get(m, left, V_ANON), vma_get(m, right, V_ANON)
        if a == b:
            return self.adopts != BY_DEGREE or self._alike(m, left, right)
        if a != NIL and b != NIL:
            return False
        return vma_get(m, left if b == NIL else right, V_NR) == 1

    @cold
    def _alike(self, m: Machine, left: int, right: int) -> bool:
        """Tell whether two VMAs have equal chains."""
        rows = self.avcs.rows
        width = self.avcs.width
        a, b = vma_get(m, left, V_NEWEST), vma_get(m, right, V_NEWEST)
        while a != NIL and b != NIL:
            if rows[U(a * width + A_ANON)] != rows[U(b * width + A_ANON)]:
                return False
            a, b = rows[U(a * width + A_OLDER)], rows[U(b * width + A_OLDER)]
        return a == b

    @cold
    def merge(self, m: Machine, left: int, right: int) -> None:
        """Let the left VMA take over the right one's groups, before the right one goes."""
        if vma_get(m, left, V_ANON) == NIL and vma_get(m, right, V_ANON) != NIL:
            vma_set(m, left, V_ANON, vma_get(m, right, V_ANON))
            self.clone(m, right, left)
        self.unlink(m, right)

    @cold
    def walk(self, m: Machine, pfn: int, visitor: Any, limit: int) -> None:
        """Walk a frame's group until `limit` PTEs were found: the VMAs of a tree that cover its
        page; of a list, every VMA, but only those have a PTE to look at.
        """
        index = index_of(m, page_of(m, pfn))
        rows = self.avcs.rows
        node = self.anons.rows[U(head_of(m, pfn) * self.anons.width + INDEX)]
        steps = m.live[U(COUNTERS)] + RMAP_TREE_STEPS
        if not self.listed:
            node = tree_first(rows, node, index, index, m.counters, steps)
        while node != NIL and limit > 0:
            vma = rows[U(node - A_NODE + A_VMA)]
            if self.listed and vma_vpn(m, vma, index) == NIL:
                count(m, RMAP_VMAS_VISITED, 1)
            else:
                found = look_into(m, pfn, vma, index, visitor)
                if found < 0:
                    return
                limit -= found
            if self.listed:
                node = rows[U(node + NEXT)]
            else:
                node = tree_next(rows, node, index, index, m.counters, steps)
