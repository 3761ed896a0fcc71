"""MQ, Zhou, Philbin and Li, USENIX 2001, section 4.

The request's own name leaves the history before the victim's enters, as in libcachesim: otherwise
a page could lose its count to the victim that makes room for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SLOW = True  # it searches its queues


@dataclass
class Block:
    """What the paper keeps of a block."""

    page: int
    reference: int = 0
    expire: int = 0


def misses(
    trace: Sequence[int], frames: int, *, queues: int = 8, life_time: int = 0, qout: float = 4.0
) -> list[int]:
    """MQ: LRU queues by the logarithm of the number of uses; who is not used sinks a queue."""
    life_time = life_time or frames
    q: list[list[Block]] = [[] for _ in range(queues)]  # the head, least recently used, first
    out: list[Block] = []
    missed = []
    for now, page in enumerate(trace):
        found = [(queue, block) for queue in q for block in queue if block.page == page]
        if found:
            queue, block = found[0]
            queue.remove(block)
        else:
            missed.append(now)
            known = [block for block in out if block.page == page]
            block = known[0] if known else Block(page)
            if known:
                out.remove(block)
            if sum(map(len, q)) == frames:
                out.append(next(queue for queue in q if queue).pop(0))
                if len(out) > int(qout * frames):
                    del out[0]
        block.reference += 1
        q[min(block.reference.bit_length() - 1, queues - 1)].append(block)
        block.expire = now + life_time
        for k in range(1, queues):  # the time is one later by then
            if q[k] and q[k][0].expire < now + 1:
                sinking = q[k].pop(0)
                sinking.expire = now + 1 + life_time
                q[k - 1].append(sinking)
    return missed


def library(frames: int) -> Any:
    """Make libcachesim's cache that misses at the same accesses."""
    import libcachesim

    return libcachesim.MQ(cache_size=frames, lifetime=frames)
