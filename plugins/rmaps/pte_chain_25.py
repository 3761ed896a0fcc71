"""pte_chain_25: each frame heads a chain of its PTEs, one node each (Linux 2.5.27 - 2.5.31).

::

    page->pte_chain --> [next|ptep] --> [next|ptep] --> [next|ptep]
                        newest PTE                      oldest PTE

The first reverse map of the mainline kernel ("minimal rmap"), before nodes filled a cache line and
before a single PTE was pointed to directly; `pte_chain` is what it became a month later. *Add*: a
new node in front. *Remove*: search from the front, unlink, free. There is no special case: a page
that one process maps has a node, and walking n mappings touches n cache lines and n PTEs.

Who pays when: every fault, an allocation; fork, one for each PTE copied; exit, exec and munmap, one
search and one free for each PTE; mremap, both; a walk, the mappings of that frame and nothing else.
VMAs do not matter. Memory: 8 bytes a mapping on 32 bits, 16 on 64, half of it for the next pointer,
and a word per frame. Worst case: n sharers that leave oldest first search n (n + 1) / 2 nodes a
page, since the oldest is always the last. Fork and exec in a loop allocate and free P nodes each
time.

Cost: add O(1); remove O(position in the chain); walk O(mappings).

Sources: A. Morton's mail of 13 July 2002 (commit c48c43e6ed41, 2.5.27), after R. van Riel's patches
for 2.4; mm/rmap.c of Linux 2.5.27 (page_add_rmap, page_remove_rmap, try_to_unmap).
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
    RMAP_SLOTS_SEARCHED,
    STOP,
    TRYLOCKS,
    VMA_LOOKUPS,
    Pool,
    RmapStrategy,
    U,
    cold,
    count,
    head_of,
    hookimpl,
    mapped_ptes,
    maps,
    pool_alloc,
    pool_free,
    pool_short,
    set_head,
    used_objects,
)

NEXT, PTEP, NODE_WORDS = range(3)


class PteChain25(RmapStrategy):
    """A pool of nodes; a frame's word is its first node."""

    name = "pte_chain_25"
    summary = "chains the PTEs of each frame, one small node for each"
    source = "Linux 2.5.27 - 2.5.31, mm/rmap.c"
    growth = {
        "fork": (0, 0),
        "exit": (1, 1),
        "walk_shared": (1, 1),
        "walk_own": (0, 0),
        "objects": (1, 1),
    }

    nodes: Pool

    @classmethod
    def new(cls):
        return cls(nodes=Pool.new(NODE_WORDS))

    def short(self, m, nr):
        return pool_short(self.nodes, nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes if forks else 2

    def link(self, m, pfn, pte, vma, fresh):
        count(m, RMAP_LINKS_ADDED, 1)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        count(m, LOCKS, 1)
        node = pool_alloc(self.nodes)
        self.nodes.rows[U(node * NODE_WORDS + NEXT)] = head_of(m, pfn)
        self.nodes.rows[U(node * NODE_WORDS + PTEP)] = pte
        set_head(m, pfn, node)

    def unlink(self, m, pfn, pte, vma):
        count(m, LOCKS, 1)
        previous = NIL
        node = head_of(m, pfn)
        count(m, RMAP_SLOTS_SEARCHED, 1)
        while self.nodes.rows[U(node * NODE_WORDS + PTEP)] != pte:
            previous = node
            node = self.nodes.rows[U(node * NODE_WORDS + NEXT)]
            count(m, RMAP_SLOTS_SEARCHED, 1)
        self._drop(m, pfn, previous, node)

    @cold
    def _drop(self, m, pfn, previous, node):
        """Free the node that follows `previous`, or the first if that is NIL."""
        count(m, RMAP_LINKS_REMOVED, 1)
        count(m, RMAP_OBJECTS_FREED, 1)
        after = self.nodes.rows[U(node * NODE_WORDS + NEXT)]
        if previous == NIL:
            set_head(m, pfn, after)
        else:
            self.nodes.rows[U(previous * NODE_WORDS + NEXT)] = after
        pool_free(self.nodes, node)

    def move(self, m, pfn, old, new, vma):
        self.unlink(m, pfn, old, vma)
        self.link(m, pfn, new, vma, False)

    def walk(self, m, pfn, visitor):
        count(m, LOCKS, 1)
        previous = NIL
        node = head_of(m, pfn)
        while node != NIL:
            after = self.nodes.rows[U(node * NODE_WORDS + NEXT)]
            pte = self.nodes.rows[U(node * NODE_WORDS + PTEP)]
            count(m, RMAP_LINKS_VISITED, 1)
            if visitor.UNMAPS:
                count(m, VMA_LOOKUPS, 1)
            maps(m, pte, pfn)
            answer = visitor.visit(m, pte)
            if answer == STOP:
                return
            if answer == DROP:
                count(m, TRYLOCKS, 1)
                self._drop(m, pfn, previous, node)
            else:
                previous = node
            node = after

    def objects(self):
        return {"pte_chain": (self.nodes.live, self.nodes.peak, self.nodes.made)}

    def object_bytes(self, layout):
        return {"pte_chain": 8 if layout == "32-bit" else 16}

    def fixed_bytes(self, layout):
        return {"frame": 4 if layout == "32-bit" else 8}

    def check(self, m):
        wrong, chained = [], []
        for pfn, mapping in mapped_ptes(m).items():
            nodes, node = [], int(head_of(m, pfn))
            while node != NIL and node not in nodes:
                nodes.append(node)
                node = int(self.nodes.rows[node * NODE_WORDS + NEXT])
            ptes = sorted(int(self.nodes.rows[node * NODE_WORDS + PTEP]) for node in nodes)
            if ptes != mapping:
                wrong.append(f"frame {pfn} is mapped by PTEs {mapping}, its chain has {ptes}")
            chained += nodes
        if sorted(chained) != sorted(used_objects(self.nodes)):
            wrong.append(f"{len(chained)} nodes in chains, {self.nodes.live} in use")
        return "; ".join(wrong)


@hookimpl
def reclaim_register_rmaps(register):
    register(PteChain25)
