"""Lackey's access lines to rows, folded: the one loop that sees every byte of a log.

A line is ``I  ADDRESS,SIZE`` (fetch), `` L ...`` (load), `` S ...`` (store) or `` M ...`` (load,
then store: one write here). Touches of any of the last K distinct pages of a process are folded
into the page's open row. A row that began as read or execute is closed by a write, because that
write may fault; a row that began as a write takes everything. This is Smith's stack
deletion: an LRU of at least K frames misses exactly as on the full trace.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.trace.model import MAX_NR

PAGE_SHIFT = 12

# Why the loop came back.
MORE, SPECIAL, FULL = 0, 1, 2

# Words of the state.
NR_OPEN, NR_ROWS, NR_LINES, NR_DROPPED = 0, 1, 2, 3

_READ, _WRITE, _EXECUTE = ids.READ, ids.WRITE, ids.EXECUTE
_MAX_VPN = ids.MAX_VPN
_NO_DIGIT = 255

_HEX = np.full(256, _NO_DIGIT, np.uint8)
for _i, _c in enumerate(b"0123456789abcdef"):
    _HEX[_c] = _i

_Kernel = Callable[..., tuple[int, int]]


def _fold_lines(  # noqa: C901, PLR0912, PLR0915 - compiled in one piece
    data: Any,
    start: int,
    end: int,
    digits: Any,
    state: Any,
    open_page: Any,
    open_row: Any,
    vpn: Any,
    op: Any,
    nr: Any,
) -> tuple[int, int]:
    """Fold lines of data[start:end]; return where it stopped, and MORE, SPECIAL or FULL."""
    window = len(open_page)
    room = len(vpn) - 2
    nr_open = state[0]
    rows = state[1]
    lines = state[2]
    pos = start
    why = 0
    while True:
        if rows > room:
            why = 2
            break
        if pos + 3 >= end:
            break
        first = data[pos]
        second = data[pos + 1]
        kind = -1
        if data[pos + 2] == 32:
            if first == 73 and second == 32:
                kind = _EXECUTE
            elif first == 32 and second == 76:
                kind = _READ
            elif first == 32 and second in (83, 77):
                kind = _WRITE
        if kind < 0:
            why = 1
            break
        i = pos + 3
        address = 0
        while i < end:
            digit = int(digits[data[i]])
            if digit == 255:
                break
            address = (address << 4) | digit
            i += 1
        nr_digits = i - pos - 3
        if i >= end:
            break
        if data[i] != 44 or nr_digits == 0 or nr_digits > 16:
            why = 1
            break
        i += 1
        size = 0
        while i < end:
            digit = int(data[i]) - 48
            if digit < 0 or digit > 9:
                break
            size = size * 10 + digit
            i += 1
        if i >= end:
            break
        if data[i] != 10:
            why = 1
            break
        pos = i + 1
        lines += 1
        page = address >> 12
        last = (address + max(size, 1) - 1) >> 12
        if nr_digits > 13 or page < 0 or last >= _MAX_VPN:
            # The vsyscall page and the like: beyond what a process can map.
            state[3] += 1
            continue
        while page <= last:
            at = 0
            while at < nr_open and open_page[at] != page:
                at += 1
            row = -1
            if at < nr_open:
                row = open_row[at]
                if (kind == _WRITE and op[row] != _WRITE) or nr[row] == MAX_NR:
                    row = -1
            elif nr_open < window:
                nr_open += 1
            else:
                at -= 1
            if row < 0:
                row = rows
                vpn[row] = page
                op[row] = kind
                nr[row] = 1
                rows += 1
            else:
                nr[row] += 1
            while at > 0:
                open_page[at] = open_page[at - 1]
                open_row[at] = open_row[at - 1]
                at -= 1
            open_page[0] = page
            open_row[0] = row
            page += 1
    state[0] = nr_open
    state[1] = rows
    state[2] = lines
    return pos, why


@functools.cache
def _kernel() -> _Kernel:
    """Return the loop, compiled; numba is imported when the first log is read, not before."""
    import numba

    try:
        return numba.njit(cache=True, nogil=True)(_fold_lines)
    except RuntimeError:  # nowhere to keep the compiled code
        return numba.njit(nogil=True)(_fold_lines)


class Folder:
    """Rows of one log, growing as text is fed.

    Parameters
    ----------
    window : int
        K: distinct pages whose last row may still take touches; at least 1.
    """

    def __init__(self, window: int) -> None:
        self._state = np.zeros(4, np.int64)
        self._open_page = np.zeros(window, np.int64)
        self._open_row = np.zeros(window, np.int64)
        self._vpn = np.zeros(1024, np.int64)
        self._op = np.zeros(1024, np.uint8)
        self._nr = np.zeros(1024, np.int32)

    @property
    def nr_rows(self) -> int:
        """Rows so far."""
        return int(self._state[NR_ROWS])

    @property
    def nr_lines(self) -> int:
        """Lines so far, those counted with `skip_line` included."""
        return int(self._state[NR_LINES])

    @property
    def nr_dropped(self) -> int:
        """Touches outside what a process can map, left out."""
        return int(self._state[NR_DROPPED])

    def fold(self, data: npt.NDArray[np.uint8], start: int) -> tuple[int, bool]:
        """Fold access lines from `start` on.

        Parameters
        ----------
        data : (n,) uint8
            Text.
        start : int
            Where a line begins.

        Returns
        -------
        pos : int
            Where a line begins that was not taken: it is no access line, or not complete.
        special : bool
            Whether that line is certainly no access line.
        """
        kernel = _kernel()
        why = FULL
        while why == FULL:
            if self.nr_rows > len(self._vpn) - 2:
                self._grow()
            start, why = kernel(
                data,
                start,
                len(data),
                _HEX,
                self._state,
                self._open_page,
                self._open_row,
                self._vpn,
                self._op,
                self._nr,
            )
        return start, why == SPECIAL

    def close(self) -> None:
        """Close every open row: what comes next may fault where the last touch did not."""
        self._state[NR_OPEN] = 0

    def skip_line(self) -> None:
        """Count a line that is no access."""
        self._state[NR_LINES] += 1

    def rows(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Return the columns (vpn, op, nr), as views."""
        n = self.nr_rows
        return self._vpn[:n], self._op[:n], self._nr[:n]

    def _grow(self) -> None:
        size = 2 * len(self._vpn)
        self._vpn = np.resize(self._vpn, size)
        self._op = np.resize(self._op, size)
        self._nr = np.resize(self._nr, size)
