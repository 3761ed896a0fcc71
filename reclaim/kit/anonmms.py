"""anonmms: one object for each process, in groups of processes that descend from one exec.

After Hugh Dickins' "rmap 10" of May 2004. A page names an anonmm and a virtual address, both in the
strategy's word of its frame. An anonmm outlives its process while pages name it; a group's head,
which is its first member, outlives all others. So a reference is held by the living mm, by each
page that names the anonmm, and by each other member of the group that it heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reclaim.counters import (
    LOCKS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    RMAP_VMAS_VISITED,
    TRYLOCKS,
    count,
)
from reclaim.ids import NIL, VPN_BITS
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import U, cold
from reclaim.kit.checks import mapped_ptes, used_objects
from reclaim.kit.pool import Pool, pool_alloc, pool_free
from reclaim.kit.row_lists import (
    LINK_WORDS,
    row_list_init,
    row_list_nodes,
    row_list_push_back,
    row_list_remove,
)
from reclaim.rows import SPACE_ALIVE, SPACE_NR_PTES, SPACE_R0, SPACE_WORDS
from reclaim.vm.evict import STOP, maps
from reclaim.vm.frames import head_of, is_anon, mapcount, page_of, set_head
from reclaim.vm.pte import pte_space, pte_vpn
from reclaim.vm.tables import find_pte

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

ADDRESS = (1 << VPN_BITS) - 1
"""The bits of a frame's word that are the address; those above are the anonmm."""

# An anonmm: references; its mm, NIL when that has exited; its group's head; its place in the
# group's list; and, in a head, the two ends of that list.
COUNT, MM, HEAD, NODE = 0, 1, 2, 3
MEMBERS = NODE + LINK_WORDS
ANONMM_WORDS = MEMBERS + 2


class AnonMms(Handle):
    """The groups. One per strategy; the first of its words of a space is the space's anonmm."""

    pool: Pool

    @classmethod
    def empty(cls) -> AnonMms:
        """Make it without any group."""
        return cls(pool=Pool.new(ANONMM_WORDS))

    def of(self, m: Machine, space: int) -> int:
        """Return the anonmm of a living space."""
        return m.space[U(space * SPACE_WORDS + SPACE_R0)]

    def head(self, anonmm: int) -> int:
        """Return the head of an anonmm's group."""
        return self._get(anonmm, HEAD)

    def _get(self, anonmm: int, column: int) -> int:
        return self.pool.rows[U(anonmm * self.pool.width + column)]

    def _count(self, anonmm: int, n: int) -> None:
        self.pool.rows[U(anonmm * self.pool.width + COUNT)] += n

    # ---- processes ----------------------------------------------------------------------------

    @cold
    def open(self, m: Machine, space: int, head: int) -> None:
        """Give a space an anonmm: behind all others of a group, or at the head of its own (NIL)."""
        rows, width = self.pool.rows, self.pool.width
        anonmm = pool_alloc(self.pool)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        if head == NIL:
            head = anonmm
            row_list_init(rows, head * width + MEMBERS)
        else:
            self._count(head, 1)
            count(m, RMAP_LINKS_ADDED, 1)
            count(m, LOCKS, 1)
        rows[U(anonmm * width + COUNT)] = 1
        rows[U(anonmm * width + MM)] = space
        rows[U(anonmm * width + HEAD)] = head
        row_list_push_back(rows, rows, head * width + MEMBERS, anonmm * width + NODE)
        m.space[U(space * SPACE_WORDS + SPACE_R0)] = anonmm

    @cold
    def close(self, m: Machine, space: int) -> None:
        """Take the mm from a space's anonmm, which stays while anything refers to it."""
        anonmm = self.of(m, space)
        count(m, LOCKS, 1)
        self.pool.rows[U(anonmm * self.pool.width + MM)] = NIL
        self._put(m, anonmm)

    @cold
    def _put(self, m: Machine, anonmm: int) -> None:
        """Drop a reference; the last frees the anonmm, which lets go of its head."""
        rows, width = self.pool.rows, self.pool.width
        self._count(anonmm, -1)
        while self._get(anonmm, COUNT) == 0:
            head = self._get(anonmm, HEAD)
            row_list_remove(rows, rows, head * width + MEMBERS, anonmm * width + NODE)
            pool_free(self.pool, anonmm)
            count(m, RMAP_OBJECTS_FREED, 1)
            if head == anonmm:
                return
            count(m, RMAP_LINKS_REMOVED, 1)
            anonmm = head
            self._count(anonmm, -1)

    # ---- pages --------------------------------------------------------------------------------

    @cold
    def name(self, m: Machine, pfn: int, anonmm: int, vpn: int) -> None:
        """Let a frame that names nothing name an anonmm and an address."""
        self._count(anonmm, 1)
        set_head(m, pfn, anonmm << VPN_BITS | vpn)

    def readdress(self, m: Machine, pfn: int, vpn: int) -> None:
        """Change the address that a frame names, if it names one."""
        if head_of(m, pfn) != NIL:
            set_head(m, pfn, head_of(m, pfn) & ~ADDRESS | vpn)

    @cold
    def forget(self, m: Machine, pfn: int) -> None:
        """Let a frame name nothing: its last mapping is gone."""
        if head_of(m, pfn) != NIL:
            self._put(m, head_of(m, pfn) >> VPN_BITS)
            set_head(m, pfn, NIL)

    def _next(self, anonmm: int) -> int:
        """Return the member behind another; behind the last comes the head."""
        node = self._get(anonmm, NODE)
        return self._get(anonmm, HEAD) if node == NIL else node // self.pool.width

    @cold
    def walk(self, m: Machine, pfn: int, visitor: Any, limit: int) -> None:
        """Look at a frame's address in its own mm, then in the others of the group once around.

        Ends when `limit` PTEs were found. Members that have exited, or map nothing at all, are
        passed over. A page whose own mm has exited is then named after the first that has it.
        """
        named, vpn = head_of(m, pfn) >> VPN_BITS, head_of(m, pfn) & ADDRESS
        anonmm, first = named, NIL
        count(m, LOCKS, 1)
        while limit > 0:
            mm = self._get(anonmm, MM)
            if mm != NIL and m.space[U(mm * SPACE_WORDS + SPACE_NR_PTES)] > 0:
                count(m, RMAP_VMAS_VISITED, 1)
                count(m, TRYLOCKS, 1)
                pte = find_pte(m, mm, vpn)
                if maps(m, pte, pfn):
                    first = anonmm if first == NIL else first
                    limit = 0 if visitor.visit(m, pte) == STOP else limit - 1
            anonmm = self._next(anonmm)
            if anonmm == named:
                break
            count(m, RMAP_LINKS_VISITED, int(limit > 0))
        if mapcount(m, pfn) == 0:
            self.forget(m, pfn)
        elif not visitor.UNMAPS and first != NIL and self._get(named, MM) == NIL:
            self.name(m, pfn, first, vpn)
            self._put(m, named)

    # ---- Python -------------------------------------------------------------------------------

    def check(self, m: Machine) -> list[str]:
        """Return how groups differ from what spaces and page tables make of them."""
        return [*self._wrong_names(m), *self._wrong_members(m)]

    def _wrong_names(self, m: Machine) -> Iterator[str]:
        mapped = mapped_ptes(m)
        for pfn in range(m.nr_frames):
            word, ptes = int(head_of(m, pfn)), mapped.get(pfn, [])
            if not ptes or not is_anon(m, page_of(m, pfn)):
                if word != NIL:
                    yield f"frame {pfn} names {word}, and is not mapped or not anonymous"
                continue
            heads = {self._get(self.of(m, pte_space(m, pte)), HEAD) for pte in ptes}
            addresses = {pte_vpn(m, pte) for pte in ptes}
            if addresses != {word & ADDRESS} or heads != {self._get(word >> VPN_BITS, HEAD)}:
                yield f"frame {pfn} is mapped at {addresses} in groups {heads}, and names {word}"

    def _wrong_members(self, m: Machine) -> Iterator[str]:
        used, rows, width = used_objects(self.pool), self.pool.rows, self.pool.width
        living = {
            space
            for space in range(len(m.space) // SPACE_WORDS)
            if m.space[space * SPACE_WORDS + SPACE_ALIVE]
        }
        of_living = {int(self.of(m, space)): space for space in living}
        names = [int(head_of(m, pfn)) >> VPN_BITS for pfn in range(m.nr_frames)]
        if not (set(of_living) <= used and len(of_living) == len(living)):
            yield f"spaces have the anonmms {of_living}, in use are {used}"
        for anonmm in used:
            mm, head = int(self._get(anonmm, MM)), int(self._get(anonmm, HEAD))
            family = {other for other in used if self._get(other, HEAD) == anonmm}
            refs = (mm != NIL) + names.count(anonmm) + len(family - {anonmm})
            if refs != self._get(anonmm, COUNT):
                yield f"anonmm {anonmm} has {refs} references, it says {self._get(anonmm, COUNT)}"
            if mm != of_living.get(anonmm, NIL):
                yield f"anonmm {anonmm} names space {mm}, which does not name it"
            if head not in used or self._get(head, HEAD) != head:
                yield f"anonmm {anonmm} has the head {head}, which is none"
            if family:
                nodes = row_list_nodes(rows, rows, anonmm * width + MEMBERS)
                if [node // width for node in nodes[:1]] != [anonmm] or family != {
                    node // width for node in nodes
                }:
                    yield f"the group of anonmm {anonmm} is {family}, its list differs"
