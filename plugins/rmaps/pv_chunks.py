"""pv_chunks: a list of mappings for each page, its entries carved from a pmap's chunks (FreeBSD).

::

    page --> pv --> pv --> pv        a pv_entry is {va, next, previous}: it does not say whose it is
             :      :      :
    +------------------------+
    | pmap | links | bitmap  |       its chunk does: a page of entries that all belong to one pmap
    | pv pv pv pv pv pv ...  |       (address space), found by masking the entry's address
    +------------------------+

*Map*: an entry of the pmap's first chunk, appended to the page's list. The pmap's list keeps chunks
with room in front; a chunk that fills goes to its end, one that loses an entry comes to its front,
an empty one goes back to the machine; if the first is full, a new one is made. *Unmap*: the page's
list is searched from its oldest entry for this pmap and address. *Exit and exec* go through the
pmap's chunks instead of its pages: no list is searched, and whole chunks are freed. *A walk* takes
the page's entries, oldest first; taking a page from everyone takes the first entry until none is
left.

Who pays when: fork, one entry a PTE copied; munmap, COW and move, a search each, since the page's
list knows no order of owners; n sharers that unmap search n entries oldest first and n(n+1)/2
newest first; exit, one removal an entry; a walk, the mappings of that page. VMAs do not matter.
Memory: 24.38 bytes a mapping on LP64 (12.19 on ILP32), more where processes are small: a process
with one mapping holds a page. Worst case: a page that all map, unmapped by its newest sharers.

Not modelled: pmap_ts_referenced clears at most five bits a call and turns the list so that the next
call goes on from there. A walk here shows every mapping, or `referenced` would not mean the same
with every strategy (docs/explanation/other-systems.md). A COW or a move frees and takes an entry;
FreeBSD uses the old one again for a COW and has no mremap. Superpages and the reclaim of chunks
under memory pressure are left out.

Cost: add O(1); remove O(position on the page's list), at exit O(1); walk O(mappings).

Sources: P. Wemm, 2003; sys/sys/_pv_entry.h and sys/amd64/amd64/pmap.c of FreeBSD 14 and 15
(get_pv_entry, free_pv_entry, pmap_pvh_remove, pmap_remove_pages, pmap_remove_all).
"""

from __future__ import annotations

from reclaim.api import (
    DROP,
    LOCKS,
    NIL,
    RING_WORDS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_SLOTS_SEARCHED,
    SPACE_R0,
    SPACE_WORDS,
    STOP,
    TRYLOCKS,
    Chunks,
    Param,
    RmapStrategy,
    U,
    cold,
    count,
    head_of,
    hookimpl,
    mapped_ptes,
    maps,
    prefetch,
    pte_frame,
    pte_space,
    ring_last,
    ring_next,
    ring_nodes,
    ring_push_back,
    ring_remove,
    set_head,
    used_objects,
)

PTE = RING_WORDS  # of an entry: its links, then the PTE that it stands for
ENTRY_WORDS = PTE + 1


def entries_of_chunk(page_size: int, word: int) -> int:
    """Return how many entries of three words fit, beside five words of header and the bitmap."""
    nr = page_size // (3 * word)
    while 5 + -(-nr // (8 * word)) + 3 * nr > page_size // word:
        nr -= 1
    return nr


class PvChunks(RmapStrategy):
    """The chunks; a page's list begins in its frame, a pmap's list of chunks in its space."""

    name = "pv_chunks"
    summary = "lists the mappings of each page, in entries carved from page-sized chunks of a pmap"
    source = "FreeBSD 14 - 15, sys/amd64/amd64/pmap.c"
    params = {
        "word": Param(int, 8, choices=(4, 8), unit="bytes", text="machine word"),
        "page_size": Param(int, 4096, choices=(4096, 16384), unit="bytes", text="page, a chunk"),
    }
    growth = {
        "fork": (0.0, 0.0),
        "exit": (0.0, 0.0),
        "walk_shared": (1.0, 1.0),
        "walk_own": (0.0, 0.0),
        "objects": (1.0, 1.0),
    }

    chunks: Chunks
    word: int
    page_size: int

    @classmethod
    def new(cls, word, page_size):
        chunks = Chunks.empty(entries_of_chunk(page_size, word), ENTRY_WORDS)
        return cls(chunks=chunks, word=word, page_size=page_size)

    def short(self, m, nr):
        return self.chunks.short(nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes // self.chunks.nr_entries + 2

    def link(self, m, pfn, pte, vma, fresh):
        count(m, RMAP_LINKS_ADDED, 1)
        count(m, LOCKS, 1)
        space = pte_space(m, pte)
        pv = self.chunks.take(m, m.space, space * SPACE_WORDS + SPACE_R0, space)
        rows = self.chunks.pool.rows
        rows[U(pv + PTE)] = pte
        set_head(m, pfn, ring_push_back(rows, head_of(m, pfn), pv))

    def unlink(self, m, pfn, pte, vma):
        if self._holds_any(m, pte_space(m, pte)):
            count(m, RMAP_LINKS_REMOVED, 1)
            count(m, LOCKS, 1)
            self._forget(m, pfn, self._find(m, pfn, pte))

    def _holds_any(self, m, space):
        """Tell whether a space has mappings on record; one that has exited has none."""
        return m.space[U(space * SPACE_WORDS + SPACE_R0 + 2)] > 0

    @cold
    def _find(self, m, pfn, pte):
        """Search a page's list for the entry of a PTE, oldest first."""
        rows = self.chunks.pool.rows
        pv = head_of(m, pfn)
        count(m, RMAP_SLOTS_SEARCHED, 1)
        while rows[U(pv + PTE)] != pte:
            pv = ring_next(rows, pv)
            count(m, RMAP_SLOTS_SEARCHED, 1)
        return pv

    @cold
    def _forget(self, m, pfn, pv):
        """Take an entry off its page's list and give it back to its chunk."""
        set_head(m, pfn, ring_remove(self.chunks.pool.rows, head_of(m, pfn), pv))
        space = self.chunks.owner(pv)
        self.chunks.give_back(m, m.space, space * SPACE_WORDS + SPACE_R0, pv)

    def unlink_all(self, m, space):
        head = space * SPACE_WORDS + SPACE_R0
        rows = self.chunks.pool.rows
        if self._holds_any(m, space):
            count(m, LOCKS, 1)  # chunks are freed as one batch
        while self._holds_any(m, space):
            chunk = m.space[U(head)]
            slot = self.chunks.next_used(chunk, 0)
            while slot != NIL:
                pv = self.chunks.entry_at(chunk, slot)
                pfn = pte_frame(m, rows[U(pv + PTE)])
                count(m, RMAP_LINKS_REMOVED, 1)
                count(m, LOCKS, 1)
                set_head(m, pfn, ring_remove(rows, head_of(m, pfn), pv))
                slot = self.chunks.next_used(chunk, slot + 1)
            self.chunks.free_chunk(m, m.space, head, chunk)

    def move(self, m, pfn, old, new, vma):
        self.unlink(m, pfn, old, vma)
        self.link(m, pfn, new, vma, False)

    def walk(self, m, pfn, visitor):
        count(m, LOCKS, 1)
        rows = self.chunks.pool.rows
        pv = head_of(m, pfn)
        last = ring_last(rows, pv)
        more = True
        while more:
            more = pv != last
            following = ring_next(rows, pv)
            pte = rows[U(pv + PTE)]
            count(m, RMAP_LINKS_VISITED, 1)
            count(m, TRYLOCKS, 1)
            maps(m, pte, pfn)
            answer = visitor.visit(m, pte)
            if answer == DROP:
                count(m, RMAP_LINKS_REMOVED, 1)
                self._forget(m, pfn, pv)
            elif answer == STOP:
                more = False
            pv = following

    def hint(self, m, pfn):
        prefetch(self.chunks.pool.rows, head_of(m, pfn))

    def objects(self):
        pool = self.chunks.pool
        return {
            "pv_chunk": (pool.live, pool.peak, pool.made),
            "pv_entry": self.chunks.tallies(),
        }

    def object_bytes(self, layout):
        # Word and page size are this strategy's own params. Entries lie inside the chunks.
        return {"pv_chunk": self.page_size, "pv_entry": 0}

    def fixed_bytes(self, layout):
        # The two ends of the page's list, and (amd64) its generation; the ends of the pmap's list.
        return {"frame": 2 * self.word + (4 if self.word == 8 else 0), "mm": 2 * self.word}

    def walk_lines(self, work):
        # Each entry, the header of its chunk for the pmap, and the PTE.
        return float(2 * work.get("rmap_links_visited", 0) + work.get("ptes_probed", 0))

    def check(self, m):
        rows, wrong = self.chunks.pool.rows, []
        tables, nr_listed, chunks = mapped_ptes(m), 0, []
        for pfn, ptes in tables.items():
            listed = ring_nodes(rows, int(head_of(m, pfn)))
            nr_listed += len(listed)
            if sorted(int(rows[pv + PTE]) for pv in listed) != ptes:
                wrong.append(f"frame {pfn} is mapped by PTEs {ptes}, its list has others")
            wrong += [
                f"an entry of frame {pfn} lies in a chunk of another space"
                for pv in listed
                if self.chunks.owner(pv) != pte_space(m, int(rows[pv + PTE]))
            ]
        nr_used = 0
        for space in range(len(m.space) // SPACE_WORDS):
            for chunk, used in self.chunks.chunks_of(m.space, space * SPACE_WORDS + SPACE_R0):
                chunks.append(chunk // self.chunks.pool.width)
                nr_used += len(used)
        if not nr_used == nr_listed == self.chunks.tallies()[0]:
            wrong.append(f"{nr_listed} entries on lists, {nr_used} used in chunks")
        if sorted(chunks) != sorted(used_objects(self.chunks.pool)):
            wrong.append(f"{len(chunks)} chunks on pmaps' lists, {self.chunks.pool.live} in use")
        return "; ".join(wrong)


@hookimpl
def reclaim_register_rmaps(register):
    register(PvChunks)
