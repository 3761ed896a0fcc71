"""Random replacement: a frame is drawn, its page goes.

libcachesim's Random draws from a generator of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle.rng import Dice


def misses(trace: Sequence[int], frames: int) -> list[int]:
    """Draw a frame for each fault once all are taken."""
    dice = Dice(0)
    memory: list[int] = []
    resident: set[int] = set()
    missed = []
    for at, page in enumerate(trace):
        if page in resident:
            continue
        missed.append(at)
        if len(memory) < frames:
            memory.append(page)
        else:
            frame = dice.below(frames)
            resident.remove(memory[frame])
            memory[frame] = page
        resident.add(page)
    return missed
