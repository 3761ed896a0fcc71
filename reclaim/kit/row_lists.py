"""Doubly linked lists over rows: what the kernel's `list_head` is to its structures.

A *node* is two words (`NEXT`, `PREV`) anywhere in an array of 64-bit rows, named by the offset of
its first word. A *head* is two words (`FIRST`, `LAST`) of any array, both NIL while the list is
empty. Lists of frames have their own kit (`reclaim.kit.lists`), which needs no heads.

All operations are O(1).
"""

from __future__ import annotations

from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel

NEXT, PREV = 0, 1  # of a node
FIRST, LAST = 0, 1  # of a head
LINK_WORDS = 2


@kernel
def row_list_init(heads: I64, head: int) -> None:
    """Make an empty list."""
    heads[U(head + FIRST)] = NIL
    heads[U(head + LAST)] = NIL


@kernel(cold=True)
def row_list_insert(rows: I64, heads: I64, head: int, node: int, before: int) -> None:
    """Put a node in front of another of the list, or at its end when `before` is NIL.

    Parameters
    ----------
    rows : int64 array
        Where nodes live.
    heads, head : int64 array, int
        The two words that hold the list's ends.
    node : int
        Offset of the node, which is on no list.
    before : int
        Offset of a node of the list, or NIL.
    """
    previous = heads[U(head + LAST)] if before == NIL else rows[U(before + PREV)]
    rows[U(node + NEXT)] = before
    rows[U(node + PREV)] = previous
    if previous == NIL:
        heads[U(head + FIRST)] = node
    else:
        rows[U(previous + NEXT)] = node
    if before == NIL:
        heads[U(head + LAST)] = node
    else:
        rows[U(before + PREV)] = node


@kernel
def row_list_push_front(rows: I64, heads: I64, head: int, node: int) -> None:
    """Put a node in front of all (the kernel's list_add)."""
    row_list_insert(rows, heads, head, node, heads[U(head + FIRST)])


@kernel
def row_list_push_back(rows: I64, heads: I64, head: int, node: int) -> None:
    """Put a node behind all (the kernel's list_add_tail)."""
    row_list_insert(rows, heads, head, node, NIL)


@kernel(cold=True)
def row_list_remove(rows: I64, heads: I64, head: int, node: int) -> None:
    """Take a node off its list."""
    following, previous = rows[U(node + NEXT)], rows[U(node + PREV)]
    if previous == NIL:
        heads[U(head + FIRST)] = following
    else:
        rows[U(previous + NEXT)] = following
    if following == NIL:
        heads[U(head + LAST)] = previous
    else:
        rows[U(following + PREV)] = previous


def row_list_nodes(rows: I64, heads: I64, head: int) -> list[int]:
    """Return the nodes of a list from first to last; plain Python, for checks.

    Raises
    ------
    AssertionError
        Its links do not agree, or it has a loop.
    """
    nodes: list[int] = []
    seen: set[int] = set()
    behind, node = NIL, int(heads[head + FIRST])
    while node != NIL:
        assert node not in seen, f"node {node} is on the list twice"
        assert rows[node + PREV] == behind, f"node {node} does not know the one before it"
        seen.add(node)
        nodes.append(node)
        behind, node = node, int(rows[node + NEXT])
    assert heads[head + LAST] == behind, "the list's end is not its last node"
    return nodes
