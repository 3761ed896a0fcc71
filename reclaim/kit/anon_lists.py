"""anon_vmas as lists of VMAs (Linux 2.6.7 - 2.6.33, mm/rmap.c): a family shares one list.

An *anon_vma* is the head of a list of VMAs that may hold the same anonymous pages. A VMA is on one
such list or on none; fork, split and mremap put the new VMA on the list of the old one. The nodes
lie in VMA rows, behind the node of the file's prio_tree (`reclaim.kit.file_prio`), so no object is
made but the anon_vma. `reclaim.kit.anon_vmas` is what came after.

Join, leave: O(1). A walk: O(VMAs of the list).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reclaim.counters import (
    LOCKS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    count,
)
from reclaim.ids import NIL
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import U, cold
from reclaim.kit.anon_vmas import compatible
from reclaim.kit.checks import living_vmas, mapped_ptes, used_objects
from reclaim.kit.pool import Pool, pool_alloc, pool_free, pool_short
from reclaim.kit.prio_tree import PRIO_WORDS
from reclaim.kit.row_lists import (
    FIRST,
    LINK_WORDS,
    row_list_init,
    row_list_nodes,
    row_list_push_back,
    row_list_push_front,
    row_list_remove,
)
from reclaim.kit.vma_lists import vma_list_walk
from reclaim.rows import VMA_FLAGS, VMA_HAS_ANON, VMA_NEXT, VMA_PREV, VMA_R0, VMA_WORDS
from reclaim.vm.frames import head_of, is_anon, page_of
from reclaim.vm.vma import vma_get, vma_set

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# Words of a VMA's row that are ours: its node on the list, its anon_vma.
V_LINK = VMA_R0 + PRIO_WORDS
V_ANON = V_LINK + LINK_WORDS


class AnonLists(Handle):
    """A pool of list heads; VMAs join in front (`newest_first`) or behind all."""

    anons: Pool
    newest_first: bool

    @classmethod
    def empty(cls, newest_first: bool) -> AnonLists:
        """Make it without any anon_vma."""
        return cls(anons=Pool.new(LINK_WORDS), newest_first=newest_first)

    def short(self, nr: int) -> bool:
        """Tell whether fewer than `nr` anon_vmas are left."""
        return pool_short(self.anons, nr)

    def own(self, m: Machine, vma: int) -> int:
        """Return a VMA's anon_vma, NIL while it has none."""
        return vma_get(m, vma, V_ANON)

    @cold
    def join(self, m: Machine, vma: int, anon: int) -> None:
        """Put a VMA on the list of an anon_vma, if there is one."""
        if anon == NIL:
            return
        count(m, LOCKS, 1)
        count(m, RMAP_LINKS_ADDED, 1)
        vma_set(m, vma, V_ANON, anon)
        node = vma * VMA_WORDS + V_LINK
        if self.newest_first:
            row_list_push_front(m.vma, self.anons.rows, anon * LINK_WORDS, node)
        else:
            row_list_push_back(m.vma, self.anons.rows, anon * LINK_WORDS, node)

    @cold
    def leave(self, m: Machine, vma: int) -> None:
        """Take a VMA off its list; the last one frees the anon_vma."""
        anon = self.own(m, vma)
        if anon == NIL:
            return
        count(m, LOCKS, 1)
        count(m, RMAP_LINKS_REMOVED, 1)
        row_list_remove(m.vma, self.anons.rows, anon * LINK_WORDS, vma * VMA_WORDS + V_LINK)
        if self.anons.rows[U(anon * LINK_WORDS + FIRST)] == NIL:
            pool_free(self.anons, anon)
            count(m, RMAP_OBJECTS_FREED, 1)

    @cold
    def prepare(self, m: Machine, vma: int) -> None:
        """Give a VMA an anon_vma before its first anonymous page: a neighbour's, or a new one."""
        if self.own(m, vma) != NIL:
            return
        after, before = vma_get(m, vma, VMA_NEXT), vma_get(m, vma, VMA_PREV)
        anon = NIL
        if compatible(m, vma, after):
            anon = self.own(m, after)
        if anon == NIL and compatible(m, before, vma):
            anon = self.own(m, before)
        if anon == NIL:
            anon = pool_alloc(self.anons)
            count(m, RMAP_OBJECTS_ALLOCATED, 1)
            row_list_init(self.anons.rows, anon * LINK_WORDS)
        self.join(m, vma, anon)

    def may_merge(self, m: Machine, left: int, right: int) -> bool:
        """Tell whether VMAs may merge: one has no anon_vma, or both have the same."""
        a, b = self.own(m, left), self.own(m, right)
        return a == NIL or b == NIL or a == b

    @cold
    def walk(self, m: Machine, pfn: int, visitor: Any, limit: int) -> None:
        """Walk the list that a frame's word names until `limit` PTEs were found."""
        first = self.anons.rows[U(head_of(m, pfn) * LINK_WORDS + FIRST)]
        vma_list_walk(m, pfn, first, visitor, limit)


def wrong_anon_lists(m: Machine, lists: AnonLists) -> list[str]:
    """Return how lists differ from what VMAs and frames say. Plain Python, for checks."""
    wrong = []
    anon_of = {vma: int(lists.own(m, vma)) for vma in living_vmas(m)}
    on_lists = [
        (node // VMA_WORDS, anon)
        for anon in used_objects(lists.anons)
        for node in row_list_nodes(m.vma, lists.anons.rows, anon * LINK_WORDS)
    ]
    if sorted(on_lists) != sorted(pair for pair in anon_of.items() if pair[1] != NIL):
        wrong.append(f"VMAs are on the lists of anon_vmas as {on_lists}, they say {anon_of}")
    if len({anon for _, anon in on_lists}) != lists.anons.live:
        wrong.append(f"{lists.anons.live} anon_vmas are in use, some with an empty list")
    for vma, anon in anon_of.items():
        if (anon != NIL) != ((vma_get(m, vma, VMA_FLAGS) & VMA_HAS_ANON) != 0):
            wrong.append(f"VMA {vma} has anon_vma {anon}, its flags say otherwise")
    anonymous = [pfn for pfn in mapped_ptes(m) if is_anon(m, page_of(m, pfn))]
    if lost := [pfn for pfn in anonymous if int(head_of(m, pfn)) not in anon_of.values()]:
        wrong.append(f"frames {lost} name anon_vmas that are gone")
    return wrong
