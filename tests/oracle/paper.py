"""Replacement algorithms as a textbook writes them: a list of page numbers in, misses out.

Nothing but the algorithm: no writes, no processes, no page tables. Each returns the positions of
the accesses that missed, so that two implementations can be compared miss for miss.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence


def fifo_misses(trace: Sequence[int], frames: int) -> list[int]:
    """First in, first out."""
    queue: deque[int] = deque()
    resident: set[int] = set()
    misses = []
    for at, page in enumerate(trace):
        if page in resident:
            continue
        misses.append(at)
        if len(resident) == frames:
            resident.remove(queue.popleft())
        queue.append(page)
        resident.add(page)
    return misses


def lru_misses(trace: Sequence[int], frames: int) -> list[int]:
    """Least recently used."""
    resident: OrderedDict[int, None] = OrderedDict()
    misses = []
    for at, page in enumerate(trace):
        if page in resident:
            resident.move_to_end(page)
            continue
        misses.append(at)
        if len(resident) == frames:
            resident.popitem(last=False)
        resident[page] = None
    return misses


def clock_misses(trace: Sequence[int], frames: int, *, bit_at_insertion: bool = True) -> list[int]:
    """CLOCK: frames in a ring, a reference bit each; a hand clears bits until it finds a clear one.

    The fault that brings a page in is a reference of it, so its bit is set; some authors let it
    start clear (`bit_at_insertion` False).
    """
    ring: list[int] = []
    bit: dict[int, bool] = {}
    hand = 0
    misses = []
    for at, page in enumerate(trace):
        if page in bit:
            bit[page] = True
            continue
        misses.append(at)
        if len(ring) < frames:
            ring.append(page)
        else:
            while bit[ring[hand]]:
                bit[ring[hand]] = False
                hand = (hand + 1) % frames
            del bit[ring[hand]]
            ring[hand] = page
            hand = (hand + 1) % frames
        bit[page] = bit_at_insertion
    return misses


def opt_misses(trace: Sequence[int], frames: int) -> list[int]:
    """Belady's MIN: evict the resident page whose next use is furthest."""
    never = len(trace)
    next_use = [never] * len(trace)
    seen_at: dict[int, int] = {}
    for at in range(len(trace) - 1, -1, -1):
        next_use[at] = seen_at.get(trace[at], never)
        seen_at[trace[at]] = at
    resident: dict[int, int] = {}  # page -> its next use
    misses = []
    for at, page in enumerate(trace):
        if page not in resident:
            misses.append(at)
            if len(resident) == frames:
                furthest = max(resident.values())
                del resident[min(one for one, use in resident.items() if use == furthest)]
        resident[page] = next_use[at]
    return misses
