"""What an event left for the policy: told in order, and then the frames of dead pages are freed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.jit.kernel import U, kernel
from reclaim.vm.evict import finish_eviction, retire
from reclaim.vm.frames import clear_flag, frame_flag, free_frame, is_locked, page_of, set_flag
from reclaim.vm.mapping import DEACTIVATED, PAGEOUT, PROBE, UNLOCKED, ZAPPED_YOUNG
from reclaim.vm.tell import BY_ZAP

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine


@kernel(cold=True)
def _take(m: Machine, policy: Policy, pfn: int, why: int) -> None:
    """Take a frame from the policy, if it has it."""
    if frame_flag(m, pfn, r.FRAME_OWNED):
        clear_flag(m, pfn, r.FRAME_OWNED)
        policy.removed(m, pfn, why)


@kernel(cold=True)
def _bury(m: Machine, pfn: int) -> None:
    """Free the frame of a dead page, at the end of its writeback if that is under way."""
    clear_flag(m, pfn, r.FRAME_DYING)
    if frame_flag(m, pfn, r.FRAME_WRITEBACK):
        set_flag(m, pfn, r.FRAME_EVICTED)
    else:
        free_frame(m, pfn)


@kernel(cold=True)
def drain(m: Machine, policy: Policy) -> None:
    """Make the calls that an event left in `m.removals`, in order."""
    for i in range(m.live[U(r.NR_REMOVALS)]):
        pfn = m.removals[U(2 * i)]
        why = m.removals[U(2 * i + 1)]
        if why == ZAPPED_YOUNG:
            if frame_flag(m, pfn, r.FRAME_OWNED):
                policy.accessed(m, pfn, page_of(m, pfn), BY_ZAP, 1)
        elif why == DEACTIVATED:
            if frame_flag(m, pfn, r.FRAME_OWNED):
                policy.deactivated(m, pfn)
        elif why == UNLOCKED:
            if not frame_flag(m, pfn, r.FRAME_DYING) and not is_locked(m, pfn):
                set_flag(m, pfn, r.FRAME_OWNED)
                policy.putback(m, pfn, UNLOCKED)
        else:
            _take(m, policy, pfn, why)
            if why == PAGEOUT or why == PROBE:
                was_dirty = frame_flag(m, pfn, r.FRAME_WRITEBACK)
                clear_flag(m, pfn, r.FRAME_WRITEBACK | r.FRAME_DYING)
                finish_eviction(m, pfn, policy.evicted(m, pfn))
                retire(m, pfn, was_dirty)
            elif frame_flag(m, pfn, r.FRAME_DYING):
                _bury(m, pfn)
    m.live[U(r.NR_REMOVALS)] = 0
