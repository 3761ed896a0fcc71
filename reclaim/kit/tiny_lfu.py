"""TinyLFU's filter: a doorkeeper before a sketch, and the reset that makes both forget.

The first use of a page goes to the doorkeeper, a Bloom filter, the following ones to a count-min
sketch: pages used once do not fill the counters. When a whole sample of uses has been added, every
counter and the number of uses are halved, and the doorkeeper is emptied.

Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: A highly efficient cache admission policy",
ACM Transactions on Storage 13(4), 2017, section 3.
"""

from __future__ import annotations

import numpy as np

from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.bloom import Bloom, bloom_add, bloom_clear, bloom_holds
from reclaim.kit.sketch import Sketch, sketch_add, sketch_estimate, sketch_halve

COUNTERS_PER_FRAME = 4
BITS_PER_USE = 2


class TinyLfu(Handle):
    """The filter for a memory of some frames.

    Attributes
    ----------
    sketch : Sketch
        In each row 4 counters a frame, or as many more as make a power of two.
    doorkeeper : Bloom
        2 bits for each use of a sample, or as many more as make a power of two.
    added : int64 array, 1
        Uses since the filter was empty, halved at each reset.
    sample : int
        Uses at which it is reset.
    """

    sketch: Sketch
    doorkeeper: Bloom
    added: I64
    sample: int

    @classmethod
    def new(cls, nr_frames: int, sample: int) -> TinyLfu:
        """Make an empty filter."""
        return cls(
            sketch=Sketch.new(COUNTERS_PER_FRAME * nr_frames),
            doorkeeper=Bloom.new(BITS_PER_USE * sample),
            added=np.zeros(1, dtype=np.int64),
            sample=sample,
        )


@kernel(cold=True)
def _reset(t: TinyLfu) -> None:
    t.added[U(0)] = t.sample // 2
    sketch_halve(t.sketch)
    bloom_clear(t.doorkeeper)


@kernel
def tiny_lfu_add(t: TinyLfu, page: int, nr: int) -> None:
    """Add `nr` uses of a page, resetting where one by one would."""
    while nr > 0:
        step = min(nr, t.sample - t.added[U(0)])
        known = bloom_add(t.doorkeeper, page)
        if step + known > 1:
            sketch_add(t.sketch, page, step + known - 1)
        t.added[U(0)] += step
        if t.added[U(0)] == t.sample:
            _reset(t)
        nr -= step


@kernel
def tiny_lfu_estimate(t: TinyLfu, page: int) -> int:
    """Return how often, roughly, a page was used lately: 0 to 16."""
    return sketch_estimate(t.sketch, page) + bloom_holds(t.doorkeeper, page)
