"""The two-handed clock of 4.3BSD: a front hand clears bits, a back hand takes what stayed clear.

libcachesim has none.
"""

from __future__ import annotations

from collections.abc import Sequence

NOBODY = -1


def misses(trace: Sequence[int], frames: int, *, handspread: int = 25) -> list[int]:
    """Two hands a fixed number of frames apart, `handspread` percent of memory, at least one."""
    memory = [NOBODY] * frames
    bit = [False] * frames
    where: dict[int, int] = {}
    back = 0
    front = max(1, frames * handspread // 100)
    missed = []
    for at, page in enumerate(trace):
        if page in where:
            bit[where[page]] = True
            continue
        missed.append(at)
        if len(where) < frames:
            frame = len(where)
        else:
            while True:
                frame = back % frames
                used = bit[frame]
                bit[front % frames] = False
                back, front = back + 1, front + 1
                if not used:
                    break
            del where[memory[frame]]
        memory[frame] = page
        where[page] = frame
        bit[frame] = True
    return missed
