"""What the machine tells a policy of a page: that it came into a frame, that it was used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import REFAULT_DISTANCE, REFAULTS, count
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import frame_flag, page_of, set_flag

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine

# How a policy hears of a use.
BY_PTE, BY_FD, BY_ZAP = 0, 1, 2


@kernel
def touch(m: Machine, policy: Policy, page: int) -> None:
    """Advance the order of touches: a policy that looks ahead learns when the page comes again."""
    if policy.SEES_FUTURE:
        at = m.live[U(r.TOUCH)]
        m.live[U(r.NEXT_USE)] = m.next_use[U(at)]
        m.live[U(r.TOUCH)] = at + 1
    if policy.RECORDS:
        m.page_of_touch[U(m.live[U(r.TOUCH)])] = page
        m.live[U(r.TOUCH)] += 1


@kernel
def tell_access(m: Machine, policy: Policy, pfn: int, nr: int) -> None:
    """A resident page was used through a PTE. A locked frame is not the policy's to hear of."""
    if policy.SEES_ACCESSES or policy.RECORDS:
        page = page_of(m, pfn)
        touch(m, policy, page)
        if policy.SEES_ACCESSES and frame_flag(m, pfn, r.FRAME_OWNED):
            policy.accessed(m, pfn, page, BY_PTE, nr)


@kernel
def enter_policy(m: Machine, policy: Policy, pfn: int, page: int) -> None:
    """Hand a frame to the policy, with what it remembered of the page."""
    row = page * r.PAGE_WORDS
    evicted_at = m.page[U(row + r.PAGE_EVICTED_AT)]
    if evicted_at != 0:
        count(m, REFAULTS, 1)
        count(m, REFAULT_DISTANCE, m.live[U(r.NR_EVICTED)] - evicted_at)
    touch(m, policy, page)
    set_flag(m, pfn, r.FRAME_OWNED)
    policy.fault_in(m, pfn, page, m.page[U(row + r.PAGE_SHADOW)])
