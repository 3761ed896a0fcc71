"""LIRS, Jiang and Zhang, SIGMETRICS 2002, section 3.3.

libcachesim's LIRS misses elsewhere, with no size of memory but all pages the same: with one frame
it keeps nothing, and its stack is bounded, by twice memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


def misses(
    trace: Sequence[int], frames: int, *, hir: float = 0.01, stack: float = 2000
) -> list[int]:
    """LIRS: who came back soon between its last two uses stays; the rest pass through 1 %."""
    nr_lir_wanted = max(0, frames - max(2, int(hir * frames)))
    s: OrderedDict[int, None] = OrderedDict()  # stack S, its bottom first
    q: OrderedDict[int, None] = OrderedDict()  # list Q of resident HIR blocks, its front first
    lir: set[int] = set()
    missed = []

    def prune() -> None:
        while s and next(iter(s)) not in lir:
            s.popitem(last=False)

    def become_lir(page: int) -> None:
        lir.add(page)
        if len(lir) > nr_lir_wanted:
            bottom = next(one for one in s if one in lir)
            lir.remove(bottom)
            del s[bottom]
            q[bottom] = None
            prune()

    for at, page in enumerate(trace):
        if page in lir:
            s.move_to_end(page)
            prune()
            continue
        if page not in q:
            missed.append(at)
            if len(lir) + len(q) == frames:
                q.popitem(last=False)
        known = page in s
        s.pop(page, None)
        s[page] = None
        q.pop(page, None)
        if known or len(lir) < nr_lir_wanted:
            become_lir(page)
        else:
            q[page] = None
        while len(s) > stack * frames:
            gone = [one for one in s if one not in lir and one not in q]
            del s[gone[0]]
    return missed
