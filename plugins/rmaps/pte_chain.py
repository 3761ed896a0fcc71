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
    Param,
    Pool,
    RmapStrategy,
    U,
    cold,
    count,
    head_of,
    hookimpl,
    kernel,
    mapped_ptes,
    maps,
    pool_alloc,
    pool_free,
    pool_short,
    prefetch,
    set_head,
    used_objects,
)

# The frame's word: NIL, a direct PTE << 1 | 1, or a node << 1.
# A node's word 0: (next node + 1) << 8 | lowest used slot, packed as the kernel packs both.


@kernel
def lowest(chains, node):
    """Return the lowest used slot of a node."""
    return chains.rows[U(node * chains.width)] & 0xFF


@kernel
def following(chains, node):
    """Return the next node of a chain, NIL at its end."""
    return (chains.rows[U(node * chains.width)] >> 8) - 1


@kernel
def pack(chains, node, after, slot):
    """Write a node's first word."""
    chains.rows[U(node * chains.width)] = (after + 1) << 8 | slot


@kernel
def slot_at(chains, node, slot):
    """Return where a slot of a node lies in the pool's rows."""
    return node * chains.width + 1 + slot


class PteChain(RmapStrategy):
    """A pool of nodes; the chains start in the frames."""

    name = "pte_chain"
    summary = "chains the PTEs of each frame in cache-line nodes; a single PTE directly"
    source = "Linux 2.5.32 - 2.6.6, mm/rmap.c"
    params = {
        "line": Param(int, 64, choices=(32, 64, 128), unit="bytes", text="cache line, a node"),
        "word": Param(int, 8, choices=(4, 8), unit="bytes", text="machine word"),
        "pte_address": Param(
            int, 0, choices=(0, 4, 8), unit="bytes", text="address of a PTE; 0: a word (8 with PAE)"
        ),
    }

    chains: Pool
    line: int
    word: int
    pte_address: int
    nr_slots: int

    @classmethod
    def new(cls, line, word, pte_address):
        pte_address = pte_address or word
        nr_slots = (line - word) // pte_address
        return cls(
            chains=Pool.new(nr_slots + 1),
            line=line,
            word=word,
            pte_address=pte_address,
            nr_slots=nr_slots,
        )

    def short(self, m, nr):
        return pool_short(self.chains, nr)

    def room(self, m, space, nr_ptes, forks):
        return nr_ptes if forks else 2

    @cold
    def _push_node(self, m, pfn, after, pte):
        node = pool_alloc(self.chains)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        pack(self.chains, node, after, self.nr_slots - 1)
        self.chains.rows[U(slot_at(self.chains, node, self.nr_slots - 1))] = pte
        set_head(m, pfn, node << 1)

    @cold
    def _extend(self, m, pfn, head, pte):
        if (head & 1) != 0:
            self._push_node(m, pfn, NIL, head >> 1)
            head = head_of(m, pfn)
        node = head >> 1
        slot = lowest(self.chains, node)
        if slot == 0:
            self._push_node(m, pfn, node, pte)
        else:
            self.chains.rows[U(slot_at(self.chains, node, slot - 1))] = pte
            self.chains.rows[U(node * self.chains.width)] -= 1

    def link(self, m, pfn, pte, vma, fresh):
        count(m, RMAP_LINKS_ADDED, 1)
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if head == NIL:
            set_head(m, pfn, pte << 1 | 1)
        else:
            self._extend(m, pfn, head, pte)

    @cold
    def _pop(self, m, pfn):
        """Take the lowest used entry off the head node, which is freed when that was its last."""
        node = head_of(m, pfn) >> 1
        slot = lowest(self.chains, node)
        if slot + 1 < self.nr_slots:
            self.chains.rows[U(node * self.chains.width)] += 1
            return
        after = following(self.chains, node)
        set_head(m, pfn, NIL if after == NIL else after << 1)
        pool_free(self.chains, node)
        count(m, RMAP_OBJECTS_FREED, 1)

    @cold
    def _search(self, m, pfn, pte):
        """Return where an entry lies in the pool's rows, looking from the head."""
        node = head_of(m, pfn) >> 1
        while node != NIL:
            for slot in range(lowest(self.chains, node), self.nr_slots):
                count(m, RMAP_SLOTS_SEARCHED, 1)
                at = slot_at(self.chains, node, slot)
                if self.chains.rows[U(at)] == pte:
                    return at
            node = following(self.chains, node)
        return NIL

    def unlink(self, m, pfn, pte, vma):
        count(m, RMAP_LINKS_REMOVED, 1)
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if (head & 1) != 0:
            set_head(m, pfn, NIL)
            return
        at = self._search(m, pfn, pte)
        node = head >> 1
        self.chains.rows[U(at)] = self.chains.rows[
            U(slot_at(self.chains, node, lowest(self.chains, node)))
        ]
        self._pop(m, pfn)

    def move(self, m, pfn, old, new, vma):
        self.unlink(m, pfn, old, vma)
        self.link(m, pfn, new, vma, False)

    @cold
    def _walk_chain(self, m, pfn, visitor):
        node = head_of(m, pfn) >> 1
        while node != NIL:
            after = following(self.chains, node)
            for slot in range(lowest(self.chains, node), self.nr_slots):
                at = slot_at(self.chains, node, slot)
                pte = self.chains.rows[U(at)]
                count(m, RMAP_LINKS_VISITED, 1)
                maps(m, pte, pfn)
                answer = visitor.visit(m, pte)
                if answer == DROP:
                    count(m, RMAP_LINKS_REMOVED, 1)
                    count(m, TRYLOCKS, 1)
                    head = head_of(m, pfn) >> 1
                    self.chains.rows[U(at)] = self.chains.rows[
                        U(slot_at(self.chains, head, lowest(self.chains, head)))
                    ]
                    self._pop(m, pfn)
                elif answer == STOP:
                    return
            node = after

    @cold
    def _collapse(self, m, pfn):
        """Turn a chain of one back into a direct pointer."""
        node = head_of(m, pfn) >> 1
        if lowest(self.chains, node) == self.nr_slots - 1 and following(self.chains, node) == NIL:
            pte = self.chains.rows[U(slot_at(self.chains, node, self.nr_slots - 1))]
            set_head(m, pfn, pte << 1 | 1)
            pool_free(self.chains, node)
            count(m, RMAP_OBJECTS_FREED, 1)

    def walk(self, m, pfn, visitor):
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if (head & 1) != 0:
            count(m, RMAP_LINKS_VISITED, 1)
            maps(m, head >> 1, pfn)
            if visitor.visit(m, head >> 1) == DROP:
                count(m, RMAP_LINKS_REMOVED, 1)
                count(m, TRYLOCKS, 1)
                set_head(m, pfn, NIL)
            return
        self._walk_chain(m, pfn, visitor)
        if not visitor.UNMAPS:
            self._collapse(m, pfn)

    def hint(self, m, pfn):
        head = head_of(m, pfn)
        if (head & 1) != 0:
            prefetch(m.pte, head >> 1)

    def objects(self):
        return {"pte_chain": (self.chains.live, self.chains.peak, self.chains.made)}

    def object_bytes(self, layout):
        return {"pte_chain": self.line}

    def fixed_bytes(self, layout):
        return {"frame": max(self.pte_address, 4 if layout == "32-bit" else 8)}

    def check(self, m):
        tables = mapped_ptes(m)
        chained = []
        wrong = []
        for pfn, mapping in tables.items():
            ptes, nodes = self.chain_of(head_of(m, pfn))
            chained += nodes
            if sorted(ptes) != mapping:
                wrong.append(f"frame {pfn} is mapped by PTEs {mapping}, its chain has {ptes}")
            if any(lowest(self.chains, node) > 0 for node in nodes[1:]):
                wrong.append(f"frame {pfn}: a node behind the head is partly empty")
            if nodes and not lowest(self.chains, nodes[0]) < self.nr_slots:
                wrong.append(f"frame {pfn}: its head node is empty")
        if sorted(chained) != sorted(used_objects(self.chains)):
            wrong.append(f"{len(chained)} nodes in chains, {self.chains.live} in use")
        return "; ".join(wrong)

    def chain_of(self, head):
        """Return the PTEs and the nodes of a chain, head first; plain Python."""
        if head == NIL or head & 1:
            return ([] if head == NIL else [int(head) >> 1]), []
        ptes, nodes, node = [], [], int(head) >> 1
        while node != NIL and node not in nodes:
            nodes.append(node)
            first = slot_at(self.chains, node, lowest(self.chains, node))
            ptes += self.chains.rows[first : slot_at(self.chains, node, self.nr_slots)].tolist()
            node = int(following(self.chains, node))
        return ptes, nodes


@hookimpl
def reclaim_register_rmaps(register):
    register(PteChain)
