"""The mmap family: mmap, munmap, mremap, mprotect, mlock, munlock, madvise, truncate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import PTES_MOVED, PTES_ZAPPED, TLB_FLUSHES, count
from reclaim.ids import LEAF_PTES, MAP_SHARED, NIL
from reclaim.jit.kernel import U, kernel
from reclaim.vm.evict import swap_full, unmap, unmap_and_write, unmap_one
from reclaim.vm.frames import (
    file_page,
    forget_page,
    frame_flag,
    frame_of,
    has_slot,
    is_anon,
    is_locked,
    mapcount,
    page_of,
    set_flag,
    sharers,
)
from reclaim.vm.mapping import (
    DEACTIVATED,
    MLOCK,
    PAGEOUT,
    TRUNCATED,
    ZAPPED_YOUNG,
    leave_note,
    lock_mapping,
    release,
    unlock_mapping,
)
from reclaim.vm.process import next_leaf_vpn, zap_range
from reclaim.vm.pte import (
    HAS_SLOT,
    PERMISSIONS,
    PRESENT,
    PTE_WRITE,
    VALUE_SHIFT,
    YOUNG,
    change_bits,
    permission_bits,
    set_pte,
)
from reclaim.vm.tables import find_pte, index_set, make_pte
from reclaim.vm.vma import (
    attach_vma,
    copy_vma,
    detach_vma,
    first_vma,
    merge_range,
    new_vma,
    split_range,
    vma_get,
    vma_index,
    vma_set,
)

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

DONTNEED, COLD, PAGEOUT_ADVICE = 0, 1, 2


@kernel(cold=True)
def munmap(m: Machine, space: int, start: int, nr_pages: int) -> None:
    """Unmap a range; holes are fine. VMAs are split at its borders, zapped, unlinked."""
    end = start + nr_pages
    vma = split_range(m, space, start, nr_pages)
    first = vma
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        vma_end = vma_get(m, vma, r.VMA_LAST) + 1
        zap_range(m, space, vma, vma_get(m, vma, r.VMA_START), vma_end)
        vma = vma_get(m, vma, r.VMA_NEXT)
    vma = first
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        following = vma_get(m, vma, r.VMA_NEXT)
        m.rmap.vma_unmap(m, vma)
        detach_vma(m, vma)
        vma = following


@kernel(cold=True)
def mmap(
    m: Machine, space: int, start: int, nr_pages: int, file: int, offset: int, flags: int
) -> None:
    """Map a range over whatever was there (MAP_FIXED), and merge it with its neighbours."""
    munmap(m, space, start, nr_pages)
    vma = new_vma(m, space, start, start + nr_pages - 1, flags)
    if file != NIL:
        vma_set(m, vma, r.VMA_FILE, file)
        vma_set(m, vma, r.VMA_PGOFF, offset)
    attach_vma(m, vma)
    m.rmap.vma_map(m, vma)
    merge_range(m, space, start, start + nr_pages)


@kernel(cold=True)
def _protect_ptes(m: Machine, space: int, vma: int) -> None:
    """Give the PTEs of a VMA its permissions; a page that must be copied first stays read-only."""
    flags = vma_get(m, vma, r.VMA_FLAGS)
    vpn = vma_get(m, vma, r.VMA_START)
    last = vma_get(m, vma, r.VMA_LAST)
    while vpn <= last:
        pte = find_pte(m, space, vpn)
        if pte < LEAF_PTES:
            vpn = next_leaf_vpn(vpn)
            continue
        entry = m.pte[U(pte)]
        if (entry & PRESENT) != 0:
            bits = permission_bits(flags)
            page = page_of(m, entry >> VALUE_SHIFT)
            own = is_anon(m, page) and sharers(m, page) == 1
            if (flags & MAP_SHARED) == 0 and not own:
                bits &= ~PTE_WRITE
            elif has_slot(m, page):
                bits |= HAS_SLOT  # taken since it was mapped, if others were unmapped one by one
            change_bits(m, pte, PERMISSIONS, bits)
            count(m, TLB_FLUSHES, 1)
        vpn += 1


@kernel(cold=True)
def mprotect(m: Machine, space: int, start: int, nr_pages: int, prot: int) -> None:
    """Change the protection of a range."""
    end = start + nr_pages
    vma = split_range(m, space, start, nr_pages)
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        vma_set(m, vma, r.VMA_FLAGS, (vma_get(m, vma, r.VMA_FLAGS) & ~7) | prot)
        _protect_ptes(m, space, vma)
        vma = vma_get(m, vma, r.VMA_NEXT)
    merge_range(m, space, start, end)


@kernel(cold=True)
def _relock_ptes(m: Machine, space: int, vma: int, locked: bool) -> None:
    vpn = vma_get(m, vma, r.VMA_START)
    last = vma_get(m, vma, r.VMA_LAST)
    while vpn <= last:
        pte = find_pte(m, space, vpn)
        if pte < LEAF_PTES:
            vpn = next_leaf_vpn(vpn)
            continue
        entry = m.pte[U(pte)]
        if (entry & PRESENT) != 0:
            pfn = entry >> VALUE_SHIFT
            if not locked:
                unlock_mapping(m, pfn)
            elif lock_mapping(m, pfn):
                leave_note(m, pfn, MLOCK)
        vpn += 1


@kernel(cold=True)
def relock(m: Machine, space: int, start: int, nr_pages: int, locked: bool) -> None:
    """Mlock or munlock a range; what mlock must still fault in, the engine does."""
    end = start + nr_pages
    vma = split_range(m, space, start, nr_pages)
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        flags = vma_get(m, vma, r.VMA_FLAGS)
        if ((flags & r.VMA_LOCKED) != 0) != locked:
            vma_set(m, vma, r.VMA_FLAGS, flags ^ r.VMA_LOCKED)
            _relock_ptes(m, space, vma, locked)
        vma = vma_get(m, vma, r.VMA_NEXT)
    merge_range(m, space, start, end)


@kernel(cold=True)
def _move_ptes(m: Machine, space: int, copy: int, start: int, nr: int, to: int) -> None:
    """Move PTEs with their bits to another address, which lies in VMA `copy`."""
    for i in range(nr):
        pte = find_pte(m, space, start + i)
        entry = m.pte[U(pte)]
        if entry != 0:
            target = make_pte(m, space, to + i)
            set_pte(m, target, entry)
            set_pte(m, pte, 0)
            if (entry & PRESENT) != 0:
                m.rmap.move(m, entry >> VALUE_SHIFT, pte, target, copy)
                count(m, TLB_FLUSHES, 1)
            count(m, PTES_MOVED, 1)


@kernel(cold=True)
def mremap(m: Machine, space: int, start: int, nr_pages: int, to: int) -> None:
    """Move a range of pages to another address of the space; what lay there is unmapped.

    The two ranges must not overlap.
    """
    munmap(m, space, to, nr_pages)
    end = start + nr_pages
    vma = split_range(m, space, start, nr_pages)
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        following = vma_get(m, vma, r.VMA_NEXT)
        low, last = vma_get(m, vma, r.VMA_START), vma_get(m, vma, r.VMA_LAST)
        target = low - start + to
        copy = copy_vma(m, vma, space, target, target + last - low)
        flags = vma_get(m, vma, r.VMA_FLAGS)
        if vma_get(m, vma, r.VMA_FILE) != NIL or (flags & r.VMA_HAS_ANON) != 0:
            vma_set(m, copy, r.VMA_PGOFF, vma_index(m, vma, low))
        attach_vma(m, copy)
        m.rmap.vma_copy(m, vma, copy)
        _move_ptes(m, space, copy, low, last - low + 1, target)
        m.rmap.vma_unmap(m, vma)
        detach_vma(m, vma)
        vma = following


@kernel(cold=True)
def _advise_pte(m: Machine, pte: int, advice: int) -> None:
    """MADV_COLD or MADV_PAGEOUT on a present PTE."""
    entry = m.pte[U(pte)]
    pfn = entry >> VALUE_SHIFT
    if is_locked(m, pfn):
        return
    if advice == COLD:
        change_bits(m, pte, YOUNG, 0)
        leave_note(m, pfn, DEACTIVATED)
    elif (
        mapcount(m, pfn) == 1
        and not frame_flag(m, pfn, r.FRAME_WRITEBACK)
        and not swap_full(m, page_of(m, pfn))
    ):
        # The advice is at its one PTE, so a strategy that could not find it need not.
        if not m.rmap.finds(m, pfn):
            unmap_one(m, pte)
        if unmap_and_write(m, pfn):
            set_flag(m, pfn, r.FRAME_WRITEBACK)
        leave_note(m, pfn, PAGEOUT)


@kernel(cold=True)
def madvise(m: Machine, space: int, start: int, nr_pages: int, advice: int) -> None:
    """Advise on a range: DONTNEED zaps it, COLD ages it, PAGEOUT evicts what is mapped once."""
    end = start + nr_pages
    vma = first_vma(m, space, start)
    while vma != NIL and vma_get(m, vma, r.VMA_START) < end:
        vpn = max(start, vma_get(m, vma, r.VMA_START))
        stop = min(end, vma_get(m, vma, r.VMA_LAST) + 1)
        if (vma_get(m, vma, r.VMA_FLAGS) & r.VMA_LOCKED) != 0:
            stop = vpn
        if advice == DONTNEED:
            zap_range(m, space, vma, vpn, stop)
            vpn = stop
        while vpn < stop:
            pte = find_pte(m, space, vpn)
            if pte < LEAF_PTES:
                vpn = next_leaf_vpn(vpn)
                continue
            if (m.pte[U(pte)] & PRESENT) != 0:
                _advise_pte(m, pte, advice)
            vpn += 1
        vma = vma_get(m, vma, r.VMA_NEXT)


@kernel(cold=True)
def truncate(m: Machine, file: int, nr_pages: int) -> None:
    """Cut a file or shm object: the pages behind its new end die, mapped or not."""
    row = file * r.FILE_WORDS
    for offset in range(nr_pages, m.file[U(row + r.FILE_END)]):
        page = file_page(m, file, offset)
        if page == NIL:
            continue
        pfn = frame_of(m, page)
        if pfn != NIL:
            count(m, PTES_ZAPPED, mapcount(m, pfn))
            m.live[U(r.UNMAPPED_YOUNG)] = 0
            unmap(m, pfn)
            for _ in range(m.live[U(r.UNMAPPED_YOUNG)]):
                leave_note(m, pfn, ZAPPED_YOUNG)
            release(m, pfn, TRUNCATED)
        forget_page(m, page)
        index_set(m, m.file[U(row + r.FILE_ROOT)], offset, 0)
        m.file[U(row + r.FILE_NR_PAGES)] -= 1
    if m.file[U(row + r.FILE_END)] > nr_pages:
        m.file[U(row + r.FILE_END)] = nr_pages
