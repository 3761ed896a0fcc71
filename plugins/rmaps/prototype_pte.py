"""prototype_pte: a private frame names its PTE, a shared one only what it is a copy of (Windows).

::

    private   MMPFN.PteAddress --> PTE                                  one process, found at once
    shared    MMPFN.PteAddress --> prototype PTE <-- <-- <--  PTEs      n processes: not found
              ShareCount = n       of a section (file, shm), or of a fork

The PFN database has one entry for each frame. It holds a single address, so a frame that may be
mapped by many names the one *prototype PTE* that their PTEs were filled from, and a count of those
that are valid now, ShareCount. Nothing leads from there to them. So Windows trims working sets: it
goes through a process's own pages and takes PTEs away (policy working_set); each takes one from
ShareCount, and at 0 the frame goes to the standby list, from where a touch fetches it back.

Prototype PTEs of files and shared memory belong to the section, whether mapped or not, so they cost
nothing here: the page's own place in its file. A page shared by fork gets a *fork prototype* when
it is first shared (MMCLONE_BLOCK: a PTE and a count), and keeps it until its last sharer writes to
it, or nothing maps its frame.

Simplified: the real clone block lives as long as a PTE refers to it that is paged out, and blocks
come in arrays per fork. Windows refuses to cut a file that is mapped; here truncation finds the
PTEs by the VMAs of the file, as vmtruncate does. Standby and modified lists are the policy's.

Who pays when: fork, a block for each page shared for the first time, a count for each later; a
fault, mremap, exit O(1) each PTE, nothing searched. An MMPFN is the whole record of a frame, so its
bytes compare with `struct page`, not with a chain's. Worst case: as none_24, n visits for a page of
n processes.

Cost: link, unlink, move O(1); walk O(1) for a private frame, impossible for another.

Sources: MMPFN as dumped from XP to 10 (24 bytes on x86, 28 with PAE, 48 on x64); ReactOS,
ntoskrnl/include/internal/mm.h and ndk/mmtypes.h (MMPFN, MMCLONE_BLOCK).
"""

from __future__ import annotations

from reclaim.api import (
    DROP,
    LOCKS,
    NIL,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    FilesInTrees,
    Param,
    Pool,
    RmapStrategy,
    U,
    cold,
    count,
    file_tree_walk,
    head_of,
    hookimpl,
    is_anon,
    mapcount,
    mapped_ptes,
    maps,
    page_of,
    pool_alloc,
    pool_free,
    pool_short,
    set_head,
    used_objects,
    wrong_file_trees,
)

# A frame's word: NIL (of a section, or unmapped), a PTE << 1 | 1, or a fork prototype << 1.


class PrototypePte(FilesInTrees, RmapStrategy):
    """Fork prototypes are objects of one word: the PTEs that refer to it."""

    name = "prototype_pte"
    driven_by = "working_set"
    summary = "a private frame names its PTE; a shared one only its prototype, and how many"
    source = "Windows PFN database; ReactOS headers"
    exact = False
    params = {"pae": Param(bool, False, text="32-bit layout with 64-bit PTEs")}

    blocks: Pool
    pae: bool

    @classmethod
    def new(cls, pae):
        return cls(blocks=Pool.new(1), pae=pae)

    def short(self, m, nr):
        return pool_short(self.blocks, nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes if forks else 2

    @cold
    def share(self, m, pfn, nr):
        """Give a frame a fork prototype that so many PTEs refer to."""
        block = pool_alloc(self.blocks)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        self.blocks.rows[U(block)] = nr
        set_head(m, pfn, block << 1)

    @cold
    def unshare(self, m, pfn):
        pool_free(self.blocks, head_of(m, pfn) >> 1)
        count(m, RMAP_OBJECTS_FREED, 1)
        set_head(m, pfn, NIL)

    @cold
    def name_pte(self, m, pfn, pte):
        count(m, RMAP_LINKS_ADDED, 1)
        set_head(m, pfn, pte << 1 | 1)

    def link(self, m, pfn, pte, vma, fresh):
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if not is_anon(m, page_of(m, pfn)):
            return
        if head == NIL and fresh:
            self.name_pte(m, pfn, pte)
        elif head == NIL:
            self.share(m, pfn, 1)
        elif (head & 1) != 0:
            count(m, RMAP_LINKS_REMOVED, 1)
            self.share(m, pfn, 2)
        else:
            self.blocks.rows[U(head >> 1)] += 1

    def unlink(self, m, pfn, pte, vma):
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if head == NIL:
            return
        if (head & 1) != 0:
            count(m, RMAP_LINKS_REMOVED, 1)
            set_head(m, pfn, NIL)
            return
        self.blocks.rows[U(head >> 1)] -= 1
        if self.blocks.rows[U(head >> 1)] == 0:
            self.unshare(m, pfn)

    def move(self, m, pfn, old, new, vma):
        if self.finds(m, pfn):
            count(m, RMAP_LINKS_REMOVED, 1)
            self.name_pte(m, pfn, new)

    def reuse(self, m, pfn, pte, vma):
        if not self.finds(m, pfn):
            self.unshare(m, pfn)
            self.name_pte(m, pfn, pte)

    def finds(self, m, pfn):
        head = head_of(m, pfn)
        return head != NIL and (head & 1) != 0

    def walk(self, m, pfn, visitor):
        count(m, LOCKS, 1)
        if not is_anon(m, page_of(m, pfn)):
            file_tree_walk(m, pfn, visitor, mapcount(m, pfn))
        elif self.finds(m, pfn):
            pte = head_of(m, pfn) >> 1
            count(m, RMAP_LINKS_VISITED, 1)
            maps(m, pte, pfn)
            if visitor.visit(m, pte) == DROP:
                count(m, RMAP_LINKS_REMOVED, 1)
                set_head(m, pfn, NIL)

    def objects(self):
        return {"clone_block": (self.blocks.live, self.blocks.peak, self.blocks.made)}

    def object_bytes(self, layout):
        # A prototype PTE, and two counts of 32 bits.
        return {"clone_block": 16 if layout == "64-bit" or self.pae else 12}

    def fixed_bytes(self, layout):
        small = 28 if self.pae else 24
        return {"frame": small if layout == "32-bit" else 48}

    def check(self, m):
        wrong = wrong_file_trees(m)
        named = []
        for pfn, ptes in mapped_ptes(m).items():
            head = int(head_of(m, pfn))
            if not is_anon(m, page_of(m, pfn)):
                right = head == NIL
            elif head & 1:
                right = ptes == [head >> 1] and head != NIL
            else:
                named.append(head >> 1)
                right = int(self.blocks.rows[head >> 1]) == len(ptes)
            if not right:
                wrong.append(f"frame {pfn} is mapped by PTEs {ptes}, its word is {head}")
        if sorted(named) != sorted(used_objects(self.blocks)):
            wrong.append(f"fork prototypes {sorted(named)} are named, others are in use")
        return "; ".join(wrong)


@hookimpl
def reclaim_register_rmaps(register):
    register(PrototypePte)
