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
from reclaim.ids import LEAF_PTES, NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import is_locked
from reclaim.vm.process import next_leaf_vpn
from reclaim.vm.pte import PRESENT, VALUE_SHIFT, YOUNG, change_bits, pte_vpn
from reclaim.vm.tables import find_pte
from reclaim.vm.vma import first_vma, vma_get

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

_SPACE, _LEFT = 0, 1  # a tour: whose turn it is, and how many turns the pass has left


def new_tour() -> I64:
    """Make a tour that has not begun. Plain Python."""
    return np.array([NIL, 0], dtype=np.int64)


@kernel
def mapped_frame(m: Machine, pte: int) -> int:
    """Return the frame that a present PTE maps."""
    return m.pte[U(pte)] >> VALUE_SHIFT


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
def _present_from(m: Machine, space: int, vpn: int) -> int:
    """Return the first PTE of a space at or above a page that maps a frame which is not locked."""
    vma = first_vma(m, space, vpn)
    while vma != NIL:
        vpn = max(vpn, vma_get(m, vma, r.VMA_START))
        last = vma_get(m, vma, r.VMA_LAST)
        while vpn <= last:
            pte = find_pte(m, space, vpn)
            stop = min(last + 1, next_leaf_vpn(vpn))
            if pte >= LEAF_PTES:
                for at in range(pte, pte + stop - vpn):
                    count(m, PTES_PROBED, 1)
                    if (m.pte[U(at)] & PRESENT) != 0:
                        count(m, PTES_HIT, 1)
                        if not is_locked(m, mapped_frame(m, at)):
                            return at
            vpn = stop
        vma = vma_get(m, vma, r.VMA_NEXT)
    return NIL


@kernel(cold=True)
def begin_pass(m: Machine, tour: I64) -> None:
    """Begin a pass: one turn more than there are spaces, so that none is left out."""
    nr = 1
    for space in range(len(m.space) // r.SPACE_WORDS):
        nr += m.space[U(space * r.SPACE_WORDS + r.SPACE_ALIVE)]
    if tour[U(_SPACE)] == NIL:
        tour[U(_SPACE)] = _next_space(m, NIL)
    tour[U(_LEFT)] = nr if tour[U(_SPACE)] != NIL else 0


@kernel(cold=True)
def next_mapping(m: Machine, tour: I64) -> int:
    """Return the next present PTE of a pass, NIL when it is over.

    Those of locked frames are passed over: unmapping them frees nothing. A space is left when its
    last PTE has been seen. Each PTE read counts as probed, each present one as hit.
    """
    while tour[U(_LEFT)] > 0:
        resume = tour[U(_SPACE)] * r.SPACE_WORDS + r.SPACE_RESUME
        pte = _present_from(m, tour[U(_SPACE)], m.space[U(resume)])
        if pte != NIL:
            m.space[U(resume)] = pte_vpn(m, pte) + 1
            return pte
        m.space[U(resume)] = 0
        tour[U(_SPACE)] = _next_space(m, tour[U(_SPACE)])
        tour[U(_LEFT)] = tour[U(_LEFT)] - 1 if tour[U(_SPACE)] != NIL else 0
    return NIL


@kernel
def take_young(m: Machine, pte: int) -> bool:
    """Tell whether a present PTE was used, and forget it (`ptep_test_and_clear_young`)."""
    young = (m.pte[U(pte)] & YOUNG) != 0
    change_bits(m, pte, YOUNG, 0)
    return young
