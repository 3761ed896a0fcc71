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

FreeBSD asks for young bits five at a time: pmap_ts_referenced ends at the fifth and turns the list,
so that the next call goes on behind it. `pv_chunks` shows every mapping, as exact strategies do;
`pv_chunks_five` stops there, which leaves bits young that others clear, so that victims differ.

Left out: superpages, and the reclaim of chunks when memory is short. A COW frees an entry and takes
one; FreeBSD uses the old one again. It has no mremap: here a removal and an addition for each page.

Cost: add O(1); remove O(position on the page's list), at exit O(1); walk O(mappings).

Sources: P. Wemm, 2003; sys/sys/_pv_entry.h and sys/amd64/amd64/pmap.c of FreeBSD 14 and 15
(get_pv_entry, free_pv_entry, pmap_pvh_remove, pmap_remove_pages, pmap_remove_all).
"""

from __future__ import annotations

from reclaim.api import Param, PvLists, RmapStrategy, hookimpl


def entries_of_chunk(page_size: int, word: int) -> int:
    """Return how many entries of three words fit, beside five words of header and the bitmap."""
    nr = page_size // (3 * word)
    while 5 + -(-nr // (8 * word)) + 3 * nr > page_size // word:
        nr -= 1
    return nr


class PvChunks(RmapStrategy):
    """The lists; what a chunk holds follows from two sizes."""

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
    MOST_YOUNG = 0  # no limit

    lists: PvLists
    word: int
    page_size: int

    @classmethod
    def new(cls, word, page_size):
        lists = PvLists.empty(entries_of_chunk(page_size, word))
        return cls(lists=lists, word=word, page_size=page_size)

    def short(self, m, nr):
        return self.lists.short(nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes // self.lists.chunks.nr_entries + 2

    def link(self, m, pfn, pte, vma, fresh):
        self.lists.add(m, pfn, pte)

    def unlink(self, m, pfn, pte, vma):
        self.lists.remove(m, pfn, pte)

    def unlink_all(self, m, space):
        self.lists.remove_all(m, space)

    def move(self, m, pfn, old, new, vma):
        self.lists.remove(m, pfn, old)
        self.lists.add(m, pfn, new)

    def walk(self, m, pfn, visitor):
        self.lists.walk(m, pfn, visitor, self.MOST_YOUNG)

    def hint(self, m, pfn):
        self.lists.hint(m, pfn)

    def objects(self):
        pool = self.lists.chunks.pool
        chunks = (pool.live, pool.peak, pool.made)
        return {"pv_chunk": chunks, "pv_entry": self.lists.chunks.tallies()}

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
        return self.lists.check(m)


class PvChunksFive(PvChunks):
    """The same, asked as FreeBSD asks: a walk that looks for use ends at the fifth young PTE."""

    name = "pv_chunks_five"
    summary = "as pv_chunks, but asking whether a page was used ends at its fifth young PTE"
    source = "FreeBSD 14 - 15, sys/amd64/amd64/pmap.c, pmap_ts_referenced"
    exact = False
    MOST_YOUNG = 5  # PMAP_TS_REFERENCED_MAX


@hookimpl
def reclaim_register_rmaps(register):
    register(PvChunks)
    register(PvChunksFive)
