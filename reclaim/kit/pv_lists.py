"""A list of mappings for each page, whose entries lie in chunks of one address space: FreeBSD.

An entry is {links, PTE}; a page's list begins in its frame's word, an address space's list of
chunks in three of its words. plugins/rmaps/pv_chunks.py tells the story.

Add: O(1). Remove: O(position on the page's list). Remove all of a space: O(1) an entry. Walk:
O(mappings). Source: sys/amd64/amd64/pmap.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reclaim.counters import (
    LOCKS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_SLOTS_SEARCHED,
    TRYLOCKS,
    count,
)
from reclaim.ids import NIL
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import U, cold, prefetch
from reclaim.kit.checks import mapped_ptes, used_objects
from reclaim.kit.chunks import NR_CHUNKS, Chunks
from reclaim.kit.rings import (
    RING_WORDS,
    ring_last,
    ring_next,
    ring_nodes,
    ring_push_back,
    ring_remove,
)
from reclaim.rows import SPACE_R0, SPACE_WORDS
from reclaim.vm.evict import DROP, STOP, maps
from reclaim.vm.frames import head_of, set_head
from reclaim.vm.pte import YOUNG, pte_frame, pte_space

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

_PTE = RING_WORDS  # of an entry: its links, then the PTE that it stands for


class PvLists(Handle):
    """The chunks; the lists begin in frames and spaces."""

    chunks: Chunks

    @classmethod
    def empty(cls, nr_entries: int) -> PvLists:
        """Make it without any entry, for chunks of so many."""
        return cls(chunks=Chunks.empty(nr_entries, _PTE + 1))

    def short(self, nr: int) -> bool:
        """Tell whether fewer than `nr` chunks are left."""
        return self.chunks.short(nr)

    def add(self, m: Machine, pfn: int, pte: int) -> None:
        """Append a PTE to a frame's list."""
        count(m, RMAP_LINKS_ADDED, 1)
        count(m, LOCKS, 1)
        space = pte_space(m, pte)
        pv = self.chunks.take(m, m.space, space * SPACE_WORDS + SPACE_R0, space)
        rows = self.chunks.pool.rows
        rows[U(pv + _PTE)] = pte
        set_head(m, pfn, ring_push_back(rows, head_of(m, pfn), pv))

    def remove(self, m: Machine, pfn: int, pte: int) -> None:
        """Take a PTE off a frame's list, unless `remove_all` has done so already."""
        if self._holds_any(m, pte_space(m, pte)):
            count(m, RMAP_LINKS_REMOVED, 1)
            count(m, LOCKS, 1)
            self._forget(m, pfn, self._search(m, pfn, pte))

    def _holds_any(self, m: Machine, space: int) -> bool:
        return m.space[U(space * SPACE_WORDS + SPACE_R0 + NR_CHUNKS)] > 0

    @cold
    def _search(self, m: Machine, pfn: int, pte: int) -> int:
        """Return the entry of a PTE, looking from the oldest of its frame's list."""
        rows = self.chunks.pool.rows
        pv = head_of(m, pfn)
        count(m, RMAP_SLOTS_SEARCHED, 1)
        while rows[U(pv + _PTE)] != pte:
            pv = ring_next(rows, pv)
            count(m, RMAP_SLOTS_SEARCHED, 1)
        return pv

    @cold
    def _forget(self, m: Machine, pfn: int, pv: int) -> None:
        """Take an entry off its frame's list and give it back to its chunk."""
        set_head(m, pfn, ring_remove(self.chunks.pool.rows, head_of(m, pfn), pv))
        space = self.chunks.owner(pv)
        self.chunks.give_back(m, m.space, space * SPACE_WORDS + SPACE_R0, pv)

    @cold
    def remove_all(self, m: Machine, space: int) -> None:
        """Take all PTEs of a space off their frames' lists, chunk by chunk, without a search."""
        head = space * SPACE_WORDS + SPACE_R0
        rows = self.chunks.pool.rows
        if self._holds_any(m, space):
            count(m, LOCKS, 1)  # chunks are freed as one batch
        while self._holds_any(m, space):
            chunk = m.space[U(head)]
            slot = self.chunks.next_used(chunk, 0)
            while slot != NIL:
                pv = self.chunks.entry_at(chunk, slot)
                pfn = pte_frame(m, rows[U(pv + _PTE)])
                count(m, RMAP_LINKS_REMOVED, 1)
                count(m, LOCKS, 1)
                set_head(m, pfn, ring_remove(rows, head_of(m, pfn), pv))
                slot = self.chunks.next_used(chunk, slot + 1)
            self.chunks.free_chunk(m, m.space, head, chunk)

    def walk(self, m: Machine, pfn: int, visitor: Any, most_young: int) -> None:
        """Walk a frame's list; one that does not unmap ends at the last of `most_young` PTEs that
        are young, and turns the list so that the next begins behind it. 0 sets no limit.
        """
        count(m, LOCKS, 1)
        rows = self.chunks.pool.rows
        pv = head_of(m, pfn)
        last = ring_last(rows, pv)
        nr_young = 0
        more = True
        while more:
            more = pv != last
            following = ring_next(rows, pv)
            pte = rows[U(pv + _PTE)]
            count(m, RMAP_LINKS_VISITED, 1)
            count(m, TRYLOCKS, 1)
            maps(m, pte, pfn)
            nr_young += (m.pte[U(pte)] & YOUNG) // YOUNG
            answer = visitor.visit(m, pte)
            if answer == DROP:
                count(m, RMAP_LINKS_REMOVED, 1)
                self._forget(m, pfn, pv)
            elif answer == STOP:
                more = False
            elif not visitor.UNMAPS and nr_young == most_young != 0:
                set_head(m, pfn, following)
                more = False
            pv = following

    def hint(self, m: Machine, pfn: int) -> None:
        """Prefetch the first entry of a frame's list."""
        prefetch(self.chunks.pool.rows, head_of(m, pfn))

    def check(self, m: Machine) -> str:
        """Return how lists and chunks differ from the page tables, "" if not. Plain Python."""
        rows = self.chunks.pool.rows
        wrong: list[str] = []
        listed: list[int] = []
        for pfn, ptes in mapped_ptes(m).items():
            entries = ring_nodes(rows, int(head_of(m, pfn)))
            held = [int(rows[pv + _PTE]) for pv in entries]
            listed += entries
            if sorted(held) != ptes:
                wrong.append(f"frame {pfn} is mapped by PTEs {ptes}, its list has {held}")
            if any(
                self.chunks.owner(pv) != pte_space(m, pte)
                for pv, pte in zip(entries, held, strict=True)
            ):
                wrong.append(f"frame {pfn}: an entry lies in a chunk of another space")
        used: list[int] = []
        chunks: list[int] = []
        for space in range(len(m.space) // SPACE_WORDS):
            for chunk, slots in self.chunks.chunks_of(m.space, space * SPACE_WORDS + SPACE_R0):
                chunks.append(chunk // self.chunks.pool.width)
                used += [self.chunks.entry_at(chunk, slot) for slot in slots]
        if sorted(used) != sorted(listed) or len(used) != self.chunks.tallies()[0]:
            wrong.append(f"{len(listed)} entries on lists, {len(used)} used in chunks")
        if sorted(chunks) != sorted(used_objects(self.chunks.pool)):
            wrong.append(f"{len(chunks)} chunks on spaces' lists, {self.chunks.pool.live} in use")
        return "; ".join(wrong)
