"""W-TinyLFU: Einziger, Friedman, Manes, ACM Transactions on Storage 13(4), 2017.

libcachesim's W-TinyLFU is no reference: its window, a hundredth rounded down, has no place at all
below a hundred frames, and then nothing ever enters the cache. Above that its sketch has other hash
functions, which decide who wins. So there is no `library` here.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence

ROWS, BLOOM_FUNCTIONS = 4, 3


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is not smaller."""
    power = 1
    while power < least:
        power *= 2
    return power


class TinyLfu:
    """The filter: a doorkeeper before a count-min sketch with minimal increment, and the reset.

    The hash functions are part of the definition: f_i(x) = h(x) + i g(x) modulo the table's size,
    with h(x) = 742938285 (x + 1) mod p, g(x) = 950706376 (x + 1) mod p, p = 2**31 - 1.
    """

    def __init__(self, frames: int, sample: int) -> None:
        self.sample = sample * frames
        self.columns = power_of_two(4 * frames)
        self.bits = power_of_two(2 * self.sample)
        self.counters: Counter[tuple[int, int]] = Counter()
        self.doorkeeper: set[int] = set()
        self.added = 0

    def functions(self, page: int, nr: int, size: int) -> list[int]:
        prime = 2**31 - 1
        h, g = 742938285 * (page + 1) % prime, 950706376 * (page + 1) % prime
        return [(h + i * g) % size for i in range(nr)]

    def places(self, page: int) -> list[tuple[int, int]]:
        return list(enumerate(self.functions(page, ROWS, self.columns)))

    def add(self, page: int) -> None:
        door = set(self.functions(page, BLOOM_FUNCTIONS, self.bits))
        if not door <= self.doorkeeper:
            self.doorkeeper |= door
        else:
            least = min(self.counters[place] for place in self.places(page))
            for place in self.places(page):
                if self.counters[place] == least < 15:
                    self.counters[place] += 1
        self.added += 1
        if self.added == self.sample:
            self.added //= 2
            self.counters = Counter({place: n // 2 for place, n in self.counters.items()})
            self.doorkeeper = set()

    def estimate(self, page: int) -> int:
        door = set(self.functions(page, BLOOM_FUNCTIONS, self.bits)) <= self.doorkeeper
        return min(self.counters[place] for place in self.places(page)) + door


def misses(
    trace: Sequence[int],
    frames: int,
    *,
    window_percent: int = 1,
    protected_percent: int = 80,
    sample: int = 10,
) -> list[int]:
    """W-TinyLFU: an LRU window; what leaves it contests the main SLRU's victim by frequency."""
    ids: dict[int, int] = {}  # the pages as the machine numbers them: by first use
    tiny = TinyLfu(frames, sample)
    window: OrderedDict[int, None] = OrderedDict()  # each with its least recent first
    probation: OrderedDict[int, None] = OrderedDict()
    protected: OrderedDict[int, None] = OrderedDict()
    nr_window = max(1, frames * window_percent // 100)
    nr_main = frames - nr_window
    nr_protected = nr_main * protected_percent // 100
    missed = []
    for at, name in enumerate(trace):
        page = ids.setdefault(name, len(ids))
        if page in window:
            window.move_to_end(page)
        elif page in protected:
            protected.move_to_end(page)
        elif page in probation:
            del probation[page]
            protected[page] = None
            if len(protected) > nr_protected:
                probation[protected.popitem(last=False)[0]] = None
        else:
            missed.append(at)
            if len(window) == nr_window:
                candidate = window.popitem(last=False)[0]
                main = probation or protected
                if len(probation) + len(protected) < nr_main:
                    probation[candidate] = None
                elif nr_main > 0:
                    victim = next(iter(main))
                    if tiny.estimate(candidate) > tiny.estimate(victim):
                        del main[victim]
                        probation[candidate] = None
            window[page] = None
        tiny.add(page)
    return missed
