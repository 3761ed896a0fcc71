"""CAR, Bansal and Modha, FAST 2004, figure 2.

The figure inserts a page with a clear reference bit (`insertion="clear"`). Where the fault sets it,
the first bit found in T1 says nothing: the page goes round T1 once more (`"spared"`, the default).
Counting it as a use (`"counted"`) sends every page on to T2.
"""

from __future__ import annotations

from collections.abc import Sequence


class Car:
    """The four lists, each with its head, the page that a hand looks at or that is LRU, first."""

    def __init__(self, size: int, insertion: str) -> None:
        self.c, self.p, self.insertion = size, 0.0, insertion
        self.t1: list[int] = []
        self.t2: list[int] = []
        self.b1: list[int] = []
        self.b2: list[int] = []
        self.bit: dict[int, bool] = {}
        self.new: set[int] = set()

    def miss(self, x: int) -> None:
        """Lines 3 to 21."""
        known = x in self.b1 or x in self.b2
        if len(self.t1) + len(self.t2) == self.c:
            self.replace()
            held = len(self.t1) + len(self.t2) + len(self.b1) + len(self.b2)
            if not known and len(self.t1) + len(self.b1) == self.c:
                self.b1.pop(0)
            elif held == 2 * self.c and not known:
                self.b2.pop(0)
        if not known:
            self.t1.append(x)
        elif x in self.b1:
            self.p = min(self.p + max(1, len(self.b2) / len(self.b1)), self.c)
            self.b1.remove(x)
            self.t2.append(x)
        else:
            self.p = max(self.p - max(1, len(self.b1) / len(self.b2)), 0)
            self.b2.remove(x)
            self.t2.append(x)
        self.bit[x] = self.insertion != "clear"
        if self.insertion == "spared":
            self.new.add(x)

    def replace(self) -> None:
        """Lines 22 to 39."""
        while True:
            in_t1 = len(self.t1) >= max(1, self.p)
            clock, gone = (self.t1, self.b1) if in_t1 else (self.t2, self.b2)
            page = clock.pop(0)
            if not self.bit[page]:
                gone.append(page)
                del self.bit[page]
                self.new.discard(page)
                return
            self.bit[page] = False
            (self.t1 if in_t1 and page in self.new else self.t2).append(page)
            self.new.discard(page)


def misses(trace: Sequence[int], frames: int, *, insertion: str = "spared") -> list[int]:
    """Lines 1 and 2, and the rest by `Car`."""
    car = Car(frames, insertion)
    missed = []
    for at, page in enumerate(trace):
        if page in car.bit:
            car.bit[page] = True
        else:
            missed.append(at)
            car.miss(page)
    return missed
