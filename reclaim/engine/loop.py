"""The access loop, and what else needs the policy: one compiled entry per policy and strategy.

Speed is memory latency. Each access needs a page-table entry and, when the policy sees hits or the
access faults, a frame's or a page's row: two or three dependent cache misses. So the loop looks
ahead (docs/explanation/speed.md): 48 accesses early it walks the directory and prefetches the PTE,
24 early it reads that PTE and prefetches the row it leads to. The PTE index waits in a ring, so
that the table is walked once an access; an entry whose leaf did not exist yet is walked again at
use.

Hits count nothing: accesses are known from the time, hits by subtraction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import (
    ACCESSES,
    FD_ACCESSES,
    FILLS,
    MISSES,
    P_FD,
    P_MMAP,
    count,
    enter,
    leave,
)
from reclaim.ids import LEAF_PTES, MAP_SHARED, NIL, PROT_READ, PROT_WRITE, READ, WRITE
from reclaim.jit.handle import I32, I64, U8, Handle
from reclaim.jit.kernel import U, kernel, prefetch, prefetch_either
from reclaim.vm.drain import drain
from reclaim.vm.fault import fault, fill, room_short
from reclaim.vm.frames import (
    clear_flag,
    dirtied,
    file_page,
    frame_flag,
    frame_of,
    new_file_page,
    page_of,
    set_flag,
)
from reclaim.vm.process import next_leaf_vpn
from reclaim.vm.pte import (
    PRESENT,
    PTE_WRITE,
    VALUE_SHIFT,
    needed_bits,
    stale_slot,
    used_bits,
)
from reclaim.vm.tables import find_pte
from reclaim.vm.tell import BY_FD, enter_policy, tell_access, touch
from reclaim.vm.ticks import tick, wake_kswapd
from reclaim.vm.unshare import others_hold, unshare
from reclaim.vm.vma import first_vma, vma_get

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine

FAR, NEAR, RING = 48, 24, 64

# What the entry is asked to do: args[0]. The rest of args are its operands and, on return, how far
# it got.
RUN, DRAIN, FD, POPULATE, UNSHARE = 0, 1, 2, 3, 4


class Span(Handle):
    """Consecutive access rows, and the ring of PTE indices looked up ahead."""

    asid: I32
    vpn: I64
    op: U8
    nr: I32
    ring: I64

    @classmethod
    def of(cls, asid: I32, vpn: I64, op: U8, nr: I32) -> Span:
        """Make a span over the columns of a batch."""
        return cls(asid=asid, vpn=vpn, op=op, nr=nr, ring=np.zeros(RING, dtype=np.int64))


@kernel
def _look_far(m: Machine, span: Span, i: int) -> None:
    pte = find_pte(m, span.asid[U(i)], span.vpn[U(i)])
    span.ring[U(i & (RING - 1))] = pte
    prefetch(m.pte, pte)


@kernel
def _look_near(m: Machine, policy: Policy, span: Span, i: int) -> None:
    # Without a branch: whether the page will be there is what no branch predictor can know.
    pte = span.ring[U(i & (RING - 1))]
    entry = m.pte[U(pte)]
    value = entry >> VALUE_SHIFT
    # What is empty now will, more or less, be the next page that has never been touched.
    page = (value if entry != 0 else m.live[U(r.NR_PAGES)]) * r.PAGE_WORDS
    present = (entry & PRESENT) != 0
    op: Any = np.int64(span.op[U(i)])
    if policy.SEES_ACCESSES or policy.RECORDS:
        prefetch_either(present, m.frame, value * r.FRAME_WORDS, m.page, page)
    else:
        # Of a page that is there, nothing is wanted but at the first write: the PTE is at hand.
        prefetch_either(present, m.pte, pte, m.page, page)
        if stale_slot(entry, op):
            prefetch(m.frame, value * r.FRAME_WORDS)


@kernel
def _hit(m: Machine, policy: Policy, pte: int, entry: int, op: int, nr: int) -> None:
    used = entry | used_bits(op)
    if used != entry:
        m.pte[U(pte)] = used
    if stale_slot(entry, op):
        dirtied(m, page_of(m, entry >> VALUE_SHIFT), 1)
    tell_access(m, policy, entry >> VALUE_SHIFT, nr)


@kernel(cold=True)
def run_span(m: Machine, policy: Policy, span: Span, args: I64) -> int:
    """Run access rows args[1] .. args[2]; on return args[1] is the first row not done."""
    i = args[U(1)]
    end = args[U(2)]
    live = m.live
    time = live[U(r.NOW)]
    start = time
    status = r.DONE
    for j in range(i, min(i + FAR, end)):
        _look_far(m, span, j)
    while i < end:
        if i + FAR < end:
            _look_far(m, span, i + FAR)
            _look_near(m, policy, span, i + NEAR)
        pte = span.ring[U(i & (RING - 1))]
        if pte < LEAF_PTES:
            pte = find_pte(m, span.asid[U(i)], span.vpn[U(i)])
        # Widened on load: mixed widths would compile every callee twice.
        op: Any = np.int64(span.op[U(i)])
        nr: Any = np.int64(span.nr[U(i)])
        entry = m.pte[U(pte)]
        needed = needed_bits(op)
        if (entry & needed) == needed:
            _hit(m, policy, pte, entry, op, nr)
            time += nr
            if policy.SEES_ACCESSES:
                live[U(r.NOW)] = time
        else:
            live[U(r.NOW)] = time
            space: Any = np.int64(span.asid[U(i)])
            status = fault(m, policy, pte, space, span.vpn[U(i)], op, nr, MISSES)
            if status != r.DONE:
                break
            time += nr
            live[U(r.NOW)] = time
            if live[U(r.PRESSURE)] == r.WATERMARKS:
                wake_kswapd(m)
        if time >= live[U(r.TICK)]:
            live[U(r.NOW)] = time
            asid: Any = np.int64(span.asid[U(i)])
            tick(m, policy, asid, span.vpn[U(i)])
            if live[U(r.ERROR)] != r.E_NONE:
                status = r.STOPPED
                break
        i += 1
    args[U(1)] = i
    live[U(r.NOW)] = time
    count(m, ACCESSES, time - start)
    return status


@kernel(cold=True)
def _fd_page(m: Machine, policy: Policy, file: int, offset: int, writes: bool) -> bool:
    """One page of a read or write through a file descriptor; False when out of memory."""
    page = file_page(m, file, offset)
    is_new = page == NIL
    if is_new:
        page = new_file_page(m, file, offset)
    pfn = frame_of(m, page)
    count(m, FD_ACCESSES, 1)
    if pfn == NIL:
        pfn = fill(m, policy, page, is_new, not writes)
        if pfn == NIL:
            return False
        count(m, FILLS, 1)
    elif frame_flag(m, pfn, r.FRAME_EVICTED):
        clear_flag(m, pfn, r.FRAME_EVICTED)
        enter_policy(m, policy, pfn, page)
    else:
        touch(m, policy, page)
        if frame_flag(m, pfn, r.FRAME_OWNED):
            policy.accessed(m, pfn, page, BY_FD, 1)
    if writes:
        set_flag(m, pfn, r.FRAME_DIRTY)
        dirtied(m, page, 1)
    return True


@kernel(cold=True)
def run_fd(m: Machine, policy: Policy, args: I64) -> int:
    """Read or write pages args[2] .. args[3] of file args[1]; args[4]: it writes."""
    before = enter(m, P_FD)
    status = r.DONE
    while args[U(2)] < args[U(3)]:
        if room_short(m):
            status = r.GROW
            break
        if not _fd_page(m, policy, args[U(1)], args[U(2)], args[U(4)] != 0):
            status = r.STOPPED
            break
        args[U(2)] += 1
    if status == r.DONE and m.live[U(r.PRESSURE)] == r.WATERMARKS:
        wake_kswapd(m)
    leave(m, before)
    return status


@kernel(cold=True)
def _populate_page(m: Machine, policy: Policy, space: int, vpn: int, flags: int) -> int:
    """What mlock does to one page: fault it in if it is absent, copy it if it must be."""
    writes = (flags & (PROT_WRITE | MAP_SHARED)) == PROT_WRITE
    pte = find_pte(m, space, vpn)
    entry = m.pte[U(pte)]
    if (entry & PRESENT) != 0 and (not writes or (entry & PTE_WRITE) != 0):
        touch(m, policy, page_of(m, entry >> VALUE_SHIFT))
        return r.DONE
    return fault(m, policy, pte, space, vpn, WRITE if writes else READ, 1, FILLS)


@kernel(cold=True)
def run_populate(m: Machine, policy: Policy, args: I64) -> int:
    """Fault in what an mlocked range args[2] .. args[3] of space args[1] lacks."""
    space = args[U(1)]
    vma = first_vma(m, space, args[U(2)])
    status = r.DONE
    while vma != NIL and args[U(2)] < args[U(3)] and status == r.DONE:
        flags = vma_get(m, vma, r.VMA_FLAGS)
        args[U(2)] = max(args[U(2)], vma_get(m, vma, r.VMA_START))
        end = min(args[U(3)], vma_get(m, vma, r.VMA_LAST) + 1)
        if (flags & PROT_READ) == 0:
            args[U(2)] = end
        while args[U(2)] < end:
            status = _populate_page(m, policy, space, args[U(2)], flags)
            if status != r.DONE:
                break
            args[U(2)] += 1
        vma = vma_get(m, vma, r.VMA_NEXT)
    if status == r.DONE and m.live[U(r.PRESSURE)] == r.WATERMARKS:
        wake_kswapd(m)
    return status


@kernel(cold=True)
def run_unshare(m: Machine, policy: Policy, args: I64) -> int:
    """Copy what others hold of a range args[2] .. args[3] of space args[1] that will be moved."""
    space = args[U(1)]
    before = enter(m, P_MMAP)
    status = r.DONE
    while args[U(2)] < args[U(3)]:
        vpn = args[U(2)]
        pte = find_pte(m, space, vpn)
        if others_hold(m, pte):
            status = unshare(m, policy, space, vpn, pte)
            if status != r.DONE:
                break
        args[U(2)] = next_leaf_vpn(vpn) if pte < LEAF_PTES else vpn + 1
    leave(m, before)
    return status


@kernel(cold=True)
def pair(m: Machine, policy: Policy, span: Span, args: I64) -> int:
    """Do what args[0] asks of a machine with a policy; returns DONE, GROW or STOPPED."""
    what = args[U(0)]
    if what == RUN:
        return run_span(m, policy, span, args)
    if what == FD:
        return run_fd(m, policy, args)
    if what == POPULATE:
        return run_populate(m, policy, args)
    if what == UNSHARE:
        return run_unshare(m, policy, args)
    drain(m, policy)
    if m.live[U(r.PRESSURE)] == r.WATERMARKS:
        wake_kswapd(m)
    return r.DONE
