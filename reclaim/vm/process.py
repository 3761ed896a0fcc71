"""Address spaces come and go: new, fork, exec, exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import PTES_COPIED, TLB_FLUSHES, count
from reclaim.ids import LEAF_PTES, MAP_SHARED, NIL
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import is_anon, page_of
from reclaim.vm.mapping import add_mapcount, add_sharers, add_swapped, zap_pte
from reclaim.vm.pte import (
    DIRTY,
    PRESENT,
    PTE_WRITE,
    VALUE_SHIFT,
    YOUNG,
    change_bits,
    set_pte,
)
from reclaim.vm.tables import close_tables, find_pte, make_pte, open_tables
from reclaim.vm.vma import attach_vma, copy_vma, detach_vma, vma_get, vma_set

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine


@kernel(cold=True)
def _empty_space(m: Machine, space: int) -> None:
    row = space * r.SPACE_WORDS
    m.space[U(row + r.SPACE_VMAS)] = NIL
    m.space[U(row + r.SPACE_TREE)] = NIL
    m.space[U(row + r.SPACE_RECENT)] = NIL
    m.space[U(row + r.SPACE_NR_VMAS)] = 0
    m.space[U(row + r.SPACE_ALIVE)] = 1
    m.space[U(row + r.SPACE_RESUME)] = 0
    for column in range(r.SPACE_R0, r.SPACE_WORDS):
        m.space[U(row + column)] = 0
    open_tables(m, space)


@kernel(cold=True)
def open_space(m: Machine, space: int) -> None:
    """Make an empty address space that is nobody's child."""
    _empty_space(m, space)
    m.rmap.space_open(m, space)


@kernel(cold=True)
def next_leaf_vpn(vpn: int) -> int:
    """Return the first page behind the leaf of a page."""
    return (vpn | (LEAF_PTES - 1)) + 1


@kernel(cold=True)
def zap_range(m: Machine, space: int, vma: int, start: int, end: int) -> None:
    """Empty the PTEs of a part of a VMA, in address order."""
    vpn = start
    while vpn < end:
        pte = find_pte(m, space, vpn)
        if pte < LEAF_PTES:
            vpn = next_leaf_vpn(vpn)
        else:
            zap_pte(m, pte, vma)
            vpn += 1


@kernel(cold=True)
def clear_space(m: Machine, space: int) -> None:
    """Zap all PTEs in address order, then unlink the VMAs in address order, as exit_mmap does."""
    m.rmap.unlink_all(m, space)
    vma = m.space[U(space * r.SPACE_WORDS + r.SPACE_VMAS)]
    while vma != NIL:
        end = vma_get(m, vma, r.VMA_LAST) + 1
        zap_range(m, space, vma, vma_get(m, vma, r.VMA_START), end)
        vma = vma_get(m, vma, r.VMA_NEXT)
    vma = m.space[U(space * r.SPACE_WORDS + r.SPACE_VMAS)]
    while vma != NIL:
        following = vma_get(m, vma, r.VMA_NEXT)
        m.rmap.vma_unmap(m, vma)
        detach_vma(m, vma)
        vma = following
    m.rmap.space_close(m, space)
    close_tables(m, space)


@kernel(cold=True)
def exec_space(m: Machine, space: int) -> None:
    """Replace an address space by an empty one."""
    clear_space(m, space)
    open_space(m, space)


@kernel(cold=True)
def exit_space(m: Machine, space: int) -> None:
    """End an address space."""
    clear_space(m, space)
    m.space[U(space * r.SPACE_WORDS + r.SPACE_ALIVE)] = 0


@kernel(cold=True)
def _copy_pte(m: Machine, pte: int, child: int, vpn: int, vma: int, shared: bool) -> None:
    """Copy one PTE to the child: old there; private anonymous pages are write-protected on both."""
    entry = m.pte[U(pte)]
    target = make_pte(m, child, vpn)
    count(m, PTES_COPIED, 1)
    if (entry & PRESENT) == 0:
        set_pte(m, target, entry)
        add_sharers(m, entry >> VALUE_SHIFT, 1)
        add_swapped(m, entry >> VALUE_SHIFT, 1)
        return
    pfn = entry >> VALUE_SHIFT
    page = page_of(m, pfn)
    if not shared and is_anon(m, page):
        add_sharers(m, page, 1)
        if (entry & PTE_WRITE) != 0:
            change_bits(m, pte, PTE_WRITE, 0)
            count(m, TLB_FLUSHES, 1)
    copy = entry & ~YOUNG
    copy &= ~DIRTY if shared else ~PTE_WRITE
    set_pte(m, target, copy)
    add_mapcount(m, pfn, 1)
    m.rmap.link(m, pfn, target, vma, False)


@kernel(cold=True)
def _copy_range(m: Machine, parent: int, child: int, source: int, vma: int) -> None:
    shared = (vma_get(m, source, r.VMA_FLAGS) & MAP_SHARED) != 0
    vpn = vma_get(m, source, r.VMA_START)
    last = vma_get(m, source, r.VMA_LAST)
    while vpn <= last:
        pte = find_pte(m, parent, vpn)
        if pte < LEAF_PTES:
            vpn = next_leaf_vpn(vpn)
        else:
            if m.pte[U(pte)] != 0:
                _copy_pte(m, pte, child, vpn, vma, shared)
            vpn += 1


@kernel(cold=True)
def fork_space(m: Machine, parent: int, child: int) -> None:
    """Make a fork's child: VMAs in address order, and the PTEs that the machine's rule copies."""
    _empty_space(m, child)
    m.rmap.space_fork(m, parent, child)
    source = m.space[U(parent * r.SPACE_WORDS + r.SPACE_VMAS)]
    while source != NIL:
        start, last = vma_get(m, source, r.VMA_START), vma_get(m, source, r.VMA_LAST)
        vma = copy_vma(m, source, child, start, last)
        flags = vma_get(m, source, r.VMA_FLAGS)
        vma_set(m, vma, r.VMA_FLAGS, flags & ~r.VMA_LOCKED)
        vma_set(m, vma, r.VMA_PGOFF, vma_get(m, source, r.VMA_PGOFF))
        attach_vma(m, vma)
        m.rmap.vma_fork(m, source, vma)
        if m.live[U(r.FORK_ALL)] != 0 or (flags & r.VMA_HAS_ANON) != 0:
            _copy_range(m, parent, child, source, vma)
        source = vma_get(m, source, r.VMA_NEXT)
