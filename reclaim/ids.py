"""What the numbers of the machine name, and the sentinels they share.

=========  =====================================================================================
pfn        frame number, 0 .. nr_frames - 1; list sentinels are extra rows behind the last frame
vpn        virtual page number within an address space, below 2**36
asid       address space, dense in order of creation, never reused within a run
page id    backing identity of a page, dense in order of first touch, never reused
pte index  leaf * 512 + slot: names one page-table entry of the whole machine
vma        row of the VMA pool; reused after the VMA is gone
file       file or shared-memory object, dense in order of appearance in the trace
=========  =====================================================================================
"""

from __future__ import annotations

NIL = -1
"""No frame, no page, no row: every link that leads nowhere."""

LEAF_BITS = 9
LEAF_PTES = 1 << LEAF_BITS
"""PTEs in a leaf table: 512, as on x86-64."""

VPN_BITS = 36
MAX_VPN = 1 << VPN_BITS
"""One more than the largest page number (four levels of 9 bits)."""

# Operations of an access row.
READ, WRITE, EXECUTE = 0, 1, 2
OP_NAMES = ("read", "write", "execute")

# Protection of a VMA, and the shared flag beside it.
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_SHARED = 8

# Kinds of page.
ANON, FILE, SHM = 0, 1, 2
