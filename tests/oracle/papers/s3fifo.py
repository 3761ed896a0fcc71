"""S3-FIFO, Yang et al., SOSP 2023, algorithm 1.

libcachesim's S3-FIFO is not the paper's: while its cache still fills, what does not fit the small
queue goes to the main one (in algorithm 1 to the small one, which nothing bounds until the cache is
full), and it keeps another number of ghosts than the main queue has entries (section 4.1: the same
number). So there is no `library` here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction


def misses(trace: Sequence[int], frames: int, *, small_percent: int = 10) -> list[int]:
    """S3-FIFO: a small queue, a main queue, and a ghost queue as long as the main one.

    Two things the algorithm leaves open are settled so: it evicts no more than the one page for
    which it was called, and a ghost that is asked for leaves the ghost queue.
    """
    share = Fraction(small_percent, 100) * frames
    small: deque[int] = deque()  # the head, where pages enter, is the left
    main: deque[int] = deque()
    ghost: deque[int] = deque()
    freq: dict[int, int] = {}

    def evict_main() -> None:
        while True:
            tail = main.pop()
            if freq[tail] == 0:
                del freq[tail]
                return
            main.appendleft(tail)
            freq[tail] -= 1

    def evict_small() -> bool:
        """Go on until a page has left the cache; False if all have gone to the main queue."""
        while small:
            tail = small.pop()
            if freq[tail] > 1:
                main.appendleft(tail)
                freq[tail] = 0
                if len(main) > frames - share:
                    evict_main()
                    return True
            else:
                del freq[tail]
                ghost.appendleft(tail)
                if len(ghost) > frames - share:
                    ghost.pop()
                return True
        return False

    missed = []
    for at, page in enumerate(trace):
        if page in freq:
            freq[page] = min(freq[page] + 1, 3)
            continue
        missed.append(at)
        if len(freq) == frames:
            evicted = evict_small() if len(small) >= share else False
            if not evicted:
                evict_main()
        if page in ghost:
            ghost.remove(page)
            main.appendleft(page)
        else:
            small.appendleft(page)
        freq[page] = 0
    return missed
