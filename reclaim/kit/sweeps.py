"""Hands that sweep over memory itself: frames in physical order, without a list.

Early kernels had no lists of pages; a hand was an index into the table of frames. Which frames a
policy holds is a mark in their policy word `HELD_WORD`; word 0 stays the policy's own. A step looks
at one frame, which lies next to the last in memory, so the processor fetches it by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reclaim.counters import FRAMES_SCANNED, count
from reclaim.ids import NIL
from reclaim.jit.handle import I64
from reclaim.jit.kernel import U, kernel
from reclaim.vm.frames import set_word, word

if TYPE_CHECKING:
    from reclaim.vm.machine import Machine

HELD_WORD = 1


@kernel
def hold(m: Machine, pfn: int) -> None:
    """Mark a frame as the policy's."""
    set_word(m, pfn, HELD_WORD, 1)


@kernel
def let_go(m: Machine, pfn: int) -> None:
    """Drop the mark."""
    set_word(m, pfn, HELD_WORD, 0)


@kernel
def is_held(m: Machine, pfn: int) -> bool:
    """Tell whether a frame has the mark."""
    return word(m, pfn, HELD_WORD) != 0


@kernel
def turn(m: Machine, hands: I64, k: int) -> int:
    """Return the frame under hand `k`, counted as scanned, and move the hand to the next."""
    pfn = hands[U(k)]
    hands[U(k)] = pfn + 1 if pfn + 1 < m.nr_frames else 0
    count(m, FRAMES_SCANNED, 1)
    return pfn


@kernel
def next_held(m: Machine, hands: I64, k: int) -> int:
    """Turn hand `k` to the next frame held, and past it; returns that frame, NIL if none is."""
    for _ in range(m.nr_frames):
        pfn = turn(m, hands, k)
        if is_held(m, pfn):
            return pfn
    return NIL


def wrong_holds(m: Machine, owned: set[int]) -> str:
    """Return how the marks differ from the frames owned, "" if not. Plain Python."""
    held = {pfn for pfn in range(m.nr_frames) if is_held(m, pfn)}
    missing, extra = sorted(owned - held)[:3], sorted(held - owned)[:3]
    return f"it does not hold frames {missing} and holds {extra} too many" if held != owned else ""
