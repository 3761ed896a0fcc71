"""The price of chains of anon_vmas: objects of a line of processes, each forked by the last.

One VMA, all d + 1 processes alive: (d + 1)(d + 2) / 2 AVCs and d + 1 anon_vmas. Rik van Riel to
KOSAKI Motohiro, 2010: real chains are up to two long, since exec resets them. Android forks without
exec.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.studies.laboratory import plugins
from benchmarks.studies.output import lines
from reclaim.compare.scaling import study as growth
from reclaim.run import PluginChoice

STRATEGIES = ("pte_chain", "anonmm", "anon_vma", "anon_vma_chain")
SIZES = {"processes": (1, 2), "depth": (5, 10, 20, 50, 100, 200)}
COLUMNS = ("fork depth", "objects alive")
PAGES = 4


def study(sizes: dict[str, tuple[int, ...]] | None = None) -> list[dict[str, Any]]:
    """Return a line for each strategy and depth."""
    rows: list[dict[str, Any]] = []
    policy = PluginChoice(plugins().policies.get("fifo"))
    for rmap in STRATEGIES:
        choice = PluginChoice(plugins().rmaps.get(rmap))
        for one in growth(choice, policy, rmap, sizes or SIZES, PAGES):
            if (one.operation, one.family) == ("objects", "depth"):
                pairs = zip(one.sizes, one.costs, strict=True)
                rows += [{"rmap": rmap, COLUMNS[0]: d, COLUMNS[1]: int(n)} for d, n in pairs]
    return rows


def chart(rows: Sequence[dict[str, Any]]) -> Any:
    """Draw objects against depth."""
    return lines(rows, *COLUMNS)
