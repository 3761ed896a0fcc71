"""S3-FIFO, Yang et al., SOSP 2023, algorithm 1, with one young bit for its counter.

With `young_bits` False it is the algorithm as published, but for evicting one page a miss: the
counter goes up to three with each hit, starts at zero, and has to be above one in the small queue.
With young bits a page is used or not, and in its first answer the fault is what it was used by:
that spares it a round of the small queue. libcachesim's S3-FIFO fills memory by other rules.
"""

from __future__ import annotations

from collections.abc import Sequence


def misses(trace: Sequence[int], frames: int, *, young_bits: bool = True) -> list[int]:
    """Three queues, oldest page last: a small one, a main one, and one of ghosts."""
    small_size = max(1, frames // 10)
    small: list[int] = []
    main: list[int] = []
    ghosts: list[int] = []
    count: dict[int, int] = {}
    first: set[int] = set()  # pages whose bit has not been looked at
    missed = []

    def evict() -> None:
        while True:
            if len(small) >= small_size or not main:
                page = small.pop()
                used = count[page]
                if young_bits:
                    count[page] = 0
                    if used and page in first:
                        first.remove(page)
                        small.insert(0, page)
                        continue
                if used > (0 if young_bits else 1):
                    count[page] = 0
                    main.insert(0, page)
                    continue
                ghosts.insert(0, page)
                del ghosts[frames - small_size :]
            else:
                page = main.pop()
                first.discard(page)
                if count[page] > 0:
                    count[page] = 0 if young_bits else count[page] - 1
                    main.insert(0, page)
                    continue
            del count[page]
            return

    for at, page in enumerate(trace):
        if page in count:
            count[page] = min(count[page] + 1, 3)
            continue
        missed.append(at)
        if len(small) + len(main) == frames:
            evict()
        if page in ghosts:
            ghosts.remove(page)
            main.insert(0, page)
        else:
            small.insert(0, page)
        count[page] = int(young_bits)
        if young_bits:
            first.add(page)
    return missed
