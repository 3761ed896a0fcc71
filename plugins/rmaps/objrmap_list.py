"""objrmap_list: file pages are found by the VMAs of their file, anonymous ones by chains (2003).

::

    file page --> mapping --> i_mmap:        VMA - VMA - VMA - ...    every VMA of the file, whether
                              i_mmap_shared: VMA - VMA - ...          it covers the page or not

    anonymous page --> chain of PTEs, as in pte_chain

D. McCracken's partial object-based reverse map. The file's lists were there already, for truncate;
where a VMA maps a page follows from its offset. So for a file page the frame keeps but a count of
mappings in the word that heads the chain of an anonymous one. A page that a private file mapping
has copied is anonymous.

Who pays when: faults, forks and exits pay for anonymous pages only, one link for each PTE; file
pages cost nothing until a walk, which looks at every VMA of the file. Of the first version no walk
ends early; H. Dickins' (rmap 7, 2004) counts the mappings down and stops at the last (param
`early_exit`). Split, merge, mmap: one list operation. Worst case: 100 tasks map 100 windows of one
file each: 10,000 VMAs looked at for 100 that map the page (A. Morton's rmap-test; 1000 x 1000: a
million), which is what the prio_tree of 2.6.7 was made for.

Order of a list: mmap, mremap and split put a VMA behind all (__vma_link_file); fork puts the child
right before its parent (dup_mmap). A walk takes i_mmap, the private mappings, first.

Cost: file pages: link O(1), walk O(VMAs of the file). Anonymous: as pte_chain.

Sources: D. McCracken's mail of 20 February 2003; 2.5.62-mjb2 and -mm3, mm/rmap.c
(page_referenced_obj, try_to_unmap_obj); early exit: H. Dickins, commit cab971db7640.
"""

from __future__ import annotations

from reclaim.api import (
    NIL,
    TRYLOCKS,
    UNLIMITED,
    Param,
    PteChains,
    RmapStrategy,
    count,
    file_list_insert,
    file_list_remove,
    file_lists_walk,
    hookimpl,
    is_anon,
    mapcount,
    mapped_ptes,
    page_of,
    wrong_file_lists,
)

CACHE_LINE = 64


class ObjrmapList(RmapStrategy):
    """Chains for anonymous pages; files keep their lists in their own rows."""

    name = "objrmap_list"
    summary = "file pages by the list of their file's VMAs, anonymous pages by pte_chains"
    source = "Linux 2.5.62-mjb2, 2.5.62-mm3, mm/rmap.c"
    params = {
        "early_exit": Param(
            bool, False, text="stop a walk of a file page when all its mappings were found (2004)"
        ),
        "line": Param(int, 64, choices=(32, 64, 128), unit="bytes", text="cache line, a node"),
        "word": Param(int, 8, choices=(4, 8), unit="bytes", text="machine word"),
        "pte_address": Param(
            int, 0, choices=(0, 4, 8), unit="bytes", text="address of a PTE; 0: a word (8 with PAE)"
        ),
    }
    # Of anonymous pages, which the study of a family of processes has.
    growth = {
        "fork": (0, 0),
        "exit": (1, 1),
        "walk_shared": (1, 1),
        "walk_own": (0, 0),
        "objects": (1, 1),
    }

    chains: PteChains
    early_exit: bool
    line: int
    word: int
    pte_address: int

    @classmethod
    def new(cls, line, word, pte_address, **params):
        pte_address = pte_address or word
        chains = PteChains.empty((line - word) // pte_address)
        return cls(chains=chains, line=line, word=word, pte_address=pte_address, **params)

    def short(self, m, nr):
        return self.chains.short(nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes if forks else 2

    def link(self, m, pfn, pte, vma, fresh):
        if is_anon(m, page_of(m, pfn)):
            self.chains.add(m, pfn, pte)

    def unlink(self, m, pfn, pte, vma):
        if is_anon(m, page_of(m, pfn)):
            self.chains.remove(m, pfn, pte)

    def move(self, m, pfn, old, new, vma):
        if is_anon(m, page_of(m, pfn)):
            self.chains.remove(m, pfn, old)
            self.chains.add(m, pfn, new)

    def vma_map(self, m, vma):
        file_list_insert(m, vma, NIL)

    def vma_fork(self, m, parent, child):
        file_list_insert(m, child, parent)

    def vma_copy(self, m, vma, copy):
        file_list_insert(m, copy, NIL)

    def vma_unmap(self, m, vma):
        file_list_remove(m, vma)

    def vma_merge(self, m, left, right):
        file_list_remove(m, right)

    def walk(self, m, pfn, visitor):
        if is_anon(m, page_of(m, pfn)):
            self.chains.walk(m, pfn, visitor)
        else:
            count(m, TRYLOCKS, 1)  # i_shared_sem; busy would mean: call it referenced, try again
            file_lists_walk(m, pfn, visitor, mapcount(m, pfn) if self.early_exit else UNLIMITED)

    def hint(self, m, pfn):
        self.chains.hint(m, pfn)

    def objects(self):
        nodes = self.chains.nodes
        return {"pte_chain": (nodes.live, nodes.peak, nodes.made)}

    def object_bytes(self, layout):
        return {"pte_chain": self.line}

    def fixed_bytes(self, layout):
        # A VMA has been on its file's list for truncate's sake, so that is nobody's cost here.
        return {"frame": max(self.pte_address, self.word)}

    def walk_lines(self, work):
        # Slots share the lines of their nodes; a chain has at most one node that is not full.
        links = work.get("rmap_links_visited", 0)
        nodes = links / self.chains.nr_slots + work.get("rmap_walks", 0)
        lines = min(links, nodes * max(1, self.line // CACHE_LINE))
        return lines + super().walk_lines({**work, "rmap_links_visited": 0})

    def check(self, m):
        chained = {pfn: ptes for pfn, ptes in mapped_ptes(m).items() if is_anon(m, page_of(m, pfn))}
        return "; ".join(filter(None, [self.chains.check(m, chained), *wrong_file_lists(m)]))


@hookimpl
def reclaim_register_rmaps(register):
    register(ObjrmapList)
