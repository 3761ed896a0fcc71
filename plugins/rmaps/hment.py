"""hment: one mapping in the page itself, several on a list behind a system-wide hash (illumos).

::

    page --> (htable, entry)                   one mapping: embedded, no memory

    page --> hment <--> hment <--> hment       several: one each, the newest in front
               |          |          |
         hash of (htable, entry): 64 K buckets, each a balanced tree of hments

A mapping is named by its page table (htable) and its place in it. *Map*: nothing mapped: into the
page. Embedded: two hments, one for the old mapping and one for the new. Otherwise: one hment, in
front of the list. *Unmap*: embedded: cleared. Otherwise the hment is found through the hash, so
that the length of the page's list does not matter, and taken off a list that is linked both ways.
An hment that is left alone stays one: only a page that nobody maps begins anew, embedded. *A walk*
goes down the list, newest first; taking a page from everyone removes its mappings one by one
through the hash, as any unmap does.

Who pays when: fork, one hment a PTE copied, and one more for each page that was not shared before;
exit, exec and munmap, one tree search a mapping; a walk, the mappings of that page. VMAs do not
matter. Memory: 64 bytes (amd64; 36 on ia32) a mapping of a page that is or was shared, none for
others, and once for the machine 64 K trees of 40 bytes (2.6 MB), which is not in the counts.
Worst case: 2.7 times the memory of FreeBSD's pv entries when everything is shared.

The locks: one of 2,048 for the page's list, let go and taken again around each allocation, and one
of 2,048 for the bucket. Buckets are AVL trees there and treaps here (kit.tree): steps differ by the
shape of a tree, which below 64 K hments is mostly one node.

Cost: add and remove O(log(hments / buckets)); walk O(mappings).

Sources: usr/src/uts/i86pc/vm/hment.c, hment.h and hat_i86.c of illumos (hment_prepare,
hment_assign, hment_remove, hati_page_unmap).
"""

from __future__ import annotations

from reclaim.api import (
    DROP,
    HMENT_LINKS,
    HMENT_WORDS,
    LEAF_BITS,
    LOCKS,
    NIL,
    NODE_LOW,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    STOP,
    Param,
    Pool,
    RmapStrategy,
    TreeHash,
    U,
    cold,
    count,
    head_of,
    hookimpl,
    maps,
    pool_alloc,
    pool_free,
    pool_short,
    prefetch,
    ring_last,
    ring_next,
    ring_push_front,
    ring_remove,
    set_head,
    wrong_hments,
)

# The frame's word: NIL, an embedded PTE << 1 | 1, or the links of the first hment << 1.


class Hment(RmapStrategy):
    """The hments, and the hash over them."""

    name = "hment"
    summary = "embeds a single mapping in the page; lists several in hments, found through a hash"
    source = "illumos, usr/src/uts/i86pc/vm/hment.c"
    params = {
        "buckets": Param(int, 1 << 16, low=1, high=1 << 24, text="buckets of the hash"),
    }
    growth = {
        "fork": (0.0, 0.0),
        "exit": (0.0, 0.0),
        "walk_shared": (1.0, 1.0),
        "walk_own": (0.0, 0.0),
        "objects": (1.0, 1.0),
    }

    hments: Pool
    hashed: TreeHash
    buckets: int

    @classmethod
    def new(cls, buckets):
        return cls(hments=Pool.new(HMENT_WORDS), hashed=TreeHash.empty(buckets), buckets=buckets)

    def short(self, m, nr):
        return pool_short(self.hments, nr)

    def room(self, m, space, nr_ptes, forks):
        return 2 * nr_ptes + 2

    def _bucket(self, pte):
        """Return where a mapping is hashed to: tables follow each other, one bucket apart."""
        return (pte + (pte >> LEAF_BITS)) % self.buckets

    def link(self, m, pfn, pte, vma, fresh):
        count(m, RMAP_LINKS_ADDED, 1)
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if head == NIL:
            set_head(m, pfn, pte << 1 | 1)
        else:
            self._add(m, pfn, head, pte)

    @cold
    def _add(self, m, pfn, head, pte):
        """Add a mapping to a page that has one already."""
        first = head >> 1
        if (head & 1) != 0:
            first = self._push(m, NIL, head >> 1)
        set_head(m, pfn, self._push(m, first, pte) << 1)

    @cold
    def _push(self, m, first, pte):
        """Put a new hment in front of a list and into the hash; returns the list's first."""
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        count(m, LOCKS, 2)  # the page's again, which is not held while memory is found; the hash's
        rows = self.hments.rows
        hment = pool_alloc(self.hments) * HMENT_WORDS
        self.hashed.insert(m, rows, self._bucket(pte), hment, pte)
        return ring_push_front(rows, first, hment + HMENT_LINKS)

    def unlink(self, m, pfn, pte, vma):
        count(m, RMAP_LINKS_REMOVED, 1)
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if (head & 1) != 0:
            set_head(m, pfn, NIL)
        else:
            self._remove(m, pfn, head >> 1, pte)

    @cold
    def _remove(self, m, pfn, first, pte):
        """Take the hment of a mapping out of the hash, and off the list that begins at `first`."""
        count(m, LOCKS, 1)
        count(m, RMAP_OBJECTS_FREED, 1)
        rows = self.hments.rows
        hment = self.hashed.take(m, rows, self._bucket(pte), pte)
        first = ring_remove(rows, first, hment + HMENT_LINKS)
        set_head(m, pfn, NIL if first == NIL else first << 1)
        pool_free(self.hments, hment // HMENT_WORDS)

    def move(self, m, pfn, old, new, vma):
        self.unlink(m, pfn, old, vma)
        self.link(m, pfn, new, vma, False)

    def _show(self, m, pfn, pte, visitor):
        """Show a mapping to the visitor; a dropped one is removed as any other."""
        count(m, RMAP_LINKS_VISITED, 1)
        maps(m, pte, pfn)
        answer = visitor.visit(m, pte)
        if answer == DROP:
            self.unlink(m, pfn, pte, NIL)
        return answer

    def walk(self, m, pfn, visitor):
        if not visitor.UNMAPS:
            count(m, LOCKS, 1)  # an unmapping walk takes it for each mapping
        head = head_of(m, pfn)
        if (head & 1) != 0:
            self._show(m, pfn, head >> 1, visitor)
            return
        rows = self.hments.rows
        links = head >> 1
        last = ring_last(rows, links)
        more = True
        while more:
            more = links != last
            following = ring_next(rows, links)
            if self._show(m, pfn, rows[U(links - HMENT_LINKS + NODE_LOW)], visitor) == STOP:
                more = False
            links = following

    def hint(self, m, pfn):
        head = head_of(m, pfn)
        if (head & 1) != 0:
            prefetch(m.pte, head >> 1)
        else:
            prefetch(self.hments.rows, head >> 1)

    def objects(self):
        return {"hment": (self.hments.live, self.hments.peak, self.hments.made)}

    def object_bytes(self, layout):
        return {"hment": 36 if layout == "32-bit" else 64}

    def fixed_bytes(self, layout):
        # p_mapping; p_share, with its pad; p_mlentry; p_embed.
        return {"frame": 4 + 4 + 4 + 1 if layout == "32-bit" else 8 + 8 + 4 + 1}

    def check(self, m):
        return wrong_hments(m, self.hments, self.hashed, self._bucket)


@hookimpl
def reclaim_register_rmaps(register):
    register(Hment)
