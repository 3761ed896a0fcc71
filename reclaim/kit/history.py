"""When each page was used: the times of its last K uses, and of its last use of all.

Uses that follow each other closely may be entered as one, which goes on for a period: older times
move up by it, as if the period had taken no time (O'Neil et al. 1993). Times begin with 1; 0 stands
for a use that is not known. A page's times are one row.
"""

from __future__ import annotations

import numpy as np

from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import U

LAST = 0  # behind it the last use entered, the one before, ... the K-th last


class History(Handle):
    """The last K uses of each page of a run.

    Attributes
    ----------
    times : int64 array
        A row for each page, of `stride` words.
    k, stride : int
        How many uses are kept; words of a row.
    """

    times: I64
    k: int
    stride: int

    @classmethod
    def new(cls, nr_pages: int, k: int) -> History:
        """Make empty histories of up to 7 uses; 32 bytes a page, 64 if `k` is more than 3."""
        stride = 4 if k < 4 else 8
        return cls(times=np.zeros(nr_pages * stride, dtype=np.int64), k=k, stride=stride)

    def last(self, page: int) -> int:
        """Return the time of the last use of a page, entered or not."""
        return self.times[U(page * self.stride + LAST)]

    def kth(self, page: int) -> int:
        """Return the time of the K-th last use entered, 0 if there were fewer."""
        return self.times[U(page * self.stride + self.k)]

    def arrive(self, page: int, time: int, retained: int) -> None:
        """Enter the use that brings a page in; what is older than `retained` (not 0) is lost."""
        if retained > 0 and time - self.last(page) > retained:
            self.forget(page)
        self._shift(page, time, 0)

    def use(self, page: int, time: int, correlated: int) -> None:
        """Enter a use of a page that is in, or let the last one go on, if that is so near."""
        row = page * self.stride
        if time - self.times[U(row + LAST)] > correlated:
            self._shift(page, time, self.times[U(row + LAST)] - self.times[U(row + 1)])
        self.times[U(row + LAST)] = time

    def _shift(self, page: int, time: int, period: int) -> None:
        row = page * self.stride
        for i in range(self.k, 1, -1):
            use = self.times[U(row + i - 1)]
            self.times[U(row + i)] = use + period if use > 0 else 0
        self.times[U(row + 1)] = time
        self.times[U(row + LAST)] = time

    def forget(self, page: int) -> None:
        """Forget the uses entered; the time of the last one stays."""
        for i in range(1, self.k + 1):
            self.times[U(page * self.stride + i)] = 0
