"""Lists of VMAs that a walk goes through from end to end: of an anon_vma, or of a file.

A list does not know what a VMA covers. So a walk looks at each VMA: those whose range does not hold
the page are looked at and left (page_referenced_one's -EFAULT), in the others it reads the PTE. A
VMA's range may change without a word to its list.

A file has two lists, first the private mappings (i_mmap), then the shared (i_mmap_shared), whose
heads take the four words of its row. mmap, mremap and a split put a VMA behind all
(__vma_link_file); fork puts the child right *before* its parent, though the comment there says
after (dup_mmap: list_add_tail to the parent's node, until H. Dickins' anobjrmap 7 of March 2004).
So the order is oldest child, ..., newest child, parent.

Insert, remove: O(1). A walk: O(all VMAs of the list).

Sources: mm/mmap.c, kernel/fork.c of Linux 2.5.62 to 2.6.6; page_referenced_obj of 2.5.62-mjb2.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from reclaim.counters import LOCKS, RMAP_VMAS_VISITED, count
from reclaim.ids import MAP_SHARED, NIL
from reclaim.jit.kernel import U, kernel
from reclaim.kit.checks import living_vmas
from reclaim.kit.file_tree import look_into
from reclaim.kit.row_lists import (
    FIRST,
    LINK_WORDS,
    NEXT,
    row_list_insert,
    row_list_nodes,
    row_list_push_back,
    row_list_remove,
)
from reclaim.rows import FILE_R0, FILE_WORDS, VMA_FILE, VMA_FLAGS, VMA_R0, VMA_WORDS
from reclaim.vm.frames import file_of, index_of, page_of
from reclaim.vm.vma import vma_get, vma_vpn

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# Where a file's heads lie in its row, behind FILE_R0; a VMA's node lies at VMA_R0 of its own.
I_MMAP, I_MMAP_SHARED = 0, LINK_WORDS


@kernel(cold=True)
def vma_list_walk(m: Machine, pfn: int, node: int, visitor: Any, limit: int) -> int:
    """Walk a list of VMAs from a node on, until `limit` of them were found to map the frame.

    Nodes lie anywhere in VMA rows. Returns what is left of the limit, 0 when the visitor said STOP.
    """
    index = index_of(m, page_of(m, pfn))
    while node != NIL and limit > 0:
        vma = node // VMA_WORDS
        if vma_vpn(m, vma, index) == NIL:
            count(m, RMAP_VMAS_VISITED, 1)
        else:
            found = look_into(m, pfn, vma, index, visitor)
            if found < 0:
                return 0
            limit -= found
        node = m.vma[U(node + NEXT)]
    return limit


@kernel
def file_list_of(m: Machine, vma: int) -> int:
    """Return where the head of a VMA's list lies; the VMA has a file."""
    shared = (vma_get(m, vma, VMA_FLAGS) & MAP_SHARED) != 0
    head = vma_get(m, vma, VMA_FILE) * FILE_WORDS + FILE_R0
    return head + I_MMAP_SHARED if shared else head + I_MMAP


@kernel(cold=True)
def file_list_insert(m: Machine, vma: int, before: int) -> None:
    """Put a VMA on its file's list, if it has a file: before another one, or behind all if NIL."""
    if vma_get(m, vma, VMA_FILE) == NIL:
        return
    count(m, LOCKS, 1)
    node = vma * VMA_WORDS + VMA_R0
    if before == NIL:
        row_list_push_back(m.vma, m.file, file_list_of(m, vma), node)
    else:
        at = before * VMA_WORDS + VMA_R0
        row_list_insert(m.vma, m.file, file_list_of(m, vma), node, at)


@kernel(cold=True)
def file_list_remove(m: Machine, vma: int) -> None:
    """Take a VMA off its file's list, if it has a file."""
    if vma_get(m, vma, VMA_FILE) != NIL:
        count(m, LOCKS, 1)
        row_list_remove(m.vma, m.file, file_list_of(m, vma), vma * VMA_WORDS + VMA_R0)


@kernel(cold=True)
def file_lists_walk(m: Machine, pfn: int, visitor: Any, limit: int) -> None:
    """Walk the private, then the shared mappings of a file's page."""
    head = file_of(m, page_of(m, pfn)) * FILE_WORDS + FILE_R0
    limit = vma_list_walk(m, pfn, m.file[U(head + I_MMAP + FIRST)], visitor, limit)
    vma_list_walk(m, pfn, m.file[U(head + I_MMAP_SHARED + FIRST)], visitor, limit)


def wrong_file_lists(m: Machine) -> list[str]:
    """Return how the files' lists differ from the VMAs that map them. Plain Python, for checks."""
    mapped: dict[int, list[int]] = defaultdict(list)
    for vma in living_vmas(m):
        if vma_get(m, vma, VMA_FILE) != NIL:
            mapped[int(file_list_of(m, vma))].append(vma * VMA_WORDS + VMA_R0)
    problems = []
    for file in range(len(m.file) // FILE_WORDS):
        for head in (file * FILE_WORDS + FILE_R0 + which for which in (I_MMAP, I_MMAP_SHARED)):
            if sorted(row_list_nodes(m.vma, m.file, head)) != sorted(mapped[head]):
                problems.append(f"file {file}: its list at {head} is not the VMAs that map it")
    return problems
