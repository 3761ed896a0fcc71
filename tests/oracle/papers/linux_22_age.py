"""page->age of Linux 2.4.0: an active list aged up and down, and an inactive one.

libcachesim has none.
"""

from __future__ import annotations

from collections.abc import Sequence

START, ADVANCE, MOST = 2, 3, 64


def misses(
    trace: Sequence[int],
    frames: int,
    *,
    age_every: int = 0,
    priority: int = 6,
    decline: str = "half",
) -> list[int]:
    """Age down what was not used; at 0 a page is inactive, and goes unless it is used again."""
    every = age_every or frames
    active: list[int] = []  # index 0 is looked at first
    inactive: list[int] = []
    age: dict[int, int] = {}
    young: set[int] = set()
    missed = []

    def look_at_one() -> None:
        page = active.pop(0)
        if page in young:
            young.remove(page)
            age[page] = min(MOST, age[page] + ADVANCE)
        else:
            age[page] = age[page] // 2 if decline == "half" else max(0, age[page] - 1)
        (active if age[page] > 0 else inactive).append(page)

    for at, page in enumerate(trace):
        if page not in age:
            missed.append(at)
            while len(age) == frames:
                if not inactive:
                    look_at_one()
                    continue
                victim = inactive.pop(0)
                if victim in young:
                    young.remove(victim)
                    age[victim] = START
                    active.append(victim)
                else:
                    del age[victim]
            age[page] = START
            active.append(page)
        young.add(page)
        if (at + 1) % every == 0:
            for _ in range(len(active) >> priority):
                look_at_one()
    return missed
