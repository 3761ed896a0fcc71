"""A page-table entry: one word, value << 8 | bits. The only module that writes page tables.

====================  =============  ==============================================================
state                 value          bits
====================  =============  ==============================================================
empty                 0              none
present               frame          PRESENT, YOUNG, DIRTY and the permissions READ, WRITE, EXEC;
                                     HAS_SLOT if the page may own a swap slot (a hint: set, or not)
swapped               page id        SWAPPED
====================  =============  ==============================================================

Permissions lie at ``PROT << 3``, so that a VMA's protection shifts into place, in the order of the
operations (`ids.READ`, `WRITE`, `EXECUTE`), so that an access finds its bit without a branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim import rows as r
from reclaim.ids import LEAF_BITS, LEAF_PTES, WRITE
from reclaim.jit.kernel import U, kernel
from reclaim.rows import LEAF_BASE, LEAF_SPACE, LEAF_USED, LEAF_WORDS, SPACE_NR_PTES, SPACE_WORDS

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

PRESENT, YOUNG, DIRTY, PTE_READ, PTE_WRITE, PTE_EXEC, SWAPPED, HAS_SLOT = (
    1 << bit for bit in range(8)
)
VALUE_SHIFT = 8
PERMISSIONS = PTE_READ | PTE_WRITE | PTE_EXEC


@kernel
def needed_bits(op: int) -> int:
    """Return the bits a PTE must have so that an access of this kind does not fault."""
    return PRESENT | PTE_READ << op


@kernel
def used_bits(op: int) -> int:
    """Return the bits that an access of this kind sets."""
    return YOUNG | (op & WRITE) * DIRTY


@kernel
def stale_slot(entry: int, op: int) -> bool:
    """Tell whether an access is the first write to a page that may own a swap slot.

    One comparison for both conditions: two would be two branches, each hard to foretell.
    """
    return (entry & (DIRTY | HAS_SLOT)) + op == HAS_SLOT + WRITE


@kernel
def permission_bits(prot: int) -> int:
    """Return a VMA's protection as PTE bits."""
    return (prot & 7) << 3


@kernel
def present_pte(pfn: int, bits: int) -> int:
    """Return a PTE that maps a frame."""
    return pfn << VALUE_SHIFT | bits | PRESENT


@kernel
def swapped_pte(page: int) -> int:
    """Return a PTE that holds a page without a frame."""
    return page << VALUE_SHIFT | SWAPPED


@kernel
def pte_frame(m: Machine, pte: int) -> int:
    """Return the frame that a present PTE maps."""
    return m.pte[U(pte)] >> VALUE_SHIFT


@kernel
def pte_space(m: Machine, pte: int) -> int:
    """Return the address space that a PTE belongs to."""
    return m.leaf[U((pte >> LEAF_BITS) * LEAF_WORDS + LEAF_SPACE)]


@kernel
def pte_vpn(m: Machine, pte: int) -> int:
    """Return the page number that a PTE translates."""
    base = m.leaf[U((pte >> LEAF_BITS) * LEAF_WORDS + LEAF_BASE)]
    return base + (pte & (LEAF_PTES - 1))


@kernel
def set_pte(m: Machine, pte: int, value: int) -> None:
    """Write a PTE, keeping the number of used PTEs of its leaf and space."""
    old = m.pte[U(pte)]
    m.pte[U(pte)] = value
    change = 0
    if old == 0 and value != 0:
        change = 1
    elif old != 0 and value == 0:
        change = -1
    if change != 0:
        leaf = pte >> LEAF_BITS
        m.leaf[U(leaf * LEAF_WORDS + LEAF_USED)] += change
        m.space[U(m.leaf[U(leaf * LEAF_WORDS + LEAF_SPACE)] * SPACE_WORDS + SPACE_NR_PTES)] += (
            change
        )
        m.live[U(r.NR_PTES)] += change


@kernel
def change_bits(m: Machine, pte: int, clear: int, add: int) -> None:
    """Clear and set bits of a PTE that stays present."""
    m.pte[U(pte)] = (m.pte[U(pte)] & ~clear) | add
