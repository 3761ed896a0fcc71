"""SIEVE, Zhang et al., NSDI 2024, algorithm 1; with the young bit that a fault sets.

`bit_at_insertion` False is the algorithm as published, and libcachesim's; the accessed bit of a
page that was just faulted in is set on real hardware, which costs each page one more round.
"""

from __future__ import annotations

from collections.abc import Sequence


def misses(trace: Sequence[int], frames: int, *, bit_at_insertion: bool = True) -> list[int]:
    """A queue, newest page first; the hand walks from its tail to its head."""
    queue: list[int] = []
    visited: dict[int, bool] = {}
    hand: int | None = None  # the page under it; None: at the tail
    missed = []
    for at, page in enumerate(trace):
        if page in visited:
            visited[page] = True
            continue
        missed.append(at)
        if len(queue) == frames:
            place = len(queue) - 1 if hand is None else queue.index(hand)
            while visited[queue[place]]:
                visited[queue[place]] = False
                place = place - 1 if place > 0 else len(queue) - 1
            hand = queue[place - 1] if place > 0 else None
            del visited[queue.pop(place)]
        queue.insert(0, page)
        visited[page] = bit_at_insertion
    return missed
