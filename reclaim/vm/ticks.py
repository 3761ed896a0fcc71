"""What time brings, in accesses: samples, aging, the end of writebacks, kswapd's batches.

The access loop compares the time with one word, `live[TICK]`, the earliest of all that is due; so a
policy that asks for none of this pays nothing. docs/reference/machine.md has the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import (
    AGE_TICKS,
    KSWAPD_BATCHES,
    P_AGING,
    SAMPLES,
    count,
    enter,
    leave,
)
from reclaim.ids import NIL
from reclaim.jit.kernel import U, kernel
from reclaim.kit.rng import random_below
from reclaim.vm.frames import frame_flag, page_of
from reclaim.vm.pte import PRESENT, VALUE_SHIFT, YOUNG, change_bits
from reclaim.vm.reclaim import end_due_writebacks, shrink
from reclaim.vm.tables import find_pte

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine


@kernel(cold=True)
def next_sample(m: Machine, after: int) -> int:
    """Return the access to be sampled next: so many behind `after`, or that many on average."""
    every = m.live[U(r.SAMPLE_EVERY)]
    if m.live[U(r.SAMPLE_JITTER)] != 0:
        return after + 1 + random_below(m.rng, 2 * every - 1)
    return after + every


@kernel(cold=True)
def set_tick(m: Machine) -> None:
    """Note when the access loop must look up next."""
    live = m.live
    due = min(live[U(r.KSWAPD_DUE)], live[U(r.AGE_DUE)], live[U(r.SAMPLE_DUE)])
    if live[U(r.NR_WRITEBACK)] > 0:
        due = min(due, m.writeback[U(2 * live[U(r.WRITEBACK_HEAD)] + 1)])
    live[U(r.TICK)] = due


@kernel(cold=True)
def wake_kswapd(m: Machine) -> None:
    """Wake the background reclaimer if memory is short, and note when the loop must look up."""
    live = m.live
    if live[U(r.NR_FREE)] < live[U(r.LOW)] and live[U(r.KSWAPD_DUE)] == r.NEVER:
        live[U(r.KSWAPD_DUE)] = live[U(r.NOW)] + live[U(r.KSWAPD_EVERY)]
    set_tick(m)


@kernel(cold=True)
def _sample(m: Machine, policy: Policy, entry: int) -> None:
    """Tell the policy how often the row behind us was sampled, if it has that page's frame."""
    live = m.live
    nr = 0
    while live[U(r.SAMPLE_DUE)] <= live[U(r.NOW)]:
        live[U(r.SAMPLE_DUE)] = next_sample(m, live[U(r.SAMPLE_DUE)])
        nr += 1
    count(m, SAMPLES, nr)
    pfn = entry >> VALUE_SHIFT
    if nr > 0 and (entry & PRESENT) != 0 and frame_flag(m, pfn, r.FRAME_OWNED):
        policy.sampled(m, pfn, page_of(m, pfn), nr)


@kernel(cold=True)
def _age(m: Machine, policy: Policy, pte: int) -> None:
    """Call `age` as often as it is due; after one within a row, the row's page is used again."""
    live = m.live
    while live[U(r.AGE_DUE)] <= live[U(r.NOW)]:
        count(m, AGE_TICKS, 1)
        policy.age(m)
        if live[U(r.AGE_DUE)] < live[U(r.NOW)] and (m.pte[U(pte)] & PRESENT) != 0:
            change_bits(m, pte, 0, YOUNG)
        live[U(r.AGE_DUE)] += live[U(r.AGE_EVERY)]


@kernel(cold=True)
def tick(m: Machine, policy: Policy, space: int, vpn: int) -> None:
    """Do what is due after an access row of (space, vpn)."""
    live = m.live
    before = enter(m, P_AGING)
    live[U(r.WORK_START)] = NIL
    if policy.SAMPLES:
        _sample(m, policy, m.pte[U(find_pte(m, space, vpn))])
    if policy.AGES:
        _age(m, policy, find_pte(m, space, vpn))
    end_due_writebacks(m)
    while live[U(r.KSWAPD_DUE)] <= live[U(r.NOW)]:
        count(m, KSWAPD_BATCHES, 1)
        shrink(m, policy, r.BATCH, NIL)
        if live[U(r.NR_FREE)] >= live[U(r.HIGH)]:
            live[U(r.KSWAPD_DUE)] = r.NEVER
        else:
            live[U(r.KSWAPD_DUE)] += live[U(r.KSWAPD_EVERY)]
    leave(m, before)
    set_tick(m)
