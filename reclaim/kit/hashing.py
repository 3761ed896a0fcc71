"""Hash functions of page ids, equal interpreted and compiled.

Two numbers modulo the prime p = 2**31 - 1: ``A * (x + 1) % p`` and ``B * (x + 1) % p``; no product
leaves 64 bits. The multipliers are among those that Fishman and Moore found to spread best. A table
that wants k functions takes ``first + i * second``, i = 0 .. k - 1, which does as well.

Sources: J. L. Carter, M. N. Wegman, "Universal classes of hash functions", JCSS 18, 1979;
A. Kirsch, M. Mitzenmacher, "Less hashing, same performance", Random Structures and Algorithms
33(2), 2008; G. S. Fishman, L. R. Moore, SIAM J. Sci. Stat. Comput. 7(1), 1986.
"""

from __future__ import annotations

from reclaim.jit.kernel import kernel

PRIME = 2**31 - 1
FIRST, SECOND = 742938285, 950706376


@kernel
def first_hash(x: int) -> int:
    """Return a number below 2**31 - 1 for `x`, 0 to 2**31 - 2."""
    # int: interpreted, a page id may come out of an array of 32 bits, which would wrap.
    return FIRST * (int(x) + 1) % PRIME


@kernel
def second_hash(x: int) -> int:
    """Return another such number."""
    return SECOND * (int(x) + 1) % PRIME


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is at least `least`."""
    return 1 << max(least - 1, 0).bit_length()
