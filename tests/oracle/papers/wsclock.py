"""WSClock, Carr and Hennessy 1981: a clock whose frames carry the time of their last use.

Where all pages are in the working set the paper suspends a process. There is only one here: until
the oldest of the times is `tau` ago, the first page goes whose bit is clear.

libcachesim has none.
"""

from __future__ import annotations

from collections.abc import Sequence


def misses(trace: Sequence[int], frames: int, *, tau: int = 0) -> list[int]:
    """Replace a page that was not used for more than `tau` accesses (0: frames / 4)."""
    window = tau or max(1, frames // 4)
    ring: list[int] = []
    bit: dict[int, bool] = {}
    last_use: dict[int, int] = {}
    hand = 0
    overcommitted_until = -1
    missed = []
    for now, page in enumerate(trace):
        if page in bit:
            bit[page] = True
            continue
        missed.append(now)
        if len(ring) < frames:
            ring.append(page)
        else:
            passed = 0
            while True:
                candidate = ring[hand]
                if bit[candidate]:
                    bit[candidate] = False
                    last_use[candidate] = now
                elif now <= overcommitted_until or now - last_use[candidate] > window:
                    break
                hand = (hand + 1) % frames
                passed += 1
                if passed == frames:
                    overcommitted_until = min(last_use[one] for one in ring) + window
            del bit[ring[hand]]
            ring[hand] = page
            hand = (hand + 1) % frames
        bit[page] = True
        last_use[page] = now
    return missed
