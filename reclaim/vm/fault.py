"""The fault: an access whose PTE is absent, or forbids it.

One path in three steps: which page is wanted (present, swapped, of a file, or new); bring it into a
frame; map it, or copy it if the access writes to a page that others hold. docs/reference/machine.md
has the rules; the order of calls to the policy is part of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import (
    COW_COPIES,
    FILE_READS,
    MAJOR_FAULTS,
    MINOR_FAULTS,
    P_COW,
    P_FAULT,
    SWAP_INS,
    WP_REUSES,
    count,
    enter,
    leave,
)
from reclaim.ids import (
    ANON,
    FILE,
    LEAF_PTES,
    MAP_SHARED,
    NIL,
    PROT_READ,
    SHM,
    WRITE,
)
from reclaim.jit.kernel import U, kernel
from reclaim.vm.drain import drain
from reclaim.vm.frames import (
    clear_flag,
    dirtied,
    file_page,
    frame_flag,
    frame_of,
    install,
    is_anon,
    kind_of,
    new_file_page,
    new_page,
    page_of,
    set_flag,
    sharers,
)
from reclaim.vm.mapping import (
    MLOCK,
    add_sharers,
    add_swapped,
    lock_mapping,
    map_frame,
    unlink_pte,
)
from reclaim.vm.measure import fault_begins, fault_ended
from reclaim.vm.pte import (
    DIRTY,
    PRESENT,
    PTE_WRITE,
    VALUE_SHIFT,
    YOUNG,
    change_bits,
    permission_bits,
    used_bits,
)
from reclaim.vm.reclaim import get_frame, get_frame_once, stop
from reclaim.vm.tables import make_pte
from reclaim.vm.tell import enter_policy, tell_access
from reclaim.vm.vma import find_vma, vma_get, vma_index, vma_set

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine


@kernel
def room_short(m: Machine) -> bool:
    """Tell whether a fault may run out of rows; nothing has changed yet."""
    if m.live[U(r.ROOM)] > 0:
        m.live[U(r.ROOM)] -= 1
        return False
    return _look_for_room(m)


@kernel(cold=True)
def _look_for_room(m: Machine) -> bool:
    """Tell whether there is no room for `ROOM_FOR` faults; notes what they may want."""
    live = m.live
    live[U(r.WANT_LEAVES)] = r.ROOM_FOR
    live[U(r.WANT_NODES)] = 8 * r.ROOM_FOR
    live[U(r.WANT_VMAS)] = 0
    live[U(r.WANT_PAGES)] = 2 * r.ROOM_FOR
    live[U(r.WANT_FRAMES)] = 2 * r.ROOM_FOR
    live[U(r.WANT_TOUCHES)] = 2 * r.ROOM_FOR
    live[U(r.WANT_OBJECTS)] = 4 * r.ROOM_FOR
    live[U(r.WANT_REMOVALS)] = 16
    short = (
        (live[U(r.LEAF_TOP)] + r.ROOM_FOR) * r.LEAF_WORDS > len(m.leaf)
        or (live[U(r.NODE_TOP)] + 8 * r.ROOM_FOR) * r.NODE_ENTRIES > len(m.node)
        or (live[U(r.NR_PAGES)] + 2 * r.ROOM_FOR) * r.PAGE_WORDS > len(m.page)
        or m.rmap.short(m, 4 * r.ROOM_FOR)
    )
    if live[U(r.PRESSURE)] == r.INFINITE:
        touches = live[U(r.TOUCH)] + 2 * r.ROOM_FOR
        short = short or live[U(r.NR_FREE)] < 2 * r.ROOM_FOR or 0 < len(m.page_of_touch) < touches
    if not short:
        live[U(r.ROOM)] = r.ROOM_FOR - 1
    return short


@kernel
def lock_if(m: Machine, policy: Policy, pfn: int, vma: int) -> None:
    """Take a frame from the policy if a LOCKED VMA has just mapped it for the first time."""
    if (vma_get(m, vma, r.VMA_FLAGS) & r.VMA_LOCKED) != 0 and lock_mapping(m, pfn):
        if frame_flag(m, pfn, r.FRAME_OWNED):
            clear_flag(m, pfn, r.FRAME_OWNED)
            policy.removed(m, pfn, MLOCK)


@kernel(cold=True)
def fill(m: Machine, policy: Policy, page: int, is_new: bool, reads: bool) -> int:
    """Bring a page without a frame into one; returns the frame, NIL when out of memory.

    Parameters
    ----------
    page : int
        The page.
    is_new : bool
        It was never touched: ANON and SHM pages are filled with zeros and born dirty.
    reads : bool
        False when a write to the file replaces the whole page: nothing is read.
    """
    pfn = get_frame_once(m, policy, page)
    if pfn == NIL:
        return NIL
    kind = kind_of(m, page)
    flags = 0
    if kind == FILE:
        if reads:
            count(m, FILE_READS, 1)
    elif is_new:
        flags = r.FRAME_DIRTY
    else:
        count(m, SWAP_INS, 1)
    install(m, pfn, page, flags)
    enter_policy(m, policy, pfn, page)
    return pfn


@kernel(cold=True)
def _write_copy(m: Machine, policy: Policy, vma: int, pte: int, vpn: int, source: int) -> bool:
    """Copy on write; False: no memory. Charged to `cow`."""
    before = enter(m, P_COW)
    done = copy_page(m, policy, vma, pte, vpn, source)
    leave(m, before)
    return done


@kernel(cold=True)
def copy_page(m: Machine, policy: Policy, vma: int, pte: int, vpn: int, source: int) -> bool:
    """Give one holder a page of its own, copied from a frame that others hold; False: no memory."""
    page = new_page(m, ANON, 0, vma_index(m, vma, vpn))
    set_flag(m, source, r.FRAME_PINNED)
    pfn = get_frame_once(m, policy, page)
    clear_flag(m, source, r.FRAME_PINNED)
    if pfn == NIL:
        return False
    old = page_of(m, source)
    entry = m.pte[U(pte)]
    if (entry & PRESENT) != 0:
        unlink_pte(m, pte, vma, False)
    elif entry != 0:
        add_swapped(m, old, -1)
    if is_anon(m, old):
        add_sharers(m, old, -1)
    count(m, COW_COPIES, 1)
    install(m, pfn, page, r.FRAME_DIRTY)
    add_sharers(m, page, 1)
    _map(m, policy, pfn, page, pte, vma, WRITE, True)
    return True


@kernel(cold=True)
def _map(
    m: Machine, policy: Policy, pfn: int, page: int, pte: int, vma: int, op: int, is_new: bool
) -> None:
    """Map a page that is in a frame; a new one is handed to the policy here."""
    flags = vma_get(m, vma, r.VMA_FLAGS)
    bits = permission_bits(flags) | YOUNG
    private = (flags & MAP_SHARED) == 0
    fresh = True
    if is_anon(m, page):
        m.rmap.prepare(m, vma)
        vma_set(m, vma, r.VMA_FLAGS, flags | r.VMA_HAS_ANON)
        fresh = sharers(m, page) == 1
    if private and not (is_anon(m, page) and fresh):
        bits &= ~PTE_WRITE
    if op == WRITE:
        bits |= DIRTY
    map_frame(m, pfn, pte, vma, bits, fresh)
    if is_new:
        enter_policy(m, policy, pfn, page)
    lock_if(m, policy, pfn, vma)


@kernel(cold=True)
def _reuse(m: Machine, pte: int, vma: int, pfn: int) -> None:
    """The writer is the only sharer: the page becomes its own, writable."""
    change_bits(m, pte, 0, PTE_WRITE | YOUNG | DIRTY)
    dirtied(m, page_of(m, pfn), 1)
    m.rmap.reuse(m, pfn, pte, vma)
    count(m, WP_REUSES, 1)
    count(m, MINOR_FAULTS, 1)


@kernel(cold=True)
def use_resident(m: Machine, policy: Policy, pfn: int, page: int, nr: int) -> None:
    """Use a page that has a frame but no PTE here; one under writeback is taken back."""
    if frame_flag(m, pfn, r.FRAME_EVICTED):
        clear_flag(m, pfn, r.FRAME_EVICTED)
        enter_policy(m, policy, pfn, page)
    else:
        tell_access(m, policy, pfn, nr)


@kernel(cold=True)
def _wanted_page(m: Machine, vma: int, vpn: int, entry: int) -> int:
    """Return the page behind a PTE that is not present, NIL if it was never touched."""
    if entry != 0:
        return entry >> VALUE_SHIFT
    file = vma_get(m, vma, r.VMA_FILE)
    return file_page(m, file, vma_index(m, vma, vpn)) if file != NIL else NIL


@kernel(cold=True)
def _resolve(
    m: Machine, policy: Policy, pte: int, vpn: int, op: int, vma: int, nr: int, missed: int
) -> bool:
    """Settle a fault on an absent entry of a page that others know too; False: out of memory."""
    entry = m.pte[U(pte)]
    page = _wanted_page(m, vma, vpn, entry)
    is_new = page == NIL
    file = vma_get(m, vma, r.VMA_FILE)
    if is_new:
        page = new_file_page(m, file, vma_index(m, vma, vpn))
    pfn = frame_of(m, page)
    if pfn != NIL:
        count(m, MINOR_FAULTS, 1)
        use_resident(m, policy, pfn, page, nr)
    else:
        pfn = fill(m, policy, page, is_new, True)
        if pfn == NIL:
            return False
        count(m, missed, 1)
        count(m, MINOR_FAULTS if is_new and kind_of(m, page) == SHM else MAJOR_FAULTS, 1)
    private = (vma_get(m, vma, r.VMA_FLAGS) & MAP_SHARED) == 0
    if op == WRITE and private and (entry == 0 or sharers(m, page) > 1):
        return _write_copy(m, policy, vma, pte, vpn, pfn)
    if entry != 0:
        add_swapped(m, page, -1)
    _map(m, policy, pfn, page, pte, vma, op, False)
    return True


@kernel
def _own_page(
    m: Machine, policy: Policy, page: int, pte: int, op: int, vma: int, missed: int
) -> bool:
    """The two commonest faults, without `_resolve`'s questions: an anonymous page that no other
    PTE holds is read back from swap (the entry names it), or touched for the first time.
    """
    pfn = get_frame(m, policy, page)
    if pfn == NIL:
        return False
    # Without a branch: which of the two it is comes in no order.
    is_new = int(m.pte[U(pte)] == 0)
    count(m, missed, 1)
    count(m, MINOR_FAULTS, is_new)
    count(m, MAJOR_FAULTS, 1 - is_new)
    count(m, SWAP_INS, 1 - is_new)
    install(m, pfn, page, is_new * r.FRAME_DIRTY)
    add_sharers(m, page, is_new)
    add_swapped(m, page, is_new - 1)
    if is_new != 0:
        m.rmap.prepare(m, vma)
    flags = vma_get(m, vma, r.VMA_FLAGS) | r.VMA_HAS_ANON
    vma_set(m, vma, r.VMA_FLAGS, flags)
    map_frame(m, pfn, pte, vma, permission_bits(flags) | used_bits(op), True)
    enter_policy(m, policy, pfn, page)
    lock_if(m, policy, pfn, vma)
    return True


@kernel
def _handle(
    m: Machine, policy: Policy, pte: int, vpn: int, op: int, vma: int, nr: int, missed: int
) -> bool:
    """Settle a fault; False when out of memory."""
    entry = m.pte[U(pte)]
    if (entry & PRESENT) != 0:
        return _write_protected(m, policy, pte, entry, vpn, vma, nr)
    page = entry >> VALUE_SHIFT
    if entry == 0:
        own = vma_get(m, vma, r.VMA_FILE) == NIL
        if own:
            page = new_page(m, ANON, 0, vma_index(m, vma, vpn))
    else:
        own = sharers(m, page) == 1 and frame_of(m, page) == NIL
    if own:
        return _own_page(m, policy, page, pte, op, vma, missed)
    return _resolve(m, policy, pte, vpn, op, vma, nr, missed)


@kernel(cold=True)
def _write_protected(
    m: Machine, policy: Policy, pte: int, entry: int, vpn: int, vma: int, nr: int
) -> bool:
    """Settle a write to a page that is mapped without that permission."""
    pfn = entry >> VALUE_SHIFT
    tell_access(m, policy, pfn, nr)
    page = page_of(m, pfn)
    if is_anon(m, page) and sharers(m, page) == 1:
        _reuse(m, pte, vma, pfn)
        return True
    count(m, MINOR_FAULTS, 1)
    return _write_copy(m, policy, vma, pte, vpn, pfn)


@kernel
def needed_prot(op: int) -> int:
    """Return the protection that a VMA must have for an access of this kind."""
    return PROT_READ << op


@kernel
def fault(
    m: Machine, policy: Policy, pte: int, space: int, vpn: int, op: int, nr: int, missed: int
) -> int:
    """Handle a fault.

    Parameters
    ----------
    pte : int
        What `find_pte` found; below 512 when there is no leaf yet.
    space, vpn, op : int
        What was accessed, and how (`ids.READ`, ...).
    nr : int
        Repeat count, for policies that count.
    missed : int
        The counter of a page that had no frame: MISSES for an access, FILLS for an mlock.

    Returns
    -------
    int
        DONE; GROW when rows may run short (nothing has changed); STOPPED with `live[ERROR]`.
    """
    if room_short(m):
        return r.GROW
    alive = m.space[U(space * r.SPACE_WORDS + r.SPACE_ALIVE)] != 0
    vma = find_vma(m, space, vpn) if alive else NIL
    if vma == NIL:
        stop(m, r.E_NO_VMA if alive else r.E_SPACE, space, vpn)
        return r.STOPPED
    if (vma_get(m, vma, r.VMA_FLAGS) & needed_prot(op)) == 0:
        stop(m, r.E_PROTECTION, space, vpn)
        return r.STOPPED
    before = enter(m, P_FAULT)
    begun = fault_begins(m)
    if pte < LEAF_PTES:
        pte = make_pte(m, space, vpn)
    done = _handle(m, policy, pte, vpn, op, vma, nr, missed)
    if m.live[U(r.NR_REMOVALS)] > 0:
        drain(m, policy)
    fault_ended(m, begun)
    leave(m, before)
    return r.DONE if done else r.STOPPED
