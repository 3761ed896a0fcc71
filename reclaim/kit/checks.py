"""What plugins' `check` methods ask of the machine and the kit, the slow way. Plain Python."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from reclaim import rows as r
from reclaim.ids import LEAF_PTES, NIL
from reclaim.jit.handle import I64
from reclaim.kit.pool import _FREE, _TOP, Pool
from reclaim.vm.machine import Machine
from reclaim.vm.pte import PRESENT, VALUE_SHIFT


def used_objects(pool: Pool) -> set[int]:
    """Return the objects of a pool that are in use.

    Raises
    ------
    AssertionError
        The free list has a loop.
    """
    top, at = int(pool.state[_TOP]), int(pool.state[_FREE])
    free: set[int] = set()
    while at != NIL:
        assert at not in free, "the free list has a loop"
        free.add(at)
        at = int(pool.rows[at * pool.width])
    return set(range(top)) - free


def mapped_ptes(m: Machine) -> dict[int, list[int]]:
    """Return the PTEs that map each frame, in the order of their indices, read off the tables."""
    found: dict[int, list[int]] = defaultdict(list)
    entries = m.pte[: int(m.live[r.LEAF_TOP]) * LEAF_PTES]
    for pte in np.flatnonzero(entries & PRESENT):
        found[int(entries[pte]) >> VALUE_SHIFT].append(int(pte))
    return found


def living_vmas(m: Machine) -> list[int]:
    """Return the VMAs of all address spaces, each space's in order of address."""
    found = []
    for space in range(len(m.space) // r.SPACE_WORDS):
        row = space * r.SPACE_WORDS
        vma = int(m.space[row + r.SPACE_VMAS]) if m.space[row + r.SPACE_ALIVE] else NIL
        while vma != NIL:
            found.append(vma)
            vma = int(m.vma[vma * r.VMA_WORDS + r.VMA_NEXT])
    return found


def tree_nodes(rows: I64, top: int) -> tuple[list[int], str]:
    """Return the nodes of an interval tree in order, and what is wrong with it ("" if nothing).

    Checked are the links to parents, the order by low end, and the highest end below each node.
    """
    nodes: list[int] = []
    wrong: list[str] = []

    def visit(node: int, parent: int) -> int:
        """Return the highest end at or below a node."""
        left, right = int(rows[node + r.NODE_LEFT]), int(rows[node + r.NODE_RIGHT])
        highest = int(rows[node + r.NODE_HIGH])
        if rows[node + r.NODE_PARENT] != parent:
            wrong.append(f"node {node} does not hang below {parent}")
        if left != NIL:
            highest = max(highest, visit(left, node))
        nodes.append(node)
        if right != NIL:
            highest = max(highest, visit(right, node))
        if rows[node + r.NODE_MAX] != highest:
            wrong.append(f"node {node} says {rows[node + r.NODE_MAX]} is highest, not {highest}")
        return highest

    if top != NIL:
        visit(top, NIL)
    lows = [int(rows[node + r.NODE_LOW]) for node in nodes]
    if lows != sorted(lows):
        wrong.append(f"nodes are out of order: {lows}")
    return nodes, "; ".join(wrong)
