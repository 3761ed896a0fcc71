"""VMAs: ranges of an address space with one protection and one backing.

Per space a list by address and a tree for `find_vma`. Split, merge and resize tell the strategy,
whose own index over VMAs is keyed by the range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import VMA_MERGES, VMA_SPLITS, count
from reclaim.ids import NIL
from reclaim.jit.kernel import U, kernel
from reclaim.kit.tree import tree_floor, tree_insert, tree_remove

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


@kernel
def vma_get(m: Machine, vma: int, column: int) -> int:
    """Return a word of a VMA's row."""
    return m.vma[U(vma * r.VMA_WORDS + column)]


@kernel
def vma_set(m: Machine, vma: int, column: int, value: int) -> None:
    """Set a word of a VMA's row."""
    m.vma[U(vma * r.VMA_WORDS + column)] = value


@kernel
def vma_vpn(m: Machine, vma: int, index: int) -> int:
    """Return where a VMA maps a linear page index; NIL outside its range."""
    vpn = vma_get(m, vma, r.VMA_START) + index - vma_get(m, vma, r.VMA_PGOFF)
    if vpn < vma_get(m, vma, r.VMA_START) or vpn > vma_get(m, vma, r.VMA_LAST):
        return NIL
    return vpn


@kernel
def vma_index(m: Machine, vma: int, vpn: int) -> int:
    """Return the linear page index of a page of a VMA."""
    return vma_get(m, vma, r.VMA_PGOFF) + vpn - vma_get(m, vma, r.VMA_START)


@kernel(cold=True)
def vma_before(m: Machine, space: int, vpn: int) -> int:
    """Return the last VMA that starts at or below a page, NIL if none."""
    node = tree_floor(m.vma, m.space[U(space * r.SPACE_WORDS + r.SPACE_TREE)], vpn)
    return node // r.VMA_WORDS if node != NIL else NIL


@kernel
def find_vma(m: Machine, space: int, vpn: int) -> int:
    """Return the VMA that holds a page, NIL if none. O(1) if it is the last one found, O(log n)."""
    vma = m.space[U(space * r.SPACE_WORDS + r.SPACE_RECENT)]
    if vma != NIL and vma_get(m, vma, r.VMA_START) <= vpn <= vma_get(m, vma, r.VMA_LAST):
        return vma
    return _search_vma(m, space, vpn)


@kernel(cold=True)
def _search_vma(m: Machine, space: int, vpn: int) -> int:
    vma = vma_before(m, space, vpn)
    if vma != NIL and vma_get(m, vma, r.VMA_LAST) < vpn:
        return NIL
    m.space[U(space * r.SPACE_WORDS + r.SPACE_RECENT)] = vma
    return vma


@kernel(cold=True)
def first_vma(m: Machine, space: int, vpn: int) -> int:
    """Return the first VMA that ends at or above a page, NIL if none."""
    vma = vma_before(m, space, vpn)
    if vma == NIL:
        return m.space[U(space * r.SPACE_WORDS + r.SPACE_VMAS)]
    if vma_get(m, vma, r.VMA_LAST) < vpn:
        return vma_get(m, vma, r.VMA_NEXT)
    return vma


@kernel(cold=True)
def new_vma(m: Machine, space: int, start: int, last: int, flags: int) -> int:
    """Take a VMA row; not yet in its space."""
    vma = m.live[U(r.VMA_FREE)]
    if vma != NIL:
        m.live[U(r.VMA_FREE)] = vma_get(m, vma, r.VMA_NEXT)
    else:
        vma = m.live[U(r.VMA_TOP)]
        m.live[U(r.VMA_TOP)] = vma + 1
    vma_set(m, vma, r.VMA_START, start)
    vma_set(m, vma, r.VMA_LAST, last)
    vma_set(m, vma, r.VMA_FLAGS, flags)
    vma_set(m, vma, r.VMA_SPACE, space)
    vma_set(m, vma, r.VMA_FILE, NIL)
    vma_set(m, vma, r.VMA_PGOFF, start)
    for column in range(r.VMA_R0, r.VMA_WORDS):
        vma_set(m, vma, column, NIL)
    return vma


@kernel(cold=True)
def copy_vma(m: Machine, vma: int, space: int, start: int, last: int) -> int:
    """Take a VMA row like another, for a part of its range shifted to `start`."""
    copy = new_vma(m, space, start, last, vma_get(m, vma, r.VMA_FLAGS))
    vma_set(m, copy, r.VMA_FILE, vma_get(m, vma, r.VMA_FILE))
    return copy


@kernel(cold=True)
def attach_vma(m: Machine, vma: int) -> None:
    """Put a VMA into its space's list and tree."""
    space = vma_get(m, vma, r.VMA_SPACE)
    row = space * r.SPACE_WORDS
    before = vma_before(m, space, vma_get(m, vma, r.VMA_START))
    after = m.space[U(row + r.SPACE_VMAS)] if before == NIL else vma_get(m, before, r.VMA_NEXT)
    vma_set(m, vma, r.VMA_PREV, before)
    vma_set(m, vma, r.VMA_NEXT, after)
    if before == NIL:
        m.space[U(row + r.SPACE_VMAS)] = vma
    else:
        vma_set(m, before, r.VMA_NEXT, vma)
    if after != NIL:
        vma_set(m, after, r.VMA_PREV, vma)
    tree_insert(m.vma, m.space, row + r.SPACE_TREE, vma * r.VMA_WORDS)
    m.space[U(row + r.SPACE_NR_VMAS)] += 1
    m.live[U(r.NR_VMAS)] += 1


@kernel(cold=True)
def detach_vma(m: Machine, vma: int) -> None:
    """Take a VMA out of its space and give its row back."""
    row = vma_get(m, vma, r.VMA_SPACE) * r.SPACE_WORDS
    before, after = vma_get(m, vma, r.VMA_PREV), vma_get(m, vma, r.VMA_NEXT)
    if before == NIL:
        m.space[U(row + r.SPACE_VMAS)] = after
    else:
        vma_set(m, before, r.VMA_NEXT, after)
    if after != NIL:
        vma_set(m, after, r.VMA_PREV, before)
    tree_remove(m.vma, m.space, row + r.SPACE_TREE, vma * r.VMA_WORDS)
    m.space[U(row + r.SPACE_NR_VMAS)] -= 1
    m.space[U(row + r.SPACE_RECENT)] = NIL
    m.live[U(r.NR_VMAS)] -= 1
    vma_set(m, vma, r.VMA_NEXT, m.live[U(r.VMA_FREE)])
    m.live[U(r.VMA_FREE)] = vma


@kernel(cold=True)
def resize_vma(m: Machine, vma: int, start: int, last: int) -> None:
    """Move the borders of a VMA; its pages keep their linear index."""
    m.rmap.vma_resize_begin(m, vma)
    root = vma_get(m, vma, r.VMA_SPACE) * r.SPACE_WORDS + r.SPACE_TREE
    tree_remove(m.vma, m.space, root, vma * r.VMA_WORDS)
    vma_set(m, vma, r.VMA_PGOFF, vma_index(m, vma, start))
    vma_set(m, vma, r.VMA_START, start)
    vma_set(m, vma, r.VMA_LAST, last)
    tree_insert(m.vma, m.space, root, vma * r.VMA_WORDS)
    m.rmap.vma_resize_end(m, vma)


@kernel(cold=True)
def split_vma(m: Machine, vma: int, at: int) -> int:
    """Cut a VMA before page `at`, strictly inside it; returns the upper part."""
    last = vma_get(m, vma, r.VMA_LAST)
    upper = copy_vma(m, vma, vma_get(m, vma, r.VMA_SPACE), at, last)
    vma_set(m, upper, r.VMA_PGOFF, vma_index(m, vma, at))
    resize_vma(m, vma, vma_get(m, vma, r.VMA_START), at - 1)
    attach_vma(m, upper)
    m.rmap.vma_copy(m, vma, upper)
    count(m, VMA_SPLITS, 1)
    return upper


@kernel(cold=True)
def split_range(m: Machine, space: int, start: int, nr_pages: int) -> int:
    """Split so that VMAs begin and end at the borders of a range.

    Returns the first VMA of the range, NIL when it maps nothing.
    """
    vma = find_vma(m, space, start)
    if vma != NIL and vma_get(m, vma, r.VMA_START) < start:
        split_vma(m, vma, start)
    end = start + nr_pages
    vma = find_vma(m, space, end)
    if vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        split_vma(m, vma, end)
    vma = first_vma(m, space, start)
    if vma != NIL and vma_get(m, vma, r.VMA_START) >= end:
        return NIL
    return vma


@kernel(cold=True)
def may_merge(m: Machine, left: int, right: int) -> bool:
    """Tell whether two VMAs of a space can be one, as far as the machine is concerned."""
    if left == NIL or right == NIL:
        return False
    if vma_get(m, left, r.VMA_LAST) + 1 != vma_get(m, right, r.VMA_START):
        return False
    differ = vma_get(m, left, r.VMA_FLAGS) ^ vma_get(m, right, r.VMA_FLAGS)
    if vma_get(m, left, r.VMA_FILE) == NIL:
        differ &= ~r.VMA_HAS_ANON
    if differ != 0:
        return False
    if vma_get(m, left, r.VMA_FILE) != vma_get(m, right, r.VMA_FILE):
        return False
    joined = vma_index(m, left, vma_get(m, right, r.VMA_START))
    return joined == vma_get(m, right, r.VMA_PGOFF)


@kernel(cold=True)
def merge_vma(m: Machine, left: int, right: int) -> bool:
    """Merge two neighbours into the left one if machine and strategy allow it."""
    if not may_merge(m, left, right) or not m.rmap.may_merge(m, left, right):
        return False
    last = vma_get(m, right, r.VMA_LAST)
    flags = vma_get(m, left, r.VMA_FLAGS) | vma_get(m, right, r.VMA_FLAGS)
    m.rmap.vma_merge(m, left, right)
    detach_vma(m, right)
    resize_vma(m, left, vma_get(m, left, r.VMA_START), last)
    vma_set(m, left, r.VMA_FLAGS, flags)
    count(m, VMA_MERGES, 1)
    return True


@kernel(cold=True)
def merge_range(m: Machine, space: int, start: int, end: int) -> None:
    """Merge what can be merged between the VMA before a range and the one behind it."""
    vma = vma_before(m, space, start - 1) if start > 0 else NIL
    if vma == NIL:
        vma = m.space[U(space * r.SPACE_WORDS + r.SPACE_VMAS)]
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        following = vma_get(m, vma, r.VMA_NEXT)
        if following != NIL and vma_get(m, following, r.VMA_START) > end:
            break
        if not merge_vma(m, vma, following):
            vma = following
