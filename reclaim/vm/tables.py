"""Page tables: four levels of 512 entries, as on x86-64, and the page index of files, built alike.

A lookup is three dependent loads and ends at a PTE index. Nodes and leaves are taken from free
lists; those of number 0 stay empty for ever and stand for "not there".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reclaim.counters import LEAVES_ALLOCATED, count
from reclaim.ids import LEAF_BITS, LEAF_PTES, NIL
from reclaim.jit.kernel import U, kernel
from reclaim.rows import (
    LEAF_BASE,
    LEAF_FREE,
    LEAF_NEXT,
    LEAF_SPACE,
    LEAF_TOP,
    LEAF_USED,
    LEAF_WORDS,
    NODE_ENTRIES,
    NODE_FREE,
    NODE_TOP,
    NR_LEAVES,
    NR_NODES,
    SPACE_LAST_LEAF,
    SPACE_LEAVES,
    SPACE_NR_LEAVES,
    SPACE_NR_NODES,
    SPACE_NR_PTES,
    SPACE_ROOT,
    SPACE_WORDS,
    WANT_LEAVES,
    WANT_NODES,
)

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


@kernel
def find_pte(m: Machine, space: int, vpn: int) -> int:
    """Return the index of the PTE of a page; below 512 when it has no leaf (that PTE is empty)."""
    node = m.space[U(space * SPACE_WORDS + SPACE_ROOT)]
    node = m.node[U(node * NODE_ENTRIES + (vpn >> 27))]
    node = m.node[U(node * NODE_ENTRIES + (vpn >> 18 & 511))]
    leaf = m.node[U(node * NODE_ENTRIES + (vpn >> 9 & 511))]
    return leaf * LEAF_PTES + (vpn & 511)


@kernel(cold=True)
def tables_short(m: Machine, nr_leaves: int, nr_nodes: int) -> bool:
    """Tell whether leaves or nodes may run out; notes what is wanted."""
    live = m.live
    live[U(WANT_LEAVES)] = nr_leaves
    live[U(WANT_NODES)] = nr_nodes
    return (
        live[U(LEAF_TOP)] + nr_leaves > len(m.leaf) // LEAF_WORDS
        or live[U(NODE_TOP)] + nr_nodes > len(m.node) // NODE_ENTRIES
    )


@kernel(cold=True)
def new_node(m: Machine) -> int:
    """Take an empty directory node."""
    node = m.live[U(NODE_FREE)]
    if node != 0:
        m.live[U(NODE_FREE)] = m.node[U(node * NODE_ENTRIES)]
        m.node[U(node * NODE_ENTRIES)] = 0
    else:
        node = m.live[U(NODE_TOP)]
        m.live[U(NODE_TOP)] = node + 1
    m.live[U(NR_NODES)] += 1
    return node


@kernel(cold=True)
def _free_node(m: Machine, node: int) -> None:
    for i in range(NODE_ENTRIES):
        m.node[U(node * NODE_ENTRIES + i)] = 0
    m.node[U(node * NODE_ENTRIES)] = m.live[U(NODE_FREE)]
    m.live[U(NODE_FREE)] = node
    m.live[U(NR_NODES)] -= 1


@kernel(cold=True)
def descend(m: Machine, node: int, entry: int) -> int:
    """Return the node below an entry, made if it is not there."""
    below = m.node[U(node * NODE_ENTRIES + entry)]
    if below == 0:
        below = new_node(m)
        m.node[U(node * NODE_ENTRIES + entry)] = below
    return below


@kernel(cold=True)
def make_pte(m: Machine, space: int, vpn: int) -> int:
    """Return the index of the PTE of a page, its leaf allocated if need be."""
    nodes_before = m.live[U(NR_NODES)]
    row = space * SPACE_WORDS
    node = descend(m, m.space[U(row + SPACE_ROOT)], vpn >> 27)
    node = descend(m, node, vpn >> 18 & 511)
    at = node * NODE_ENTRIES + (vpn >> 9 & 511)
    leaf = m.node[U(at)]
    if leaf == 0:
        leaf = m.live[U(LEAF_FREE)]
        if leaf != 0:
            m.live[U(LEAF_FREE)] = m.leaf[U(leaf * LEAF_WORDS + LEAF_NEXT)]
        else:
            leaf = m.live[U(LEAF_TOP)]
            m.live[U(LEAF_TOP)] = leaf + 1
        m.node[U(at)] = leaf
        m.leaf[U(leaf * LEAF_WORDS + LEAF_SPACE)] = space
        m.leaf[U(leaf * LEAF_WORDS + LEAF_BASE)] = vpn >> LEAF_BITS << LEAF_BITS
        m.leaf[U(leaf * LEAF_WORDS + LEAF_NEXT)] = 0
        m.leaf[U(leaf * LEAF_WORDS + LEAF_USED)] = 0
        if m.space[U(row + SPACE_LEAVES)] == 0:
            m.space[U(row + SPACE_LEAVES)] = leaf
        else:
            m.leaf[U(m.space[U(row + SPACE_LAST_LEAF)] * LEAF_WORDS + LEAF_NEXT)] = leaf
        m.space[U(row + SPACE_LAST_LEAF)] = leaf
        m.space[U(row + SPACE_NR_LEAVES)] += 1
        m.live[U(NR_LEAVES)] += 1
        count(m, LEAVES_ALLOCATED, 1)
    m.space[U(row + SPACE_NR_NODES)] += m.live[U(NR_NODES)] - nodes_before
    return leaf * LEAF_PTES + (vpn & 511)


@kernel(cold=True)
def open_tables(m: Machine, space: int) -> None:
    """Give a space an empty directory. Its row is that of a space never used, or just closed."""
    m.space[U(space * SPACE_WORDS + SPACE_ROOT)] = new_node(m)
    m.space[U(space * SPACE_WORDS + SPACE_NR_NODES)] = 1
    m.space[U(space * SPACE_WORDS + SPACE_LEAVES)] = 0
    m.space[U(space * SPACE_WORDS + SPACE_NR_LEAVES)] = 0
    m.space[U(space * SPACE_WORDS + SPACE_NR_PTES)] = 0


@kernel(cold=True)
def close_tables(m: Machine, space: int) -> None:
    """Give back a space's leaves, all of whose PTEs are empty, and its directory."""
    row = space * SPACE_WORDS
    leaf = m.space[U(row + SPACE_LEAVES)]
    while leaf != 0:
        following = m.leaf[U(leaf * LEAF_WORDS + LEAF_NEXT)]
        m.leaf[U(leaf * LEAF_WORDS + LEAF_NEXT)] = m.live[U(LEAF_FREE)]
        m.leaf[U(leaf * LEAF_WORDS + LEAF_SPACE)] = NIL
        m.live[U(LEAF_FREE)] = leaf
        m.live[U(NR_LEAVES)] -= 1
        leaf = following
    root = m.space[U(row + SPACE_ROOT)]
    for i in range(NODE_ENTRIES):
        upper = m.node[U(root * NODE_ENTRIES + i)]
        if upper != 0:
            for j in range(NODE_ENTRIES):
                lower = m.node[U(upper * NODE_ENTRIES + j)]
                if lower != 0:
                    _free_node(m, lower)
            _free_node(m, upper)
    _free_node(m, root)
    m.space[U(row + SPACE_ROOT)] = 0
    m.space[U(row + SPACE_LEAVES)] = 0
    m.space[U(row + SPACE_NR_LEAVES)] = 0
    m.space[U(row + SPACE_NR_NODES)] = 0


# ---- the page index of files: offset -> page id + 1, over the same nodes ------------------------


@kernel(cold=True)
def index_get(m: Machine, root: int, offset: int) -> int:
    """Return page id + 1 at an offset, 0 if none."""
    node = m.node[U(root * NODE_ENTRIES + (offset >> 27))]
    node = m.node[U(node * NODE_ENTRIES + (offset >> 18 & 511))]
    node = m.node[U(node * NODE_ENTRIES + (offset >> 9 & 511))]
    # Widened: page ids are multiplied, and interpreted integers of 32 bits wrap.
    found: Any = np.int64(m.node[U(node * NODE_ENTRIES + (offset & 511))])
    return found


@kernel(cold=True)
def index_set(m: Machine, root: int, offset: int, value: int) -> None:
    """Set page id + 1 at an offset, 0 to forget it."""
    node = descend(m, root, offset >> 27)
    node = descend(m, node, offset >> 18 & 511)
    node = descend(m, node, offset >> 9 & 511)
    m.node[U(node * NODE_ENTRIES + (offset & 511))] = value
