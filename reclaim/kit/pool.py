"""A pool of equal objects, each a row of 64-bit words: a slab cache in an array.

A freed row is reused first (a free list through its first word), as a slab does. Kernels never grow
a pool: they ask `pool_short` beforehand, Python doubles the rows between calls (`Pool.grow`).
"""

from __future__ import annotations

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U, kernel

_FREE, _TOP, _LIVE, _PEAK, _MADE, _CAPACITY = range(6)


class Pool(Handle):
    """Rows of `width` words, and how many are in use.

    Object `n` begins at ``rows[n * width]``.
    """

    rows: I64
    state: I64
    width: int

    @classmethod
    def new(cls, width: int, capacity: int = 64) -> Pool:
        """Make an empty pool.

        Parameters
        ----------
        width : int
            Words of an object, at least 1.
        capacity : int
            Objects it holds before it must grow.
        """
        state = np.zeros(8, dtype=np.int64)
        state[_FREE] = NIL
        state[_CAPACITY] = capacity
        return cls(rows=np.zeros(capacity * width, dtype=np.int64), state=state, width=width)

    @property
    def live(self) -> int:
        """Objects in use."""
        return int(self.state[_LIVE])

    @property
    def peak(self) -> int:
        """Most objects that were ever in use at once."""
        return int(self.state[_PEAK])

    @property
    def made(self) -> int:
        """Allocations so far."""
        return int(self.state[_MADE])

    def grow(self, nr_free: int) -> None:
        """Make room for `nr_free` more objects, at least doubling if it must grow at all."""
        capacity = len(self.rows) // self.width
        if capacity - self.live >= nr_free:
            return
        wanted = max(2 * capacity, self.live + nr_free)
        rows = np.zeros(wanted * self.width, dtype=np.int64)
        rows[: len(self.rows)] = self.rows
        self.rows = rows
        self.state[_CAPACITY] = wanted


@kernel
def pool_short(pool: Pool, nr: int) -> bool:
    """Tell whether fewer than `nr` objects can still be had."""
    return pool.state[U(_LIVE)] + nr > pool.state[U(_CAPACITY)]


@kernel
def pool_alloc(pool: Pool) -> int:
    """Take an object; its words hold what its last user left. The caller has made sure of room."""
    state = pool.state
    index = state[U(_FREE)]
    if index != NIL:
        state[U(_FREE)] = pool.rows[U(index * pool.width)]
    else:
        index = state[U(_TOP)]
        state[U(_TOP)] = index + 1
    state[U(_MADE)] += 1
    state[U(_LIVE)] += 1
    if state[U(_LIVE)] > state[U(_PEAK)]:
        state[U(_PEAK)] = state[U(_LIVE)]
    return index


@kernel
def pool_free(pool: Pool, index: int) -> None:
    """Give an object back."""
    pool.rows[U(index * pool.width)] = pool.state[U(_FREE)]
    pool.state[U(_FREE)] = index
    pool.state[U(_LIVE)] -= 1
