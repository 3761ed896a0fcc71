"""WSClock, Carr and Hennessy 1981: a clock whose frames carry the time of their last use.

libcachesim has none.
"""

from __future__ import annotations

from collections.abc import Sequence

SLOW = True  # where all is in the working set, it looks at all pages for each fault


def misses(trace: Sequence[int], frames: int, *, tau: int = 0) -> list[int]:
    """Replace a page that was not used for more than `tau` accesses (0: as many as frames)."""
    window = tau or frames
    ring: list[int] = []
    bit: dict[int, bool] = {}
    last_use: dict[int, int] = {}
    hand = 0
    missed = []
    for now, page in enumerate(trace):
        if page in bit:
            bit[page] = True
            continue
        missed.append(now)
        if len(ring) < frames:
            ring.append(page)
        else:
            for _ in range(frames):
                candidate = ring[hand]
                if bit[candidate]:
                    bit[candidate] = False
                    last_use[candidate] = now
                elif now - last_use[candidate] > window:
                    break
                hand = (hand + 1) % frames
            else:
                # All are in the working set: the one that is nearest to leaving it.
                turn = ring[hand:] + ring[:hand]
                hand = ring.index(min(turn, key=lambda one: last_use[one]))
            del bit[ring[hand]]
            ring[hand] = page
            hand = (hand + 1) % frames
        bit[page] = True
        last_use[page] = now
    return missed
