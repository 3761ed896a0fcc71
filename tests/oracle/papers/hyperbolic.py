"""Hyperbolic caching, Blankstein, Sen and Freedman, USENIX ATC 2017.

libcachesim's Hyperbolic draws from a generator of its own, so no two agree miss for miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tests.oracle.rng import Dice

SLOW = True  # it draws 64 items for each miss


def misses(trace: Sequence[int], frames: int, *, sample: int = 64) -> list[int]:
    """Evict, of some items drawn with replacement, the one used least for the time it was in."""
    dice = Dice(0)
    memory: list[int] = []
    uses: dict[int, int] = {}
    came: dict[int, int] = {}
    missed = []
    for at, page in enumerate(trace):
        if page in uses:
            uses[page] += 1
            continue
        missed.append(at)
        if len(memory) < frames:
            memory.append(page)
        else:
            drawn = [dice.below(frames) for _ in range(sample)]
            place = min(drawn, key=lambda k: Fraction(uses[memory[k]], at - came[memory[k]]))
            del uses[memory[place]], came[memory[place]]
            memory[place] = page
        uses[page] = 1
        came[page] = at
    return missed
