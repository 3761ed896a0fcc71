"""Touring page tables: how a policy without a reverse map finds what is mapped.

The virtual scan of Linux 2.4 and the working-set trimming of Windows walk address spaces, not
frames: space after space, each from where the last visit left off. The resume address is a word of
the space, zero in a new one (`mm->swap_address`); the space whose turn it is, is kept with the
policy (`swap_mm`). Only policies that need `page_tables` may ask. Nothing is taken away here: that
is `vm.evict.unmap_one`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reclaim import rows as r
from reclaim.counters import PTES_HIT, PTES_PROBED, count
from reclaim.ids import LEAF_PTES, MAX_VPN, NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import is_locked
from reclaim.vm.process import next_leaf_vpn
from reclaim.vm.pte import PRESENT, YOUNG, change_bits, pte_frame, pte_vpn
from reclaim.vm.tables import find_pte
from reclaim.vm.vma import first_vma, vma_get

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

# A tour: whose turn it is; how many turns the pass has left, and up to where the last one goes.
_SPACE, _TURNS, _UNTIL = 0, 1, 2


def new_tour() -> I64:
    """Make a tour that has not begun. Plain Python."""
    return np.array([NIL, NIL, 0], dtype=np.int64)


@kernel(cold=True)
def _next_space(m: Machine, space: int) -> int:
    """Return the living space behind another, in order of creation and round again; NIL if none."""
    total = len(m.space) // r.SPACE_WORDS
    for _ in range(total):
        space = space + 1 if space + 1 < total else 0
        if m.space[U(space * r.SPACE_WORDS + r.SPACE_ALIVE)] != 0:
            return space
    return NIL


@kernel(cold=True)
def _present_from(m: Machine, space: int, vpn: int, end: int) -> int:
    """Return a space's first PTE in [vpn, end) that maps a frame which is not locked, or NIL."""
    vma = first_vma(m, space, vpn)
    while vma != NIL and vpn < end:
        vpn = max(vpn, vma_get(m, vma, r.VMA_START))
        behind = min(vma_get(m, vma, r.VMA_LAST) + 1, end)
        while vpn < behind:
            pte = find_pte(m, space, vpn)
            stop = min(behind, next_leaf_vpn(vpn))
            if pte >= LEAF_PTES:
                for at in range(pte, pte + stop - vpn):
                    count(m, PTES_PROBED, 1)
                    if (m.pte[U(at)] & PRESENT) != 0:
                        count(m, PTES_HIT, 1)
                        if not is_locked(m, pte_frame(m, at)):
                            return at
            vpn = stop
        vma = vma_get(m, vma, r.VMA_NEXT)
    return NIL


@kernel(cold=True)
def begin_pass(m: Machine, tour: I64) -> None:
    """Begin a pass: once round all spaces, from where the last pass was left to the same place."""
    space = tour[U(_SPACE)]
    if space == NIL or m.space[U(space * r.SPACE_WORDS + r.SPACE_ALIVE)] == 0:
        space = _next_space(m, space)
    tour[U(_SPACE)] = space
    tour[U(_TURNS)] = 0
    if space != NIL:
        tour[U(_UNTIL)] = m.space[U(space * r.SPACE_WORDS + r.SPACE_RESUME)]
        for other in range(len(m.space) // r.SPACE_WORDS):
            tour[U(_TURNS)] += m.space[U(other * r.SPACE_WORDS + r.SPACE_ALIVE)]


@kernel(cold=True)
def next_mapping(m: Machine, tour: I64) -> int:
    """Return the next present PTE of a pass, NIL when it is over.

    Those of locked frames are passed over: unmapping them frees nothing. Each PTE read counts as
    probed, each present one as hit.
    """
    while tour[U(_TURNS)] >= 0 and tour[U(_SPACE)] != NIL:
        # After a turn for each space the first has another, for what lies before where it began.
        last = tour[U(_TURNS)] == 0
        end = tour[U(_UNTIL)] if last else MAX_VPN
        resume = tour[U(_SPACE)] * r.SPACE_WORDS + r.SPACE_RESUME
        pte = _present_from(m, tour[U(_SPACE)], m.space[U(resume)], end)
        if pte != NIL:
            m.space[U(resume)] = pte_vpn(m, pte) + 1
            return pte
        m.space[U(resume)] = end if last else 0
        tour[U(_TURNS)] -= 1
        if not last:
            tour[U(_SPACE)] = _next_space(m, tour[U(_SPACE)])
    return NIL


@kernel
def take_young(m: Machine, pte: int) -> bool:
    """Tell whether a present PTE was used, and forget it (`ptep_test_and_clear_young`)."""
    young = (m.pte[U(pte)] & YOUNG) != 0
    change_bits(m, pte, YOUNG, 0)
    return young
