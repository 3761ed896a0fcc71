"""A Bloom filter: was this page there before? "No" is certain, "yes" may be wrong.

Source: B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13(7), 1970.
"""

from __future__ import annotations

import numpy as np

from reclaim.jit.handle import U8, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.hashing import first_hash, power_of_two, second_hash

FUNCTIONS = 3


class Bloom(Handle):
    """Bits, of which each page has three.

    Attributes
    ----------
    table : uint8 array
        The bits, eight a byte, the lowest first.
    bits : int
        How many there are, a power of two.
    """

    table: U8
    bits: int

    @classmethod
    def new(cls, least_bits: int) -> Bloom:
        """Make an empty filter of the next power of two of bits."""
        bits = power_of_two(max(least_bits, 8))
        return cls(table=np.zeros(bits // 8, dtype=np.uint8), bits=bits)


@kernel
def _bit_at(b: Bloom, x: int, k: int) -> int:
    return (first_hash(x) + k * second_hash(x)) & (b.bits - 1)


@kernel
def bloom_holds(b: Bloom, x: int) -> int:
    """Return 1 if `x` may have been added, 0 if it was not."""
    held = 1
    for k in range(FUNCTIONS):
        at = _bit_at(b, x, k)
        held &= int(b.table[U(at >> 3)]) >> (at & 7)
    return held


@kernel
def bloom_add(b: Bloom, x: int) -> int:
    """Add `x`; returns 1 if it may have been there, 0 if it was not."""
    held = bloom_holds(b, x)
    for k in range(FUNCTIONS):
        at = _bit_at(b, x, k)
        b.table[U(at >> 3)] |= 1 << (at & 7)
    return held


@kernel(cold=True)
def bloom_clear(b: Bloom) -> None:
    """Forget everything."""
    for i in range(len(b.table)):
        b.table[U(i)] = 0
