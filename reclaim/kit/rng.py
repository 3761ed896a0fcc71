"""Pseudo-random numbers for policies: the same with the same seed, interpreted and compiled.

A multiplicative congruential generator modulo the prime 2**31 - 1 with the multiplier 48271: no
product leaves 64 bits, so compiled integers do not wrap where Python's would not. Good enough to
pick victims and to toss coins, not for statistics over more than a billion draws.

Source: S. K. Park, K. W. Miller, P. K. Stockmeyer, "Technical correspondence", CACM 36(7), 1993.
"""

from __future__ import annotations

import numpy as np

from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel

MODULUS = 2**31 - 1
MULTIPLIER = 48271


def new_rng(seed: int) -> I64:
    """Make the state, one word, from any seed.

    Neighbouring seeds would give neighbouring first numbers; numpy's seed sequence spreads them.
    """
    word = int(np.random.SeedSequence(abs(seed)).generate_state(1)[0])
    return np.array([1 + word % (MODULUS - 1)], dtype=np.int64)


@kernel
def random_below(rng: I64, n: int) -> int:
    """Draw an integer from 0 to `n` - 1; `n` at most 2**31."""
    rng[U(0)] = rng[U(0)] * MULTIPLIER % MODULUS
    return (rng[U(0)] - 1) * n // (MODULUS - 1)
