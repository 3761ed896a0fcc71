"""Circular doubly linked lists over rows, headed by a single word: the mappings of a page.

A *node* is two words (`NEXT`, `PREV`) anywhere in an array of 64-bit rows, named by the offset of
its first word. A *ring* is named by its first node, NIL when it is empty; the last node is the one
in front of the first. Kernels give a page's list two words of head (a TAILQ's first and last); a
frame has one for its strategy, and a ring needs no more to be appended to. The caller keeps the
first node: functions that may change it return it.

All operations are O(1). To rotate a ring is to call another node its first.
"""

from __future__ import annotations

from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel

NEXT, PREV = 0, 1  # of a node
RING_WORDS = 2


@kernel
def ring_next(rows: I64, node: int) -> int:
    """Return the node behind another; behind the last comes the first."""
    return rows[U(node + NEXT)]


@kernel
def ring_last(rows: I64, first: int) -> int:
    """Return the last node of a ring that is not empty."""
    return rows[U(first + PREV)]


@kernel(cold=True)
def ring_push_back(rows: I64, first: int, node: int) -> int:
    """Put a node, which is on no ring, behind all others; returns the first."""
    if first == NIL:
        rows[U(node + NEXT)] = node
        rows[U(node + PREV)] = node
        return node
    last = rows[U(first + PREV)]
    rows[U(node + NEXT)] = first
    rows[U(node + PREV)] = last
    rows[U(last + NEXT)] = node
    rows[U(first + PREV)] = node
    return first


@kernel
def ring_push_front(rows: I64, first: int, node: int) -> int:
    """Put a node, which is on no ring, in front of all others; returns it, the first now."""
    ring_push_back(rows, first, node)
    return node


@kernel(cold=True)
def ring_remove(rows: I64, first: int, node: int) -> int:
    """Take a node off its ring; returns the first that is left, or NIL."""
    following, previous = rows[U(node + NEXT)], rows[U(node + PREV)]
    if following == node:
        return NIL
    rows[U(previous + NEXT)] = following
    rows[U(following + PREV)] = previous
    return following if node == first else first


def ring_nodes(rows: I64, first: int) -> list[int]:
    """Return the nodes of a ring from first to last; plain Python, for checks.

    Raises
    ------
    AssertionError
        Its links do not agree, or it does not close where it began.
    """
    nodes: list[int] = []
    node = first
    while node != NIL and (not nodes or node != first):
        assert node not in nodes, f"node {node} is on the ring twice"
        nodes.append(node)
        following = int(rows[node + NEXT])
        assert rows[following + PREV] == node, f"node {following} does not know the one before it"
        node = following
    return nodes
