"""A hash table whose buckets are trees, over rows: finds a node by its key in O(log of a bucket).

A node is that of `reclaim.kit.tree`, six words anywhere in an array of rows, and its low end is its
key, which no other node has. Every node that a search or an insertion compares is counted. illumos
balances its buckets as AVL trees, at most 1.44 log2 n deep, this table as treaps, expected depth
1.4 log2 n: the same answers, and counts that differ by the shape of the trees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reclaim.counters import RMAP_TREE_STEPS, count
from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, cold
from reclaim.kit.checks import tree_nodes
from reclaim.kit.tree import tree_insert, tree_remove
from reclaim.rows import NODE_HIGH, NODE_LEFT, NODE_LOW, NODE_RIGHT

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


class TreeHash(Handle):
    """The roots of the buckets; which bucket a key belongs to is the caller's to say."""

    roots: I64

    @classmethod
    def empty(cls, nr_buckets: int) -> TreeHash:
        """Make it without any node."""
        return cls(roots=np.full(nr_buckets, NIL, dtype=np.int64))

    @cold
    def find(self, m: Machine, rows: I64, bucket: int, key: int) -> int:
        """Return the node with a key, NIL if there is none; nodes compared are counted."""
        node = self.roots[U(bucket)]
        while node != NIL:
            count(m, RMAP_TREE_STEPS, 1)
            low = rows[U(node + NODE_LOW)]
            if low == key:
                return node
            node = rows[U(node + (NODE_LEFT if key < low else NODE_RIGHT))]
        return NIL

    @cold
    def insert(self, m: Machine, rows: I64, bucket: int, node: int, key: int) -> None:
        """Insert a node under a key; the nodes on the way down are counted."""
        rows[U(node + NODE_LOW)] = key
        rows[U(node + NODE_HIGH)] = key
        self.find(m, rows, bucket, key)
        tree_insert(rows, self.roots, bucket, node)

    @cold
    def take(self, m: Machine, rows: I64, bucket: int, key: int) -> int:
        """Find the node with a key, which is there, and take it out; returns it."""
        node = self.find(m, rows, bucket, key)
        tree_remove(rows, self.roots, bucket, node)
        return node

    def nodes(self, rows: I64) -> tuple[dict[int, list[int]], str]:
        """Return bucket -> its nodes in order, and what is wrong with them; plain Python."""
        found: dict[int, list[int]] = {}
        wrong: list[str] = []
        for bucket in np.flatnonzero(self.roots != NIL).tolist():
            found[bucket], problem = tree_nodes(rows, int(self.roots[bucket]))
            wrong += [problem] if problem else []
        return found, "; ".join(wrong)
