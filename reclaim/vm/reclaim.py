"""Reclaim: the policy names victims, the machine evicts them.

`get_frame` is what every fault calls. How much it asks the policy for, and when, is the *pressure*:
exactly one victim for one fault (`exact`, comparable with cache simulators), batches of 32 at a
limit (`limit`, like a memory cgroup), or a background reclaimer between watermarks (`watermarks`,
like kswapd). docs/reference/machine.md has the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import (
    DIRECT_RECLAIMS,
    FRAMES_SCANNED,
    P_AGING,
    P_REFERENCED,
    P_UNMAP,
    PHASE_WORDS,
    PTES_PROBED,
    PUTBACKS,
    RMAP_LINKS_VISITED,
    RMAP_VMAS_VISITED,
    WRITEBACK_WAITS,
    count,
    enter,
    leave,
)
from reclaim.ids import NIL
from reclaim.jit.kernel import U, kernel
from reclaim.vm.evict import finish_eviction, retire, swap_full, unmap_and_write
from reclaim.vm.frames import (
    clear_flag,
    frame_flag,
    free_frame,
    mapcount,
    page_of,
    set_flag,
    take_free,
)
from reclaim.vm.mapping import LOCKED, NO_SWAP, WRITEBACK
from reclaim.vm.measure import bucket_of

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine


@kernel(cold=True)
def stop(m: Machine, error: int, space: int, vpn: int) -> None:
    """Note why the run cannot go on; the first reason stays."""
    if m.live[U(r.ERROR)] == r.E_NONE:
        m.live[U(r.ERROR)] = error
        m.live[U(r.ERROR_SPACE)] = space
        m.live[U(r.ERROR_VPN)] = vpn


@kernel
def evict_victim(m: Machine, policy: Policy, pfn: int) -> bool:
    """Evict a frame that the policy named, or put it back; True if it was evicted."""
    if pfn < 0 or pfn >= m.nr_frames or not frame_flag(m, pfn, r.FRAME_OWNED):
        stop(m, r.E_VICTIM, NIL, pfn)
        return False
    why = NIL
    if frame_flag(m, pfn, r.FRAME_PINNED):
        why = LOCKED
    elif frame_flag(m, pfn, r.FRAME_WRITEBACK):
        why = WRITEBACK
    elif swap_full(m, page_of(m, pfn)):
        why = NO_SWAP
    if why != NIL:
        count(m, PUTBACKS, 1)
        policy.putback(m, pfn, why)
        return False
    if mapcount(m, pfn) > 0 and not m.rmap.finds(m, pfn):
        stop(m, r.E_MAPPED, NIL, pfn)
        return False
    clear_flag(m, pfn, r.FRAME_OWNED)
    was_dirty = unmap_and_write(m, pfn)
    finish_eviction(m, pfn, policy.evicted(m, pfn))
    retire(m, pfn, was_dirty)
    return True


@kernel
def shrink(m: Machine, policy: Policy, nr_wanted: int, page: int) -> int:
    """Ask for victims once and evict them.

    Returns the number of victims named, or NIL when the policy names nobody or breaks its contract.
    The caller has entered the phase of aging.
    """
    nr = policy.select(m, nr_wanted, m.victims, page)
    if nr > nr_wanted or nr < 0:
        stop(m, r.E_VICTIM, NIL, NIL)
        nr = 0
    for i in range(nr):
        evict_victim(m, policy, m.victims[U(i)])
    return nr if nr > 0 and m.live[U(r.ERROR)] == r.E_NONE else NIL


@kernel(cold=True)
def end_writeback(m: Machine) -> None:
    """End the oldest writeback: its frame is free unless its page was wanted again."""
    live = m.live
    pfn = m.writeback[U(2 * live[U(r.WRITEBACK_HEAD)])]
    live[U(r.WRITEBACK_HEAD)] = (live[U(r.WRITEBACK_HEAD)] + 1) % m.nr_frames
    live[U(r.NR_WRITEBACK)] -= 1
    evicted = frame_flag(m, pfn, r.FRAME_EVICTED)
    clear_flag(m, pfn, r.FRAME_WRITEBACK | r.FRAME_EVICTED)
    if evicted:
        free_frame(m, pfn)


@kernel(cold=True)
def end_due_writebacks(m: Machine) -> None:
    """End the writebacks whose time has come."""
    live = m.live
    while (
        live[U(r.NR_WRITEBACK)] > 0
        and m.writeback[U(2 * live[U(r.WRITEBACK_HEAD)] + 1)] <= live[U(r.NOW)]
    ):
        end_writeback(m)


@kernel
def _work(m: Machine) -> int:
    """Return the steps that reclaim has taken so far: frames, links, VMAs and PTEs looked at."""
    c = m.counters
    total = c[U(P_AGING * PHASE_WORDS + FRAMES_SCANNED)]
    total += c[U(P_AGING * PHASE_WORDS + PTES_PROBED)]  # of a policy that tours page tables
    for phase in (P_REFERENCED, P_UNMAP):
        total += c[U(phase * PHASE_WORDS + RMAP_LINKS_VISITED)]
        total += c[U(phase * PHASE_WORDS + RMAP_VMAS_VISITED)]
        total += c[U(phase * PHASE_WORDS + PTES_PROBED)]
    return total


@kernel
def _reclaim_exact(m: Machine, policy: Policy, nr_wanted: int, page: int) -> None:
    tries = 0
    while m.live[U(r.NR_FREE)] == 0 and tries < 2 * m.nr_frames + 2:
        nr = shrink(m, policy, nr_wanted, page)
        if nr == NIL:
            return
        tries += nr


@kernel(cold=True)
def _reclaim_watermarks(m: Machine, policy: Policy, page: int) -> None:
    live = m.live
    end_due_writebacks(m)
    while live[U(r.NR_FREE)] <= live[U(r.MIN)]:
        free = live[U(r.NR_FREE)]
        if shrink(m, policy, r.BATCH, page) == NIL or live[U(r.NR_FREE)] <= free:
            break
    while live[U(r.NR_FREE)] == 0 and live[U(r.NR_WRITEBACK)] > 0:
        count(m, WRITEBACK_WAITS, 1)
        end_writeback(m)


@kernel
def _reclaim(m: Machine, policy: Policy, page: int) -> None:
    """Direct reclaim: the faulting access pays."""
    before = enter(m, P_AGING)
    count(m, DIRECT_RECLAIMS, 1)
    # Only direct reclaim looks around in these phases, but for kswapd and events (which reset it).
    start = m.live[U(r.WORK_START)]
    if start == NIL:
        start = _work(m)
    if m.live[U(r.PRESSURE)] == r.WATERMARKS:
        _reclaim_watermarks(m, policy, page)
    else:
        _reclaim_exact(m, policy, 1 if m.live[U(r.PRESSURE)] == r.EXACT else r.BATCH, page)
    done = _work(m)
    m.live[U(r.WORK_START)] = done
    m.work[U(bucket_of(done - start))] += 1
    leave(m, before)


@kernel
def get_frame(m: Machine, policy: Policy, page: int) -> int:
    """Get a free frame for a page, reclaiming if need be; NIL when the run is out of memory."""
    live = m.live
    if live[U(r.NR_FREE)] == 0 or live[U(r.NR_FREE)] <= live[U(r.MIN)]:
        _reclaim(m, policy, page)
        if live[U(r.NR_FREE)] == 0:
            stop(m, r.E_OOM, NIL, page)
        if live[U(r.ERROR)] != r.E_NONE:
            return NIL
    return take_free(m)


@kernel(cold=True)
def get_frame_once(m: Machine, policy: Policy, page: int) -> int:
    """`get_frame` as a call, for all but the commonest fault: what it inlines is large."""
    return get_frame(m, policy, page)


@kernel
def own(m: Machine, pfn: int) -> None:
    """Note that the policy has a frame."""
    set_flag(m, pfn, r.FRAME_OWNED)
