"""All walks of a machine in one compiled call, for tests that check after each of many events."""

from __future__ import annotations

from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.ids import LEAF_PTES
from reclaim.jit.handle import I64, Handle
from reclaim.jit.kernel import INTERPRET, U, kernel
from reclaim.vm.frames import mapcount
from reclaim.vm.invariants import walked
from reclaim.vm.machine import Machine


class Gatherer(Handle):
    """Visitor that writes down the frame walked and the PTE shown; changes nothing."""

    UNMAPS = True  # a walk that asks nothing leaves chains as they are
    found: I64
    nr: I64  # [pairs so far, frame being walked]

    def visit(self, m: Machine, pte: int) -> int:
        at = self.nr[U(0)]
        if 2 * at + 1 < len(self.found):
            self.found[U(2 * at)] = self.nr[U(1)]
            self.found[U(2 * at + 1)] = pte
        self.nr[U(0)] = at + 1
        return 0


@kernel(cold=True)
def walk_all(m: Machine, gatherer: Gatherer) -> int:
    """Walk each mapped frame; returns how many PTEs were shown."""
    for pfn in range(m.nr_frames):
        if mapcount(m, pfn) > 0:
            gatherer.nr[U(1)] = pfn
            m.rmap.walk(m, pfn, gatherer)
    return gatherer.nr[U(0)]


_entries: dict[type, Any] = {}


def _entry(strategy: type) -> Any:
    if strategy not in _entries:
        from numba import njit

        import reclaim.jit.lower  # noqa: F401 - teaches numba what handles are

        @njit(_nrt=False, error_model="numpy")
        def entry(m, gatherer):
            return walk_all(m, gatherer)

        _entries[strategy] = entry
    return _entries[strategy]


def walks(m: Machine, frames: list[int]) -> dict[int, list[int]]:
    """Return the PTEs that a walk of each mapped frame finds (for `broken`)."""
    if INTERPRET:
        return walked(m, frames)
    most = 2 * int(m.live[r.LEAF_TOP]) * LEAF_PTES
    gatherer = Gatherer(found=np.zeros(2 * most, np.int64), nr=np.zeros(2, np.int64))
    nr = min(_entry(type(m.rmap))(m, gatherer), most)
    pairs = gatherer.found[: 2 * nr].tolist()
    found: dict[int, list[int]] = {}
    for pfn, pte in zip(pairs[::2], pairs[1::2], strict=True):
        found.setdefault(pfn, []).append(pte)
    return found
