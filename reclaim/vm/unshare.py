"""Copying before a move: for strategies that cannot find a shared page at two addresses.

An anonymous page that several PTEs hold lies at one address in all of them, as fork left it. mremap
would give it a second. Where the strategy declares `copies_on_move`, the mover is first given pages
of its own (docs/decisions/0006-copy-before-the-move.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.counters import EARLY_COPIES, FILLS, count
from reclaim.ids import NIL
from reclaim.jit.kernel import U, kernel
from reclaim.vm.drain import drain
from reclaim.vm.fault import copy_page, fill, room_short, use_resident
from reclaim.vm.frames import frame_of, is_anon, page_of, sharers
from reclaim.vm.pte import PRESENT, VALUE_SHIFT
from reclaim.vm.tell import tell_access
from reclaim.vm.vma import find_vma

if TYPE_CHECKING:
    from reclaim.contract.policy import Policy
    from reclaim.vm.machine import Machine


@kernel(cold=True)
def others_hold(m: Machine, pte: int) -> bool:
    """Tell whether a PTE holds, present or swapped, an anonymous page that others hold too."""
    entry = m.pte[U(pte)]
    if entry == 0:
        return False
    value = entry >> VALUE_SHIFT
    page = page_of(m, value) if (entry & PRESENT) != 0 else value
    return is_anon(m, page) and sharers(m, page) > 1


@kernel(cold=True)
def _source(m: Machine, policy: Policy, entry: int) -> int:
    """Return the frame of the page behind a PTE, read in if it has none; NIL: no memory."""
    value = entry >> VALUE_SHIFT
    if (entry & PRESENT) != 0:
        tell_access(m, policy, value, 1)
        return value
    pfn = frame_of(m, value)
    if pfn != NIL:
        use_resident(m, policy, pfn, value, 1)
        return pfn
    pfn = fill(m, policy, value, False, True)
    if pfn != NIL:
        count(m, FILLS, 1)
    return pfn


@kernel(cold=True)
def unshare(m: Machine, policy: Policy, space: int, vpn: int, pte: int) -> int:
    """Give a PTE, whose page others hold, a copy of its own, as a write would.

    Returns
    -------
    int
        DONE; GROW when rows may run short (nothing has changed); STOPPED with `live[ERROR]`.
    """
    if room_short(m):
        return r.GROW
    vma = find_vma(m, space, vpn)
    source = _source(m, policy, m.pte[U(pte)])
    done = source != NIL and copy_page(m, policy, vma, pte, vpn, source)
    count(m, EARLY_COPIES, int(done))
    if m.live[U(r.NR_REMOVALS)] > 0:
        drain(m, policy)
    return r.DONE if done else r.STOPPED
