"""One PTE comes or goes: mapcount, sharers, LOCKED mappings and the strategy's link together.

What an event takes away it may not tell the policy at once, since events are compiled for a
strategy and not for a policy: it leaves pairs (pfn, why) in `m.removals`, in order, and the engine
drains them when the event is done (`reclaim.engine.drain`). Frames that died are freed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import PTES_ZAPPED, TLB_FLUSHES, count
from reclaim.ids import NIL
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import (
    add_locks,
    dirtied,
    forget_page,
    frame_flag,
    frame_of,
    has_slot,
    is_anon,
    is_locked,
    page_of,
    set_flag,
    sharers,
)
from reclaim.vm.pte import (
    DIRTY,
    HAS_SLOT,
    PRESENT,
    VALUE_SHIFT,
    YOUNG,
    present_pte,
    pte_space,
    pte_vpn,
    set_pte,
)
from reclaim.vm.vma import find_vma, vma_get

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# Why a frame is taken from the policy, or handed back; and the other calls an event leaves behind.
FREED, TRUNCATED, MLOCK, PAGEOUT, PROBE = 0, 1, 2, 3, 4
LOCKED, WRITEBACK, NO_SWAP, UNLOCKED = 5, 6, 7, 8
DEACTIVATED, ZAPPED_YOUNG = 9, 10


@kernel(cold=True)
def leave_note(m: Machine, pfn: int, why: int) -> None:
    """Leave a call for the policy behind."""
    at = m.live[U(r.NR_REMOVALS)]
    m.removals[U(2 * at)] = pfn
    m.removals[U(2 * at + 1)] = why
    m.live[U(r.NR_REMOVALS)] = at + 1


@kernel(cold=True)
def removals_short(m: Machine, nr_ptes: int) -> bool:
    """Tell whether the notes of an event over so many PTEs may not fit; notes what is wanted."""
    m.live[U(r.WANT_REMOVALS)] = 2 * nr_ptes + 4
    return (2 * nr_ptes + 4) * 2 > len(m.removals)


@kernel
def add_mapcount(m: Machine, pfn: int, n: int) -> None:
    """Change the number of PTEs that map a frame."""
    m.frame[U(pfn * r.FRAME_WORDS + r.FRAME_MAPCOUNT)] += n


@kernel
def add_sharers(m: Machine, page: int, n: int) -> None:
    """Change the number of PTEs that hold an anonymous page."""
    m.page[U(page * r.PAGE_WORDS + r.PAGE_SHARERS)] += n


@kernel
def add_swapped(m: Machine, page: int, n: int) -> None:
    """Change the number of swapped PTEs of a page."""
    m.page[U(page * r.PAGE_WORDS + r.PAGE_SWAPPED)] += n


@kernel
def map_frame(m: Machine, pfn: int, pte: int, vma: int, bits: int, fresh: bool) -> None:
    """Make a PTE map a frame, and link it.

    Parameters
    ----------
    pfn, pte, vma : int
        The frame, an entry that is empty or swapped, and the VMA it belongs to.
    bits : int
        Permissions, young, dirty.
    fresh : bool
        The mapper is the only sharer: an anonymous page may be placed as the VMA's own.
    """
    page = page_of(m, pfn)
    if has_slot(m, page):
        dirtied(m, page, (bits & DIRTY) // DIRTY)
        bits |= HAS_SLOT
    set_pte(m, pte, present_pte(pfn, bits))
    add_mapcount(m, pfn, 1)
    m.rmap.link(m, pfn, pte, vma, fresh)


@kernel(cold=True)
def lock_mapping(m: Machine, pfn: int) -> bool:
    """A LOCKED VMA maps the frame now; True if the policy must give it up."""
    return add_locks(m, pfn, 1) == 1


@kernel(cold=True)
def unlock_mapping(m: Machine, pfn: int) -> None:
    """A LOCKED VMA maps the frame no longer; the last such hands it back to the policy."""
    if add_locks(m, pfn, -1) == 0:
        leave_note(m, pfn, UNLOCKED)


@kernel(cold=True)
def unlock_by_pte(m: Machine, pfn: int, pte: int) -> None:
    """Undo the lock of one PTE that is being unmapped, if its VMA is LOCKED."""
    if is_locked(m, pfn):
        vma = find_vma(m, pte_space(m, pte), pte_vpn(m, pte))
        if vma != NIL and (vma_get(m, vma, r.VMA_FLAGS) & r.VMA_LOCKED) != 0:
            unlock_mapping(m, pfn)


@kernel(cold=True)
def release(m: Machine, pfn: int, why: int) -> None:
    """A frame's page has ended: the policy is told, then the frame is freed.

    A locked frame is not the policy's: only freed. Under writeback likewise, unless taken back.
    """
    set_flag(m, pfn, r.FRAME_DYING)
    leave_note(m, pfn, why)


@kernel(cold=True)
def drop_sharer(m: Machine, page: int) -> bool:
    """One PTE fewer holds an anonymous page; True if that ended it."""
    add_sharers(m, page, -1)
    if sharers(m, page) > 0:
        return False
    forget_page(m, page)
    pfn = frame_of(m, page)
    if pfn != NIL:
        release(m, pfn, FREED)
    return True


@kernel(cold=True)
def unlink_pte(m: Machine, pte: int, vma: int, note_young: bool) -> int:
    """Take a present PTE away from its frame (the entry itself is the caller's); returns the frame.

    A dirty bit moves to the frame; a young one of a file or shm page counts as an access of it.
    """
    entry = m.pte[U(pte)]
    pfn = entry >> VALUE_SHIFT
    if (entry & DIRTY) != 0:
        set_flag(m, pfn, r.FRAME_DIRTY)
    if (entry & YOUNG) != 0 and note_young and not is_anon(m, page_of(m, pfn)):
        leave_note(m, pfn, ZAPPED_YOUNG)
    m.rmap.unlink(m, pfn, pte, vma)
    add_mapcount(m, pfn, -1)
    if (vma_get(m, vma, r.VMA_FLAGS) & r.VMA_LOCKED) != 0:
        unlock_mapping(m, pfn)
    count(m, TLB_FLUSHES, 1)
    return pfn


@kernel(cold=True)
def zap_pte(m: Machine, pte: int, vma: int) -> None:
    """Empty a PTE, whatever it holds."""
    entry = m.pte[U(pte)]
    if entry == 0:
        return
    count(m, PTES_ZAPPED, 1)
    if (entry & PRESENT) == 0:
        page = entry >> VALUE_SHIFT
        set_pte(m, pte, 0)
        add_swapped(m, page, -1)
        drop_sharer(m, page)
        return
    page = page_of(m, entry >> VALUE_SHIFT)
    unlink_pte(m, pte, vma, True)
    set_pte(m, pte, 0)
    if is_anon(m, page):
        drop_sharer(m, page)


@kernel
def pinned(m: Machine, pfn: int) -> bool:
    """Tell whether a frame is the source of a copy under way."""
    return frame_flag(m, pfn, r.FRAME_PINNED)
