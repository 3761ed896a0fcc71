"""Lackey's access lines to rows, folded: the one loop that sees every byte of a log.

A line is ``I  ADDRESS,SIZE`` (fetch), `` L ...`` (load), `` S ...`` (store) or `` M ...`` (load,
then store: one write here). Touches of one page in a row become one row. With a window of K, more
is left out: of three touches of a page with fewer than K other pages between the first and the
last, the middle one is folded into the first. An LRU of K frames or more keeps the page over all
three, and the third says how recent it is: it misses exactly as on the full trace. A write is
folded into a write only, because a first write may fault.

Source: S. F. Kaplan, Y. Smaragdakis, P. R. Wilson, "Trace reduction for virtual memory
simulations", SIGMETRICS 1999 (Safely Allowed Drop).
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

# Columns of the window: a page, its last kept row, its last row of all (kept or not yet decided).
PAGE, KEPT, LAST = 0, 1, 2

_READ, _WRITE, _EXECUTE = ids.READ, ids.WRITE, ids.EXECUTE
_MAX_VPN, _MAX_NR = ids.MAX_VPN, MAX_NR
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
    window: Any,
    vpn: Any,
    op: Any,
    nr: Any,
) -> tuple[int, int]:
    """Fold lines of data[start:end]; return where it stopped, and MORE, SPECIAL or FULL."""
    wanted = window.shape[1]
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
            if nr_open > 0 and window[0, 0] == page:
                row = window[2, 0]
                if (kind != _WRITE or op[row] == _WRITE) and nr[row] < _MAX_NR:
                    nr[row] += 1
                    page += 1
                    continue
            at = 0
            while at < nr_open and window[0, at] != page:
                at += 1
            kept = rows
            if at < nr_open:
                kept = window[1, at]
                row = window[2, at]
                if kept != row:
                    # Is there a row of the window's oldest page between `kept` and now? Then K
                    # others were.
                    close = nr_open < wanted or (at < nr_open - 1 and window[2, nr_open - 1] < kept)
                    if (
                        close
                        and (op[row] != _WRITE or op[kept] == _WRITE)
                        and nr[kept] <= _MAX_NR - nr[row]
                    ):
                        nr[kept] += nr[row]
                        nr[row] = 0
                    else:
                        kept = row
            elif nr_open < wanted:
                nr_open += 1
            else:
                at -= 1
            while at > 0:
                window[0, at] = window[0, at - 1]
                window[1, at] = window[1, at - 1]
                window[2, at] = window[2, at - 1]
                at -= 1
            window[0, 0] = page
            window[1, 0] = kept
            window[2, 0] = rows
            vpn[rows] = page
            op[rows] = kind
            nr[rows] = 1
            rows += 1
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
        K, at least 1. With 1 only touches in a row are folded.
    """

    def __init__(self, window: int) -> None:
        self._state = np.zeros(4, np.int64)
        # A page and the K others that decide whether a row of it may go.
        self._window = np.zeros((3, window + 1), np.int64)
        # Rows before this one stay as they are.
        self._settled = 0
        self._vpn = np.zeros(1024, np.int64)
        self._op = np.zeros(1024, np.uint8)
        self._nr = np.zeros(1024, np.int32)

    @property
    def nr_rows(self) -> int:
        """Rows so far; those not settled by `close` may still be folded."""
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
                self._make_room()
            start, why = kernel(
                data,
                start,
                len(data),
                _HEX,
                self._state,
                self._window,
                self._vpn,
                self._op,
                self._nr,
            )
        return start, why == SPECIAL

    def close(self) -> None:
        """Settle every row: what comes next may fault where the last touch did not."""
        self._compact()
        self._state[NR_OPEN] = 0
        self._settled = self.nr_rows

    def skip_line(self) -> None:
        """Count a line that is no access."""
        self._state[NR_LINES] += 1

    def rows(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Return the settled rows' columns (vpn, op, nr), as views."""
        n = self._settled
        return self._vpn[:n], self._op[:n], self._nr[:n]

    def _compact(self) -> None:
        """Close the gaps that folded rows left."""
        start, end = self._settled, self.nr_rows
        stays = self._nr[start:end] > 0
        kept = int(np.count_nonzero(stays))
        if kept == end - start:
            return
        for column in (self._vpn, self._op, self._nr):
            column[start : start + kept] = column[start:end][stays]
        place = np.cumsum(stays) - 1 + start
        nr_open = int(self._state[NR_OPEN])
        for i in (KEPT, LAST):
            self._window[i, :nr_open] = place[self._window[i, :nr_open] - start]
        self._state[NR_ROWS] = start + kept

    def _make_room(self) -> None:
        self._compact()
        size = len(self._vpn)
        if self.nr_rows > size // 2:
            self._vpn = np.resize(self._vpn, 2 * size)
            self._op = np.resize(self._op, 2 * size)
            self._nr = np.resize(self._nr, 2 * size)
