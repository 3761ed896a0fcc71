"""How the cost of each operation grows with the number of processes, and with fork depth.

Two families of processes share one anonymous mapping of a few pages that the first has written:

star    the first forks `n` children, one after the other; all live
chain   each forks the next, `n` deep; all live

On each, the same operations are measured: the last fork; a walk of a page that the middle process
has copied for itself; a walk of a page that all map; the mean exit, oldest first; the objects alive
before the exits. A straight line through the logarithms of the larger half of the points gives the
exponent, which is set beside what the strategy claims (`RmapStrategy.growth`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reclaim.metrics.rmap_tables import WORK
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script

OPERATIONS = ("fork", "exit", "walk_own", "walk_shared", "objects")
FAMILIES = ("processes", "depth")


@dataclass(frozen=True)
class Growth:
    """How one operation of one strategy grows.

    Parameters
    ----------
    rmap : str
        The strategy, by its preset where it has one.
    operation : str
        One of `OPERATIONS`.
    family : str
        "processes" (star) or "depth" (chain).
    sizes, costs : tuple
        What was measured: work at each size.
    fitted : float
        Exponent through the larger half of the points; 0 where all work is equal.
    claimed : float or None
        What the strategy says.
    """

    rmap: str
    operation: str
    family: str
    sizes: tuple[int, ...]
    costs: tuple[float, ...]
    fitted: float
    claimed: float | None

    def agrees(self, tolerance: float) -> bool:
        """Tell whether claim and fit are at most `tolerance` apart."""
        return self.claimed is not None and abs(self.fitted - self.claimed) <= tolerance


def family(kind: str, nr: int, nr_pages: int) -> Trace:
    """Return the script of a star or a chain of `nr` processes beside the first."""
    names = ["p", *(f"c{i}" for i in range(1, nr + 1))]
    parents = ["p"] * nr if kind == "processes" else names[:-1]
    forks = [f"fork {parent} {child}" for parent, child in zip(parents, names[1:], strict=True)]
    middle = names[(nr + 1) // 2]
    lines = [
        f"mmap p 0 {nr_pages} anon private rw-",
        f"write p 0..{nr_pages - 1}",
        *forks[:-1],
        "mark before_fork",
        forks[-1],
        "mark after_fork",
        f"write {middle} 0",
        f"evict {middle} 0",
        "evict p 1",
        "mark before_exits",
        *(f"exit {name}" for name in names),
        "mark after_exits",
    ]
    return parse_script("\n".join(lines), f"<{kind} {nr}>")


def _work(record: Mapping[str, Any], before: str, after: str) -> int:
    marks = record["marks"]
    one, two = marks[before]["counters"], marks[after]["counters"]
    return sum(two[name] - one[name] for name in WORK)


def _looked_at(probe: Mapping[str, int]) -> int:
    return probe["vmas_visited"] + probe["links_visited"] or probe["ptes_probed"]


def measure(record: Mapping[str, Any], nr: int) -> dict[str, float]:
    """Return the cost of each operation in a run of `family`."""
    own, shared = record["probes"]
    return {
        "fork": _work(record, "before_fork", "after_fork"),
        "exit": _work(record, "before_exits", "after_exits") / (nr + 1),
        "walk_own": _looked_at(own),
        "walk_shared": _looked_at(shared),
        "objects": sum(
            kind["live"] for kind in record["marks"]["before_exits"]["rmap_objects"].values()
        ),
    }


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Return the slope through the larger half of the points, on logarithmic axes."""
    points = [(n, cost) for n, cost in zip(sizes, costs, strict=True) if cost > 0]
    points = points[len(points) // 2 :] if len(points) > 3 else points
    if len(points) < 2 or len({cost for _, cost in points}) == 1:
        return 0.0
    x, y = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polynomial.polynomial.polyfit(x, y, 1)[1])


def study(
    choice: PluginChoice,
    policy: PluginChoice,
    name: str,
    sizes: Mapping[str, Sequence[int]],
    nr_pages: int,
    begins: Callable[[str], object] = lambda _what: None,
) -> list[Growth]:
    """Measure one strategy.

    Parameters
    ----------
    choice, policy : PluginChoice
        The strategy, and a policy (nothing is evicted but by probes).
    name : str
        What the strategy is called in the answer.
    sizes : mapping of str to sequence of int
        For each of `FAMILIES`, numbers of processes or generations, ascending.
    nr_pages : int
        Pages of the mapping, at least 2.
    begins : callable
        Called with what each run is, before it.
    """
    found: list[Growth] = []
    for kind in FAMILIES:
        costs: dict[str, list[float]] = {operation: [] for operation in OPERATIONS}
        for nr in sizes[kind]:
            begins(f"{name}, {nr} {kind}")
            frames = nr_pages + 8
            record = run_one(family(kind, nr, nr_pages), RunSpec(policy, choice, frames))
            for operation, cost in measure(record, nr).items():
                costs[operation].append(cost)
        position = FAMILIES.index(kind)
        for operation in OPERATIONS:
            claim = choice.cls.growth.get(operation)
            found.append(
                Growth(
                    name,
                    operation,
                    kind,
                    tuple(sizes[kind]),
                    tuple(costs[operation]),
                    exponent(sizes[kind], costs[operation]),
                    None if claim is None else claim[position],
                )
            )
    return found


def disagreements(found: Sequence[Growth], tolerance: float) -> list[str]:
    """Return a line for each operation whose claim and fit are further apart than `tolerance`."""
    return [
        f"{one.rmap}: {one.operation} grows with the power {one.fitted:.2f} of {one.family}, "
        f"its growth claims {'nothing' if one.claimed is None else f'{one.claimed:g}'}"
        for one in found
        if not one.agrees(tolerance) and not math.isnan(one.fitted)
    ]
