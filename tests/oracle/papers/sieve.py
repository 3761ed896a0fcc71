"""SIEVE, Zhang et al., NSDI 2024, algorithm 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """SIEVE: a queue in order of arrival; a hand looks for a page not visited, tail to head."""
    queue: list[int] = []  # the head, where pages arrive, is the last
    visited: dict[int, bool] = {}
    hand: int | None = None  # a page; None: the hand starts from the tail
    missed = []
    for at, page in enumerate(trace):
        if page in visited:
            visited[page] = True
            continue
        missed.append(at)
        if len(queue) == frames:
            place = 0 if hand is None else queue.index(hand)
            while visited[queue[place]]:
                visited[queue[place]] = False
                place = (place + 1) % frames
            hand = queue[place + 1] if place + 1 < frames else None
            del visited[queue.pop(place)]
        queue.append(page)
        visited[page] = False
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.Sieve(cache_size=frames)
