"""Page sequences that tell replacement policies apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pages = npt.NDArray[np.int64]


def zipf(rows: int, pages: int, skew: float) -> Pages:
    """Independent draws; the page of rank r with a weight of r ** -skew, ranks shuffled."""
    rng = np.random.default_rng(int(100 * skew) + rows)
    weights = np.arange(1, pages + 1) ** -skew
    ranks = rng.choice(pages, size=rows, p=weights / weights.sum())
    return rng.permutation(pages)[ranks]


def loop(rows: int, pages: int) -> Pages:
    """Round and round, for which LRU and FIFO are the worst policies."""
    return np.arange(rows) % pages


def scan_with_hot_set(rows: int, pages: int) -> Pages:
    """Every third access goes to one of a few hot pages, the others read on through the rest."""
    rng = np.random.default_rng(7)
    hot = max(1, pages // 10)
    scanned = hot + np.arange(rows) % (pages - hot)
    return np.where(np.arange(rows) % 3 == 0, rng.integers(0, hot, rows), scanned)


def phases(rows: int, pages: int) -> Pages:
    """Five working sets, one after the other, each overlapping the last by a third."""
    rng = np.random.default_rng(11)
    width = 3 * pages // 13
    phase = np.arange(rows) * 5 // rows
    return phase * 2 * width // 3 + np.minimum(
        rng.integers(0, width, rows), rng.integers(0, width, rows)
    )


def stack_distances(rows: int, pages: int) -> Pages:
    """Each access goes to the page at some place of the LRU stack; near places are likelier."""
    rng = np.random.default_rng(13)
    depths = np.minimum(rng.pareto(0.6, rows), pages - 1).astype(np.int64)
    stack = list(range(pages))
    trace = np.empty(rows, np.int64)
    for at, depth in enumerate(depths.tolist()):
        trace[at] = stack.pop(depth)
        stack.insert(0, int(trace[at]))
    return trace


def adversarial(rows: int, pages: int) -> Pages:
    """Loops a page longer than memories of many sizes, one after the other, each thrice round.

    Whatever the size, one of them asks LRU and FIFO each time for what they have just evicted; and
    pages that were dropped come back in a later loop.
    """
    lengths = np.unique(np.geomspace(2, pages, 12).astype(np.int64))
    part = np.concatenate([np.tile(np.arange(length), 3) for length in lengths])
    return np.resize(part, rows)


def all_of(rows: int, pages: int) -> dict[str, Pages]:
    """Return every kind of sequence over at most so many pages."""
    return {
        **{f"zipf{skew}": zipf(rows, pages, skew) for skew in (0.4, 0.8, 1.0, 1.4)},
        "loop": loop(rows, pages),
        "scan": scan_with_hot_set(rows, pages),
        "phases": phases(rows, pages),
        "distances": stack_distances(rows, pages),
        "adversarial": adversarial(rows, pages),
    }
