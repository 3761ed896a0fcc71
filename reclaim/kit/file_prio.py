"""The VMAs of a file in a radix priority search tree: i_mmap from Linux 2.6.7 to 3.6.

As `reclaim.kit.file_tree`, with the older tree (`reclaim.kit.prio_tree`): its two words lie in the
file's row, its nodes in the VMAs' rows, both first of what belongs to the strategy. A fork puts the
child on the ring of its parent, whose interval it shares: behind all equals when the parent stands
in the tree, else right behind the parent (dup_mmap, vma_prio_tree_add).

Insert, remove: O(bits of a page index). A walk: O(bits + VMAs that cover the page).

Source: mm/prio_tree.c, mm/rmap.c of Linux 2.6.7 to 2.6.33.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from reclaim.counters import LOCKS, RMAP_TREE_STEPS, count
from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.kit import prio_tree as p
from reclaim.kit.checks import living_vmas
from reclaim.kit.file_tree import look_into
from reclaim.kit.prio_tree import (
    FIRST,
    LAST,
    prio_first,
    prio_insert,
    prio_insert_beside,
    prio_next,
    prio_node,
    prio_remove,
)
from reclaim.rows import (
    COUNTERS,
    FILE_R0,
    FILE_WORDS,
    VMA_FILE,
    VMA_LAST,
    VMA_PGOFF,
    VMA_R0,
    VMA_WORDS,
)
from reclaim.vm.frames import file_of, index_of, page_of
from reclaim.vm.vma import vma_get, vma_index

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


@kernel(cold=True)
def file_prio_insert(m: Machine, vma: int, like: int) -> None:
    """Put a VMA into its file's tree, if it has a file.

    Parameters
    ----------
    vma : int
        The VMA.
    like : int
        A VMA in the tree that maps the same pages (fork's parent), or NIL: search for its place.
    """
    file = vma_get(m, vma, VMA_FILE)
    if file == NIL:
        return
    count(m, LOCKS, 1)
    node = vma * VMA_WORDS + VMA_R0
    if like == NIL:
        m.vma[U(node + FIRST)] = vma_get(m, vma, VMA_PGOFF)
        m.vma[U(node + LAST)] = vma_index(m, vma, vma_get(m, vma, VMA_LAST))
        prio_insert(m.vma, m.file, file * FILE_WORDS + FILE_R0, node)
    else:
        prio_insert_beside(m.vma, node, like * VMA_WORDS + VMA_R0)


@kernel(cold=True)
def file_prio_remove(m: Machine, vma: int) -> None:
    """Take a VMA out of its file's tree, if it has a file."""
    file = vma_get(m, vma, VMA_FILE)
    if file != NIL:
        count(m, LOCKS, 1)
        prio_remove(m.vma, m.file, file * FILE_WORDS + FILE_R0, vma * VMA_WORDS + VMA_R0)


@kernel(cold=True)
def file_prio_walk(m: Machine, pfn: int, visitor: Any, limit: int) -> None:
    """Walk the VMAs that cover a file's page, until `limit` of them were found to map the frame."""
    page = page_of(m, pfn)
    index = index_of(m, page)
    root = file_of(m, page) * FILE_WORDS + FILE_R0
    steps = m.live[U(COUNTERS)] + RMAP_TREE_STEPS
    place = prio_first(m.vma, m.file, root, index, index, m.counters, steps)
    while place != NIL and limit > 0:
        found = look_into(m, pfn, prio_node(place) // VMA_WORDS, index, visitor)
        if found < 0:
            return
        limit -= found
        place = prio_next(m.vma, m.file, root, place, index, index, m.counters, steps)


def wrong_file_prios(m: Machine) -> list[str]:
    """Return how the files' trees differ from the VMAs that map them. Plain Python, for checks."""
    mapped: dict[int, list[int]] = defaultdict(list)
    for vma in living_vmas(m):
        mapped[int(vma_get(m, vma, VMA_FILE))].append(vma)
    problems = []
    for file in range(len(m.file) // FILE_WORDS):
        root = file * FILE_WORDS + FILE_R0
        nodes, problem = prio_nodes(m.vma, m.file, root)
        if sorted(nodes) != [vma * VMA_WORDS + VMA_R0 for vma in sorted(mapped[file])]:
            problem += f"nodes {nodes} are in its tree, VMAs {mapped[file]} map it"
        for node in nodes:
            vma = node // VMA_WORDS
            first, last = vma_get(m, vma, VMA_PGOFF), vma_index(m, vma, vma_get(m, vma, VMA_LAST))
            if (m.vma[node + FIRST], m.vma[node + LAST]) != (first, last):
                problem += f"VMA {vma} covers {first} .. {last}, its node does not"
        problems += [f"file {file}: {problem}"] if problem else []
    return problems


def prio_nodes(rows: I64, roots: I64, root: int) -> tuple[list[int], str]:
    """Return the nodes of a tree in its order, and what is wrong with its shape ("" if nothing)."""
    nodes: list[int] = []
    wrong: list[str] = []
    bits = int(roots[root + p.BITS])
    waiting = [(int(roots[root + p.TOP]), NIL, "")]
    while waiting:
        node, parent, way = waiting.pop()
        if node == NIL:
            continue
        first, last = int(rows[node + FIRST]), int(rows[node + LAST])
        if rows[node + p.PARENT] != parent:
            wrong.append(f"node {node} does not hang below {parent}")
        if parent != NIL and (last, -first) > (rows[parent + LAST], -rows[parent + FIRST]):
            wrong.append(f"node {node} belongs above {parent}")
        if last >> bits or not f"{first:0{bits}b}".startswith(way[:bits]):
            wrong.append(f"node {node} begins at {first} and hangs at {way} of {bits} bits")
        at, behind = node, int(rows[node + p.PREV])
        while at not in nodes:
            nodes.append(at)
            equal = (rows[at + FIRST], rows[at + LAST]) == (first, last)
            if not equal or rows[at + p.PREV] != behind:
                wrong.append(f"node {at} is not rightly on the ring of {node}")
            at, behind = int(rows[at + p.NEXT]), at
        if at != node:
            wrong.append(f"the ring of {node} leads to {at}")
        waiting += [(int(rows[node + side]), node, way + str(side)) for side in (p.RIGHT, p.LEFT)]
    return nodes, "; ".join(wrong)
