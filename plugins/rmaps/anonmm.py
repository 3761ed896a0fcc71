"""anonmm: a page names a process of its fork family and the one address where all of them map it
(Hugh Dickins' series of May 2004, between its steps 10 and 38; never in a release).

::

    page --> (anonmm, virtual address)            mm <--> anonmm        one for each process

             head: P <--> child 1 <--> child 2 <--> grandchild ...      the group: since one exec
             ^^^^
             first the one that the page names, then the others, once around

Fork leaves a page where it was, so an anonymous page that many processes share has *one* virtual
address in all of them. That address and the family are enough: a walk looks at the same place in
the page table of each. exec begins a family of one; fork appends the child's anonmm behind all
others; exit leaves the anonmm behind, without its mm, until the last page that names it is gone. A
member counts its living mm and the pages that name it, the head also its other members.

Placement: a fresh page and a COW copy name the process that made them, a page read from swap the
first that faults it back in. The process named is tried first, and a walk ends when mapcount PTEs
were found, so a page that a child made for itself costs one look, however large the family
(Andrea Arcangeli's objection was of the form of 2003). A referenced walk re-points a page whose
process is dead to the first living one in which it was found.

Who pays when: fork, one object per *process*; split, merge and mprotect, nothing, since VMAs do not
matter; a walk, the members of the group that are alive and have PTEs. And mremap: a page cannot be
at two addresses. One that nobody else holds is rewritten; a shared one must be copied before it
moves (`copies_on_move`: docs/decisions/0006-copy-before-the-move.md). That is what anon_vma, which
replaced it, does not need. Worst case: an inherited page that only the last of n - 1 children still
maps: n looks a walk.

Files: the VMAs that cover the page, as in the whole series. Its prio_tree is here the interval tree
that replaced it in 3.7: the same VMAs in another order, with other steps between them.

Not as in the patch: an mm is skipped when its page table is empty, there when no page of it is
present (rss 0).

Cost: link O(1); fork, exec, exit O(1) per process; walk O(members); move O(1) a page.

Sources: H. Dickins, "rmap 10: add anonymous memory rmap" (anonmm), "rmap 11: mremap moves" of
April and May 2004, linux-kernel; first form "anobjrmap", 20 March 2003.
"""

from __future__ import annotations

from reclaim.api import (
    LOCKS,
    NIL,
    TRYLOCKS,
    UNLIMITED,
    VMA_SPACE,
    AnonMms,
    FilesInTrees,
    Param,
    RmapStrategy,
    count,
    file_tree_walk,
    head_of,
    hookimpl,
    is_anon,
    mapcount,
    page_of,
    pool_short,
    pte_vpn,
    vma_get,
    wrong_file_trees,
)


class AnonMm(FilesInTrees, RmapStrategy):
    """The groups; files keep their VMAs in their own rows."""

    name = "anonmm"
    summary = "a page names a process and the one address where its whole fork family maps it"
    source = "H. Dickins, 'rmap 10' and 'rmap 11' of April and May 2004, on the way to 2.6.7"
    copies_on_move = True
    growth = {
        "fork": (0.0, 0.0),
        "exit": (0.0, 0.0),
        "walk_shared": (1.0, 1.0),
        "walk_own": (0.0, 0.0),
        "objects": (1.0, 1.0),
    }
    params = {
        "early_exit": Param(
            bool, True, text="stop a walk when as many PTEs were found as the frame has mappings"
        ),
    }

    groups: AnonMms
    early_exit: bool

    @classmethod
    def new(cls, early_exit):
        return cls(groups=AnonMms.empty(), early_exit=early_exit)

    def short(self, m, nr):
        return pool_short(self.groups.pool, nr)

    def room(self, m, space, nr_ptes, forks):
        return 1

    def space_open(self, m, space):
        self.groups.open(m, space, NIL)

    def space_fork(self, m, parent, child):
        self.groups.open(m, child, self.groups.head(self.groups.of(m, parent)))

    def space_close(self, m, space):
        self.groups.close(m, space)

    def link(self, m, pfn, pte, vma, fresh):
        if head_of(m, pfn) == NIL and is_anon(m, page_of(m, pfn)):
            own = self.groups.of(m, vma_get(m, vma, VMA_SPACE))
            self.groups.name(m, pfn, own, pte_vpn(m, pte))

    def unlink(self, m, pfn, pte, vma):
        if mapcount(m, pfn) == 1:
            self.groups.forget(m, pfn)

    def move(self, m, pfn, old, new, vma):
        # Nobody else holds an anonymous page: the machine has copied it if somebody did.
        self.groups.readdress(m, pfn, pte_vpn(m, new))

    def walk(self, m, pfn, visitor):
        limit = mapcount(m, pfn) if self.early_exit else UNLIMITED
        if is_anon(m, page_of(m, pfn)):
            self.groups.walk(m, pfn, visitor, limit)
        else:
            count(m, LOCKS if visitor.UNMAPS else TRYLOCKS, 1)
            file_tree_walk(m, pfn, visitor, limit)

    def objects(self):
        pool = self.groups.pool
        return {"anonmm": (pool.live, pool.peak, pool.made)}

    def object_bytes(self, layout):
        # {count, lock, mm, head, list node}
        return {"anonmm": 24 if layout == "32-bit" else 40}

    def fixed_bytes(self, layout):
        # A pointer in each mm; in a VMA, rb_node and subtree_last of the file's tree.
        return {"mm": 4, "vma": 16} if layout == "32-bit" else {"mm": 8, "vma": 32}

    def check(self, m):
        return "; ".join([*self.groups.check(m), *wrong_file_trees(m)])


@hookimpl
def reclaim_register_rmaps(register):
    register(AnonMm)
