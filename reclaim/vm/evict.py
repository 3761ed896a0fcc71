"""What the machine does over a strategy's walk: ask whether a frame is used, and unmap it.

Mechanism and purpose are apart, as in mm/rmap.c (Linux 6.x, `struct rmap_walk_control`): a strategy
finds the PTEs that map a frame, a *visitor* says what happens at each. A visitor answers KEEP, DROP
(the strategy forgets that link, in place, without a search) or STOP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import (
    EVICTIONS,
    FILE_WRITES,
    P_REFERENCED,
    P_UNMAP,
    PTES_HIT,
    PTES_PROBED,
    RMAP_WALKS,
    SWAP_OUTS,
    TLB_FLUSHES,
    WRITEBACKS,
    count,
    enter,
    leave,
)
from reclaim.jit.handle import Handle
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import (
    clear_flag,
    frame_flag,
    free_frame,
    is_anon,
    is_locked,
    mapcount,
    page_of,
    set_flag,
    swap_backed,
)
from reclaim.vm.mapping import add_mapcount, add_swapped, unlink_pte, unlock_by_pte
from reclaim.vm.measure import S_LOOK, S_REFERENCED, S_UNMAP, walk_begins, walk_ended
from reclaim.vm.pte import (
    DIRTY,
    PRESENT,
    PTE_EXEC,
    VALUE_SHIFT,
    YOUNG,
    change_bits,
    pte_space,
    pte_vpn,
    set_pte,
    swapped_pte,
)
from reclaim.vm.vma import find_vma, vma_get

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

KEEP, DROP, STOP = 0, 1, 2


class Referencer(Handle):
    """Visitor that test-and-clears young bits and counts them."""

    UNMAPS = False

    def visit(self, m: Machine, pte: int) -> int:
        """See one PTE that maps the frame."""
        # Without a branch: whether a page was used is what no branch predictor can know.
        entry = m.pte[U(pte)]
        young = (entry & YOUNG) // YOUNG
        change_bits(m, pte, YOUNG, 0)
        m.live[U(r.YOUNG)] += young
        m.live[U(r.WALK_FLAGS)] |= entry & (PTE_EXEC * young | DIRTY)
        return KEEP


class Looker(Handle):
    """Visitor that changes nothing. It says that it unmaps, so that no upkeep follows its walk."""

    UNMAPS = True

    def visit(self, m: Machine, pte: int) -> int:  # noqa: ARG002 - every visitor takes the same
        """See one PTE that maps the frame."""
        return KEEP


class Unmapper(Handle):
    """Visitor that replaces each PTE by a swap entry, or by nothing for a page that has a file."""

    UNMAPS = True

    def visit(self, m: Machine, pte: int) -> int:
        """See one PTE that maps the frame."""
        entry = m.pte[U(pte)]
        pfn = entry >> VALUE_SHIFT
        page = page_of(m, pfn)
        set_flag(m, pfn, (entry & DIRTY) // DIRTY * r.FRAME_DIRTY)
        m.live[U(r.UNMAPPED_YOUNG)] += (entry & YOUNG) // YOUNG
        if is_locked(m, pfn):
            unlock_by_pte(m, pfn, pte)
        if is_anon(m, page):
            set_pte(m, pte, swapped_pte(page))
            add_swapped(m, page, 1)
        else:
            set_pte(m, pte, 0)
        add_mapcount(m, pfn, -1)
        count(m, TLB_FLUSHES, 1)
        return DROP


@kernel
def maps(m: Machine, pte: int, pfn: int) -> bool:
    """Read a PTE to see whether it maps a frame; how strategies look, so that looks are counted."""
    count(m, PTES_PROBED, 1)
    entry = m.pte[U(pte)]
    if (entry & PRESENT) == 0 or entry >> VALUE_SHIFT != pfn:
        return False
    count(m, PTES_HIT, 1)
    return True


@kernel
def referenced(m: Machine, pfn: int) -> int:
    """Ask the reverse map whether a frame was used, and forget it.

    Returns the number of young PTEs, now old. One walk, charged to `reclaim_referenced`.
    """
    before = enter(m, P_REFERENCED)
    m.live[U(r.YOUNG)] = 0
    m.live[U(r.WALK_FLAGS)] = 0
    if mapcount(m, pfn) > 0:
        count(m, RMAP_WALKS, 1)
        begun = walk_begins(m)
        m.rmap.walk(m, pfn, m.referencer)
        walk_ended(m, S_REFERENCED, begun)
    leave(m, before)
    return m.live[U(r.YOUNG)]


@kernel
def was_dirty(m: Machine, pfn: int) -> bool:
    """Tell whether the frame that `referenced` was last asked of is dirty, or one of its PTEs."""
    return (m.live[U(r.WALK_FLAGS)] & DIRTY) != 0 or frame_flag(m, pfn, r.FRAME_DIRTY)


@kernel
def unmap(m: Machine, pfn: int) -> None:
    """Unmap a frame everywhere in one walk; its dirty bits move to the frame."""
    if mapcount(m, pfn) > 0:
        count(m, RMAP_WALKS, 1)
        begun = walk_begins(m)
        m.rmap.walk(m, pfn, m.unmapper)
        walk_ended(m, S_UNMAP, begun)


@kernel(cold=True)
def look(m: Machine, pfn: int) -> None:
    """Walk a frame's PTEs and change nothing: what a walk of it would cost now."""
    if mapcount(m, pfn) > 0 and m.rmap.finds(m, pfn):
        count(m, RMAP_WALKS, 1)
        begun = walk_begins(m)
        m.rmap.walk(m, pfn, m.looker)
        walk_ended(m, S_LOOK, begun)


@kernel
def swap_full(m: Machine, page: int) -> bool:
    """Tell whether a page needs a swap slot and none is free."""
    live = m.live
    return (
        live[U(r.SLOTS_LIMIT)] >= 0
        and swap_backed(m, page)
        and m.page[U(page * r.PAGE_WORDS + r.PAGE_SLOT)] == 0
        and live[U(r.SLOTS_USED)] >= live[U(r.SLOTS_LIMIT)]
    )


@kernel
def take_slot(m: Machine, page: int) -> None:
    """Give a page a swap slot if it has none."""
    need_slot = 1 - m.page[U(page * r.PAGE_WORDS + r.PAGE_SLOT)]
    m.page[U(page * r.PAGE_WORDS + r.PAGE_SLOT)] = 1
    m.live[U(r.SLOTS_USED)] += need_slot


@kernel(cold=True)
def unmap_one(m: Machine, pte: int) -> bool:
    """Unmap one present PTE; its frame stays, with a mapping fewer. Charged to `reclaim_unmap`.

    An anonymous page's entry becomes a swap entry, so the page is in the swap cache, mapped by
    those that are left; a file's or shm object's becomes empty. Whoever touches it maps it again by
    a minor fault while the frame is there. Once nothing maps the frame it may be named a victim.

    Returns
    -------
    bool
        False, and nothing has changed: its VMA is LOCKED, its frame is under writeback or being
        copied, or there is no swap slot.
    """
    pfn = m.pte[U(pte)] >> VALUE_SHIFT
    page = page_of(m, pfn)
    vma = find_vma(m, pte_space(m, pte), pte_vpn(m, pte))
    if (vma_get(m, vma, r.VMA_FLAGS) & r.VMA_LOCKED) != 0:
        return False
    if frame_flag(m, pfn, r.FRAME_PINNED | r.FRAME_WRITEBACK):
        return False
    anon = is_anon(m, page)
    if anon and swap_full(m, page):
        return False
    before = enter(m, P_UNMAP)
    unlink_pte(m, pte, vma, False)
    if anon:
        take_slot(m, page)
        set_pte(m, pte, swapped_pte(page))
        add_swapped(m, page, 1)
    else:
        set_pte(m, pte, 0)
    leave(m, before)
    return True


@kernel
def unmap_and_write(m: Machine, pfn: int) -> bool:
    """Unmap a frame and write its page if it is dirty; True if it was. Charged to `reclaim_unmap`.

    What remains is `finish_eviction`, after the policy has been asked for the shadow.
    """
    before = enter(m, P_UNMAP)
    unmap(m, pfn)
    page = page_of(m, pfn)
    in_swap = swap_backed(m, page)
    if in_swap:
        take_slot(m, page)
    # Clean or dirty is a toss of a coin to a branch predictor, so it is counted and not asked.
    was_dirty = frame_flag(m, pfn, r.FRAME_DIRTY)
    clear_flag(m, pfn, r.FRAME_DIRTY)
    count(m, WRITEBACKS, int(was_dirty))
    count(m, SWAP_OUTS if in_swap else FILE_WRITES, int(was_dirty))
    count(m, EVICTIONS, 1)
    leave(m, before)
    return was_dirty


@kernel
def finish_eviction(m: Machine, pfn: int, shadow: int) -> None:
    """Keep the shadow with the page and advance the clock of evictions."""
    row = page_of(m, pfn) * r.PAGE_WORDS
    m.page[U(row + r.PAGE_SHADOW)] = shadow
    m.live[U(r.NR_EVICTED)] += 1
    m.page[U(row + r.PAGE_EVICTED_AT)] = m.live[U(r.NR_EVICTED)]


@kernel
def retire(m: Machine, pfn: int, was_dirty: bool) -> None:
    """Free an evicted frame, or start its writeback where writing takes time."""
    live = m.live
    if live[U(r.WRITEBACK_ACCESSES)] > 0 and was_dirty:
        set_flag(m, pfn, r.FRAME_WRITEBACK | r.FRAME_EVICTED)
        at = live[U(r.WRITEBACK_TAIL)]
        m.writeback[U(2 * at)] = pfn
        m.writeback[U(2 * at + 1)] = live[U(r.NOW)] + live[U(r.WRITEBACK_ACCESSES)]
        live[U(r.WRITEBACK_TAIL)] = (at + 1) % m.nr_frames
        live[U(r.NR_WRITEBACK)] += 1
    else:
        free_frame(m, pfn)
