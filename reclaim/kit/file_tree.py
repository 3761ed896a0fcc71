"""The VMAs of a file, in an interval tree keyed by the pages they map: the kernel's i_mmap.

The tree's root is a word of the file's row, its nodes lie in the VMAs' rows, both in the words that
belong to the strategy. A fork puts the child right behind its parent, so that a walk meets parent,
newest child, ..., oldest child.

Insert, remove: O(log n). A walk: O(log n + VMAs that cover the page).

Source: Linux 3.7 and later, mm/interval_tree.c, mm/rmap.c (rmap_walk_file).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reclaim.counters import LOCKS, RMAP_TREE_STEPS, RMAP_VMAS_VISITED, count
from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.kit.tree import (
    tree_first,
    tree_insert,
    tree_insert_after,
    tree_next,
    tree_remove,
)
from reclaim.rows import (
    COUNTERS,
    FILE_R0,
    FILE_WORDS,
    NODE_HIGH,
    NODE_LOW,
    VMA_FILE,
    VMA_LAST,
    VMA_PGOFF,
    VMA_R0,
    VMA_SPACE,
    VMA_START,
    VMA_WORDS,
)
from reclaim.vm.evict import STOP, maps
from reclaim.vm.frames import file_of, index_of, page_of
from reclaim.vm.tables import find_pte
from reclaim.vm.vma import vma_get, vma_vpn

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


UNLIMITED = 1 << 40
"""The limit of a walk that does not stop early."""


@kernel
def set_interval(m: Machine, rows: I64, node: int, vma: int) -> None:
    """Key a tree node by the page indices that a VMA maps."""
    first = vma_get(m, vma, VMA_PGOFF)
    rows[U(node + NODE_LOW)] = first
    rows[U(node + NODE_HIGH)] = first + vma_get(m, vma, VMA_LAST) - vma_get(m, vma, VMA_START)


@kernel(cold=True)
def file_tree_insert(m: Machine, vma: int, behind: int) -> None:
    """Put a VMA into its file's tree, if it has a file.

    Parameters
    ----------
    vma : int
        The VMA.
    behind : int
        A VMA of the same first page to go right behind, or NIL: behind all such.
    """
    file = vma_get(m, vma, VMA_FILE)
    if file == NIL:
        return
    node = vma * VMA_WORDS + VMA_R0
    root = file * FILE_WORDS + FILE_R0
    set_interval(m, m.vma, node, vma)
    count(m, LOCKS, 1)
    if behind == NIL:
        tree_insert(m.vma, m.file, root, node)
    else:
        tree_insert_after(m.vma, m.file, root, behind * VMA_WORDS + VMA_R0, node)


@kernel(cold=True)
def file_tree_remove(m: Machine, vma: int) -> None:
    """Take a VMA out of its file's tree, if it has a file."""
    file = vma_get(m, vma, VMA_FILE)
    if file != NIL:
        count(m, LOCKS, 1)
        tree_remove(m.vma, m.file, file * FILE_WORDS + FILE_R0, vma * VMA_WORDS + VMA_R0)


@kernel
def look_into(m: Machine, pfn: int, vma: int, index: int, visitor: Any) -> int:
    """Look where a VMA covers a page index; 1 if it maps the frame there, -1 to stop the walk."""
    count(m, RMAP_VMAS_VISITED, 1)
    count(m, LOCKS, 1)
    pte = find_pte(m, vma_get(m, vma, VMA_SPACE), vma_vpn(m, vma, index))
    if not maps(m, pte, pfn):
        return 0
    return -1 if visitor.visit(m, pte) == STOP else 1


@kernel(cold=True)
def file_tree_walk(m: Machine, pfn: int, visitor: Any, limit: int) -> None:
    """Walk the VMAs that cover a file's page, until `limit` of them were found to map the frame."""
    page = page_of(m, pfn)
    index = index_of(m, page)
    top = m.file[U(file_of(m, page) * FILE_WORDS + FILE_R0)]
    steps = m.live[U(COUNTERS)] + RMAP_TREE_STEPS
    node = tree_first(m.vma, top, index, index, m.counters, steps)
    while node != NIL and limit > 0:
        found = look_into(m, pfn, (node - VMA_R0) // VMA_WORDS, index, visitor)
        if found < 0:
            return
        limit -= found
        node = tree_next(m.vma, node, index, index, m.counters, steps)


class FilesInTrees:
    """A strategy's VMA hooks where it keeps the VMAs of files in these trees, and no others.

    Stands before `RmapStrategy` among the bases. One that keeps more about VMAs defines the hooks
    itself.
    """

    def vma_map(self, m: Machine, vma: int) -> None:
        """Put a new VMA into its file's tree."""
        file_tree_insert(m, vma, NIL)

    def vma_fork(self, m: Machine, parent: int, child: int) -> None:
        """Put a child's VMA right behind its parent's."""
        file_tree_insert(m, child, parent)

    def vma_copy(self, m: Machine, vma: int, copy: int) -> None:  # noqa: ARG002 - the hook's
        """Put the second VMA of a split or mremap behind its equals."""
        file_tree_insert(m, copy, NIL)

    def vma_unmap(self, m: Machine, vma: int) -> None:
        """Take a VMA out."""
        file_tree_remove(m, vma)

    def vma_resize_begin(self, m: Machine, vma: int) -> None:
        """Take a VMA out whose range is about to change."""
        file_tree_remove(m, vma)

    def vma_resize_end(self, m: Machine, vma: int) -> None:
        """Put it back."""
        file_tree_insert(m, vma, NIL)

    def vma_merge(self, m: Machine, left: int, right: int) -> None:  # noqa: ARG002 - the hook's
        """Take the VMA out that goes."""
        file_tree_remove(m, right)
