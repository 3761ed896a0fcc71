"""NRU, Tanenbaum: four classes by R and M bits; ticks clear the R bits.

The book draws a page of the lowest class at random; here it is the first that a hand meets. A page
of new memory has no copy on disk, so its M bit is set until it has been written out once. Frames
that the hand passes are frames in a ring, as in CLOCK. libcachesim has none.
"""

from __future__ import annotations

from collections.abc import Sequence

SLOW = True  # it searches all resident pages


def misses(trace: Sequence[int], frames: int, *, age_every: int = 0) -> list[int]:
    """Evict from the lowest class; a tick comes behind every so manyth access (0: frames)."""
    every = age_every or frames
    queue: list[int] = []  # index 0 is under the hand
    referenced: set[int] = set()
    on_disk: set[int] = set()
    missed = []

    def class_of(page: int) -> int:
        return 2 * (page in referenced) + (page not in on_disk)

    for at, page in enumerate(trace):
        if page not in queue:
            missed.append(at)
            if len(queue) == frames:
                lowest = min(class_of(one) for one in queue)
                victim = next(one for one in queue if class_of(one) == lowest)
                place = queue.index(victim)
                queue = queue[place + 1 :] + queue[:place]
                referenced.discard(victim)
                on_disk.add(victim)
            queue.append(page)
        referenced.add(page)
        if (at + 1) % every == 0:
            referenced.clear()
    return missed
