"""LeCaR: Vietri et al., HotStorage 2018, algorithms 1 and 2.

What is random is part of the definition here: the minimal standard generator (Park, Miller,
Stockmeyer 1993), started as the policy starts it. libcachesim has its own generator and so other
misses; there is no `library`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

SLOW = True  # it searches all resident pages


def misses(trace: Sequence[int], frames: int, *, seed: int = 0) -> list[int]:
    """LeCaR: evict by LRU or by LFU, by weights that regret of either moves.

    Settled here: among the least used the one that has had its count for longest goes; a page that
    comes back counts from one; weights stay between 0.01 and 0.99.
    """
    modulus = 2**31 - 1
    state = 1 + int(np.random.SeedSequence(seed).generate_state(1)[0]) % (modulus - 1)
    rate, discount = 0.45, 0.005 ** (1 / frames)
    w_lru = 0.5
    recent: OrderedDict[int, None] = OrderedDict()  # the least recent first
    uses: dict[int, tuple[int, int]] = {}  # count, and since when
    h_lru: OrderedDict[int, int] = OrderedDict()  # when each was evicted, the oldest first
    h_lfu: OrderedDict[int, int] = OrderedDict()
    missed = []
    for at, page in enumerate(trace):
        if page not in uses:
            missed.append(at)
            w_lfu = 1 - w_lru
            if page in h_lru:
                w_lfu *= math.exp(rate * discount ** (at - h_lru.pop(page)))
            elif page in h_lfu:
                w_lru *= math.exp(rate * discount ** (at - h_lfu.pop(page)))
            w_lru = min(max(w_lru / (w_lru + w_lfu), 0.01), 1 - 0.01)
            if len(uses) == frames:
                state = state * 48271 % modulus
                by_lru = (state - 1) * 2**30 // (modulus - 1) / 2**30 < w_lru
                victim = next(iter(recent)) if by_lru else min(uses, key=lambda one: uses[one])
                del recent[victim], uses[victim]
                history = h_lru if by_lru else h_lfu
                history[victim] = at
                if len(history) > frames:
                    history.popitem(last=False)
        uses[page] = (uses[page][0] + 1 if page in uses else 1, at)
        recent[page] = None
        recent.move_to_end(page)
    return missed
