"""Chains of the PTEs that map a frame, in nodes of one cache line: Linux 2.5.32 - 2.6.6.

A frame's word is NIL, a direct PTE, or its head node. Only the head node may be partly empty; its
used slots are contiguous at the high end and filled downward. plugins/rmaps/pte_chain.py tells the
story; strategies that keep chains for a part of the pages share this.

A link holds no VMA, so unmapping looks one up for each (find_vma: is it locked?).

Add: O(1). Remove: O(position in the chain). Walk: O(mappings). Source: mm/rmap.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reclaim.counters import (
    LOCKS,
    RMAP_LINKS_ADDED,
    RMAP_LINKS_REMOVED,
    RMAP_LINKS_VISITED,
    RMAP_OBJECTS_ALLOCATED,
    RMAP_OBJECTS_FREED,
    RMAP_SLOTS_SEARCHED,
    TRYLOCKS,
    VMA_LOOKUPS,
    count,
)
from reclaim.ids import NIL
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import U, cold, kernel, prefetch
from reclaim.kit.checks import mapped_ptes, used_objects
from reclaim.kit.pool import Pool, pool_alloc, pool_free, pool_short
from reclaim.vm.evict import DROP, STOP, maps
from reclaim.vm.frames import head_of, set_head

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# The frame's word: NIL, a direct PTE << 1 | 1, or a node << 1.
# A node's word 0: (next node + 1) << 8 | lowest used slot, packed as the kernel packs both.


@kernel
def lowest(chains: Pool, node: int) -> int:
    """Return the lowest used slot of a node."""
    return chains.rows[U(node * chains.width)] & 0xFF


@kernel
def following(chains: Pool, node: int) -> int:
    """Return the next node of a chain, NIL at its end."""
    return (chains.rows[U(node * chains.width)] >> 8) - 1


@kernel
def pack(chains: Pool, node: int, after: int, slot: int) -> None:
    """Write a node's first word."""
    chains.rows[U(node * chains.width)] = (after + 1) << 8 | slot


@kernel
def slot_at(chains: Pool, node: int, slot: int) -> int:
    """Return where a slot of a node lies in the pool's rows."""
    return node * chains.width + 1 + slot


class PteChains(Handle):
    """A pool of nodes of `nr_slots` slots; the chains start in the frames."""

    nodes: Pool
    nr_slots: int

    @classmethod
    def empty(cls, nr_slots: int) -> PteChains:
        """Make it without any node."""
        return cls(nodes=Pool.new(nr_slots + 1), nr_slots=nr_slots)

    def short(self, nr: int) -> bool:
        """Tell whether fewer than `nr` nodes are left."""
        return pool_short(self.nodes, nr)

    @cold
    def _push_node(self, m: Machine, pfn: int, after: int, pte: int) -> None:
        node = pool_alloc(self.nodes)
        count(m, RMAP_OBJECTS_ALLOCATED, 1)
        pack(self.nodes, node, after, self.nr_slots - 1)
        self.nodes.rows[U(slot_at(self.nodes, node, self.nr_slots - 1))] = pte
        set_head(m, pfn, node << 1)

    @cold
    def _extend(self, m: Machine, pfn: int, head: int, pte: int) -> None:
        if (head & 1) != 0:
            self._push_node(m, pfn, NIL, head >> 1)
            head = head_of(m, pfn)
        node = head >> 1
        slot = lowest(self.nodes, node)
        if slot == 0:
            self._push_node(m, pfn, node, pte)
        else:
            self.nodes.rows[U(slot_at(self.nodes, node, slot - 1))] = pte
            self.nodes.rows[U(node * self.nodes.width)] -= 1

    def add(self, m: Machine, pfn: int, pte: int) -> None:
        """Chain a PTE to a frame."""
        count(m, RMAP_LINKS_ADDED, 1)
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if head == NIL:
            set_head(m, pfn, pte << 1 | 1)
        else:
            self._extend(m, pfn, head, pte)

    @cold
    def _pop(self, m: Machine, pfn: int) -> None:
        """Take the lowest used entry off the head node, which is freed when that was its last."""
        node = head_of(m, pfn) >> 1
        slot = lowest(self.nodes, node)
        if slot + 1 < self.nr_slots:
            self.nodes.rows[U(node * self.nodes.width)] += 1
            return
        after = following(self.nodes, node)
        set_head(m, pfn, NIL if after == NIL else after << 1)
        pool_free(self.nodes, node)
        count(m, RMAP_OBJECTS_FREED, 1)

    @cold
    def _search(self, m: Machine, pfn: int, pte: int) -> int:
        """Return where an entry lies in the pool's rows, looking from the head."""
        node = head_of(m, pfn) >> 1
        while node != NIL:
            for slot in range(lowest(self.nodes, node), self.nr_slots):
                count(m, RMAP_SLOTS_SEARCHED, 1)
                at = slot_at(self.nodes, node, slot)
                if self.nodes.rows[U(at)] == pte:
                    return at
            node = following(self.nodes, node)
        return NIL

    def remove(self, m: Machine, pfn: int, pte: int) -> None:
        """Take a PTE off a frame's chain."""
        count(m, RMAP_LINKS_REMOVED, 1)
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if (head & 1) != 0:
            set_head(m, pfn, NIL)
            return
        at = self._search(m, pfn, pte)
        node = head >> 1
        self.nodes.rows[U(at)] = self.nodes.rows[
            U(slot_at(self.nodes, node, lowest(self.nodes, node)))
        ]
        self._pop(m, pfn)

    @cold
    def _walk_chain(self, m: Machine, pfn: int, visitor: Any) -> None:
        node = head_of(m, pfn) >> 1
        while node != NIL:
            after = following(self.nodes, node)
            for slot in range(lowest(self.nodes, node), self.nr_slots):
                at = slot_at(self.nodes, node, slot)
                pte = self.nodes.rows[U(at)]
                count(m, RMAP_LINKS_VISITED, 1)
                if visitor.UNMAPS:
                    count(m, VMA_LOOKUPS, 1)
                maps(m, pte, pfn)
                answer = visitor.visit(m, pte)
                if answer == DROP:
                    count(m, RMAP_LINKS_REMOVED, 1)
                    count(m, TRYLOCKS, 1)
                    head = head_of(m, pfn) >> 1
                    self.nodes.rows[U(at)] = self.nodes.rows[
                        U(slot_at(self.nodes, head, lowest(self.nodes, head)))
                    ]
                    self._pop(m, pfn)
                elif answer == STOP:
                    return
            node = after

    @cold
    def _collapse(self, m: Machine, pfn: int) -> None:
        """Turn a chain of one back into a direct pointer."""
        node = head_of(m, pfn) >> 1
        if lowest(self.nodes, node) == self.nr_slots - 1 and following(self.nodes, node) == NIL:
            pte = self.nodes.rows[U(slot_at(self.nodes, node, self.nr_slots - 1))]
            set_head(m, pfn, pte << 1 | 1)
            pool_free(self.nodes, node)
            count(m, RMAP_OBJECTS_FREED, 1)

    def walk(self, m: Machine, pfn: int, visitor: Any) -> None:
        """Walk a frame's chain; a walk that does not unmap collapses a chain of one at its end."""
        count(m, LOCKS, 1)
        head = head_of(m, pfn)
        if (head & 1) != 0:
            count(m, RMAP_LINKS_VISITED, 1)
            if visitor.UNMAPS:
                count(m, VMA_LOOKUPS, 1)
            maps(m, head >> 1, pfn)
            if visitor.visit(m, head >> 1) == DROP:
                count(m, RMAP_LINKS_REMOVED, 1)
                count(m, TRYLOCKS, 1)
                set_head(m, pfn, NIL)
            return
        self._walk_chain(m, pfn, visitor)
        if not visitor.UNMAPS:
            self._collapse(m, pfn)

    def hint(self, m: Machine, pfn: int) -> None:
        """Prefetch the one PTE of a frame that is mapped directly."""
        head = head_of(m, pfn)
        if (head & 1) != 0:
            prefetch(m.pte, head >> 1)

    def check(self, m: Machine, tables: dict[int, list[int]] | None = None) -> str:
        """Return how the chains differ from the page tables, "" if they do not. Plain Python.

        Parameters
        ----------
        tables : dict, optional
            Frame -> its PTEs in order, of the frames that have chains; by default all mapped ones.
        """
        tables = mapped_ptes(m) if tables is None else tables
        chained: list[int] = []
        wrong: list[str] = []
        for pfn, mapping in tables.items():
            ptes, nodes = self.chain_of(head_of(m, pfn))
            chained += nodes
            if sorted(ptes) != mapping:
                wrong.append(f"frame {pfn} is mapped by PTEs {mapping}, its chain has {ptes}")
            if any(lowest(self.nodes, node) > 0 for node in nodes[1:]):
                wrong.append(f"frame {pfn}: a node behind the head is partly empty")
            if nodes and not lowest(self.nodes, nodes[0]) < self.nr_slots:
                wrong.append(f"frame {pfn}: its head node is empty")
        if sorted(chained) != sorted(used_objects(self.nodes)):
            wrong.append(f"{len(chained)} nodes in chains, {self.nodes.live} in use")
        return "; ".join(wrong)

    def chain_of(self, head: int) -> tuple[list[int], list[int]]:
        """Return the PTEs and the nodes of a chain, head first; plain Python."""
        if head == NIL or head & 1:
            return ([] if head == NIL else [int(head) >> 1]), []
        ptes: list[int] = []
        nodes: list[int] = []
        node = int(head) >> 1
        while node != NIL and node not in nodes:
            nodes.append(node)
            first = slot_at(self.nodes, node, lowest(self.nodes, node))
            ptes += self.nodes.rows[first : slot_at(self.nodes, node, self.nr_slots)].tolist()
            node = int(following(self.nodes, node))
        return ptes, nodes
