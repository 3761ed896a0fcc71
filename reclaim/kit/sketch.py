"""A count-min sketch with counters of four bits: how often, roughly, was a page used lately?

::

    row 0   . . 3 . . . . .      a page has one counter in each row;
    row 1   . . . . . 5 . .      its estimate is the least of them: here 2,
    row 2   2 . . . . . . .      never less than the truth, up to 15,
    row 3   . . . 2 . . . .      until counters are halved

An addition raises only those counters that are the least ("minimal increment", "conservative
update"). Halving all counters now and then makes it forget. Two counters share a byte.

Sources: G. Cormode, S. Muthukrishnan, "An improved data stream summary", J. Algorithms 55(1), 2005;
minimal increment: C. Estan, G. Varghese, SIGCOMM 2002; S. Cohen, Y. Matias, SIGMOD 2003.
"""

from __future__ import annotations

import numpy as np

from reclaim.jit.handle import U8, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.hashing import first_hash, power_of_two, second_hash

ROWS = 4
LARGEST = 15


class Sketch(Handle):
    """Four rows of counters.

    Attributes
    ----------
    table : uint8 array, 4 x width / 2
        Two counters a byte, the even one in the lower half.
    width : int
        Counters of a row, a power of two.
    """

    table: U8
    width: int

    @classmethod
    def new(cls, least_width: int) -> Sketch:
        """Make counters, all zero: in each row the next power of two of them."""
        width = power_of_two(max(least_width, 2))
        return cls(table=np.zeros(ROWS * width // 2, dtype=np.uint8), width=width)


@kernel
def _counter_at(s: Sketch, x: int, row: int) -> int:
    """Return which counter of all is the one of `x` in a row."""
    return row * s.width + ((first_hash(x) + row * second_hash(x)) & (s.width - 1))


@kernel
def _counter(s: Sketch, at: int) -> int:
    # int: interpreted, numbers of eight bits would wrap.
    return (int(s.table[U(at >> 1)]) >> ((at & 1) * 4)) & LARGEST


@kernel
def sketch_estimate(s: Sketch, x: int) -> int:
    """Return the estimate of `x`, 0 to 15."""
    least = LARGEST
    for row in range(ROWS):
        least = min(least, _counter(s, _counter_at(s, x, row)))
    return least


@kernel
def sketch_add(s: Sketch, x: int, nr: int) -> None:
    """Count `x` so many times."""
    count = min(sketch_estimate(s, x) + nr, LARGEST)
    for row in range(ROWS):
        at = _counter_at(s, x, row)
        lacks = max(count - _counter(s, at), 0)
        s.table[U(at >> 1)] += lacks << ((at & 1) * 4)


@kernel(cold=True)
def sketch_halve(s: Sketch) -> None:
    """Halve every counter, rounding down."""
    for i in range(len(s.table)):
        s.table[U(i)] = (s.table[U(i)] >> 1) & 0x77
