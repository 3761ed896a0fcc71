"""pte_chain: each frame heads a chain of the PTEs that map it (Linux 2.5.32 - 2.6.6).

::

    page->pte.direct -------------------> PTE            one mapping: no node (PageDirect)

    page->pte.chain --> [next|     n4 n3] --> [next|n2 n1 n0 ...]    several: nodes of one cache
                              ^lowest used                           line, NRPTE slots each

Only the head node may be partly empty; its used slots are contiguous at the high end, filled
downward. *Add*: nothing mapped: store direct. Direct: a new node takes both. Head not full: the
next lower slot. Head full: a new head. *Remove*: search from the head; the victim's slot is
overwritten by the head's lowest used entry; an empty head is freed. Removing never turns a chain of
one back into a direct pointer: only a referenced walk does, so that fork and exec in a loop do not
allocate again and again (Hugh Dickins, 23 March 2003).

Who pays when: fork, one add per PTE copied; exit, exec and munmap, one search and remove per PTE;
mremap, both per PTE; a walk, the mappings of that frame and nothing else. VMAs do not matter:
splits and merges are free. Memory: ``line * ceil(m / NRPTE)`` for m >= 2 mappings, all of it in low
memory, and a word per frame. Worst case: 5,000 tasks that map one 2 GB segment need about 10 GB of
nodes (M. Bligh, April 2003); n sharers that leave oldest first inspect (n^2 + 4n) / 4 slots.

Cost: add O(1); remove O(position in the chain); walk O(mappings).

Sources: minimal rmap, A. Morton's mail of 13 July 2002 (commit c48c43e6ed41, 2.5.27); several
pointers a node, 2.5.32; mm/rmap.c of Linux 2.6.0 and of RHEL 3 (2.4.21).
"""

from __future__ import annotations

from reclaim.api import Param, PteChains, RmapStrategy, hookimpl


class PteChain(RmapStrategy):
    """The chains; what a node holds follows from three sizes."""

    name = "pte_chain"
    summary = "chains the PTEs of each frame in cache-line nodes; a single PTE directly"
    source = "Linux 2.5.32 - 2.6.6, mm/rmap.c"
    growth = {
        "fork": (0, 0),
        "exit": (1, 1),
        "walk_own": (0, 0),
        "walk_shared": (1, 1),
        "objects": (1, 1),
    }
    params = {
        "line": Param(int, 64, choices=(32, 64, 128), unit="bytes", text="cache line, a node"),
        "word": Param(int, 8, choices=(4, 8), unit="bytes", text="machine word"),
        "pte_address": Param(
            int, 0, choices=(0, 4, 8), unit="bytes", text="address of a PTE; 0: a word (8 with PAE)"
        ),
    }

    chains: PteChains
    line: int
    word: int
    pte_address: int

    @classmethod
    def new(cls, line, word, pte_address):
        pte_address = pte_address or word
        chains = PteChains.empty((line - word) // pte_address)
        return cls(chains=chains, line=line, word=word, pte_address=pte_address)

    def short(self, m, nr):
        return self.chains.short(nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes if forks else 2

    def link(self, m, pfn, pte, vma, fresh):
        self.chains.add(m, pfn, pte)

    def unlink(self, m, pfn, pte, vma):
        self.chains.remove(m, pfn, pte)

    def move(self, m, pfn, old, new, vma):
        self.chains.remove(m, pfn, old)
        self.chains.add(m, pfn, new)

    def walk(self, m, pfn, visitor):
        self.chains.walk(m, pfn, visitor)

    def hint(self, m, pfn):
        self.chains.hint(m, pfn)

    def objects(self):
        nodes = self.chains.nodes
        return {"pte_chain": (nodes.live, nodes.peak, nodes.made)}

    def object_bytes(self, layout):
        return {"pte_chain": self.line}

    def slab_bytes(self, layout):
        # A slab of one page: a header of 24 bytes and 4 beside each object (Linux 2.5, mm/slab.c).
        return {"pte_chain": 4096 / ((4096 - 24) // (self.line + 4))}

    def fixed_bytes(self, layout):
        # Line and word are this strategy's own params; the layout of the run does not change them.
        return {"frame": max(self.pte_address, self.word)}

    def check(self, m):
        return self.chains.check(m)


@hookimpl
def reclaim_register_rmaps(register):
    register(PteChain)
