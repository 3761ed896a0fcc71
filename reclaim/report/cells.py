"""From runs to rows of figures: means over seeds, with names and sizes as the page calls them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reclaim.errors import StoreError
from reclaim.results.cells import kind_of, labels
from reclaim.stats import summarize
from reclaim.stats.summary import t_quantile
from reclaim.store import Store

Row = dict[str, Any]

BELADY = "opt"
FIFO = "fifo"
MEANS = (
    "accesses",
    "misses",
    "miss_ratio",
    "evictions",
    "frames_scanned",
    "rmap_walks",
    "rmap_links_visited",
    "rmap_vmas_visited",
    "rmap_tree_steps",
    "ptes_probed",
    "rmap_peak_bytes",
    "rmap_fixed_bytes",
    "modelled_ns",
    "direct_reclaim_work_p50",
    "direct_reclaim_work_p99",
    "direct_reclaim_work_max",
)
RMAP_NS = "modelled_rmap_"
NAMES = ("workload", "policy", "rmap")
_SOURCES = {
    "machine": "machine",
    "provenance": "provenance",
    "seeds": "seed",
    "pressure": "pressure",
    "traces": "trace_hash",
}
MANY_CELLS = 2000
"""Beyond so many, intervals are Student's t for all, and commands are asked of the store."""

_NAMED_BY = (
    "workload",
    "workload_params",
    "policy",
    "policy_params",
    "policy_preset",
    "rmap",
    "rmap_params",
    "rmap_preset",
)


@dataclass(frozen=True)
class Runs:
    """The finished runs of a store.

    Parameters
    ----------
    store : Store
        Where they are.
    where : str, optional
        A condition in SQL that they meet.

    Attributes
    ----------
    cells : list of dict
        What differs in its seed alone, once: names, size, means, intervals, a command.
    phases : list of str
        Phases that have modelled time of the reverse map.
    """

    store: Store
    where: str | None = None
    _columns: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        empty = self.store.query("select * from runs limit 0")
        object.__setattr__(self, "_columns", frozenset(empty.column_names))

    @property
    def condition(self) -> str:
        """What runs of a report meet, in SQL."""
        return "status = 'done'" + (f" and ({self.where})" if self.where else "")

    @cached_property
    def phases(self) -> list[str]:
        """Phases that have modelled time of the reverse map."""
        ours = [c for c in self._columns if c.startswith(RMAP_NS) and c.endswith("_ns")]
        return sorted(name[len(RMAP_NS) : -len("_ns")] for name in ours)

    @cached_property
    def cells(self) -> list[Row]:
        """What differs in its seed alone, once, by workload, size, policy and rmap."""
        return _named(_with_intervals(self._answers[0]))

    @cached_property
    def failures(self) -> list[Row]:
        """What failed, each message once: `error`, `runs`, `reproduce`."""
        return self._answers[1]

    @cached_property
    def sources(self) -> Row:
        """What the numbers come from: plugins, machines, traces, seeds, times."""
        rows = self._answers[2]
        kinds: dict[str, list[Row]] = {key: [] for key in _SOURCES}
        for row in rows:
            for kind, column in _SOURCES.items():
                if not row[f"no_{column}"]:
                    kinds[kind].append({**row, "what": row[column]})
        (span,) = [row for row in rows if all(row[f"no_{c}"] for c in _SOURCES.values())]
        return {**kinds, "span": {**span, "cells": len(self.cells)}}

    @cached_property
    def _answers(self) -> list[list[Row]]:
        """Return the rows of cells, failures and sources; asked together, which is quicker."""
        if "misses" not in self._columns:
            return [[], [], []]  # nothing but runs that failed
        failed = "status = 'failed'" + (f" and ({self.where})" if self.where else "")
        sources = ", ".join(f"{name}, grouping({name}) as no_{name}" for name in _SOURCES.values())
        sqls = (
            self._cells_sql(),
            "select error, count(*) as runs, min(reproduce) as reproduce from runs"
            f" where {failed} group by error order by runs desc, error limit 50",
            f"select workload, workload_params, {sources}, count(*) as runs,"
            " min(started) as first, max(started) as last from runs"
            f" where {self.condition} group by grouping sets ((machine), (provenance), (seed),"
            " (pressure), (workload, workload_params, trace_hash), ()) order by all limit 1000",
        )
        return [table.to_pylist() for table in self.store.queries(sqls)]

    def _cells_sql(self) -> str:
        means = [name for name in MEANS if name in self._columns]
        means += [f"{RMAP_NS}{phase}_ns" for phase in self.phases]
        names = ", ".join(f"any_value({name}) as {name}" for name in self._known(_NAMED_BY))
        averages = ", ".join(f"avg({name}) as {name}" for name in means)
        base = "workload, workload_params, frames_given, pressure, seed"
        return (
            f"with finished as (select * exclude (record) from runs where {self.condition}),"
            f" floor as (select {base}, avg(misses) as least from finished"
            f" where policy = '{BELADY}' group by {base})"
            f" select cell, {names}, any_value(frames_given) as size, avg(frames) as frames,"
            " any_value(pressure) as pressure, count(*) as n,"
            " stddev_samp(miss_ratio) as sd, list(miss_ratio) as miss_ratios,"
            " avg(misses / nullif(least, 0) - 1) as gap, min(identity) as identity,"
            " min_by(trace_hash, identity) as trace_hash, min_by(reproduce, identity) as reproduce,"
            f" {averages} from finished left join floor using ({base}) group by cell"
        )

    def _known(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self._columns]

    @cached_property
    def labels(self) -> dict[str, tuple[str, str, str]]:
        """Cell -> workload, policy and rmap as the page calls them."""
        return {row["cell"]: (row["workload"], row["policy"], row["rmap"]) for row in self.cells}

    def rows(self, columns: Sequence[str]) -> list[Row]:
        """Return one dict a run with these columns, and its names; see `contract.observer`."""
        unknown = [name for name in columns if name not in self._columns]
        wanted = [name for name in columns if name not in NAMES and name not in unknown]
        listed = ", ".join(["cell", *(f'"{name}"' for name in wanted)])
        found: list[Row]
        found = self.store.query(f"select {listed} from runs where {self.condition}").to_pylist()
        for row in found:
            row.update(zip(NAMES, self.labels[row.pop("cell")], strict=True))
            row.update(dict.fromkeys(unknown))
        return found

    def whole(self, limit: int) -> Iterator[Mapping[str, Any]]:
        """Yield whole records, at most `limit`."""
        yield from self.records([row["identity"] for row in self.cells[:limit]])

    def records(self, identities: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return whole records of some runs, in the order asked for."""
        import json

        if not identities:
            return []
        listed = ", ".join(f"'{identity}'" for identity in identities)
        found = self.store.query(f"select identity, record from runs where identity in ({listed})")
        texts = dict(zip(*(found[name].to_pylist() for name in found.column_names), strict=True))
        return [json.loads(texts[identity]) for identity in identities if identity in texts]


def open_runs(store: Store, where: str | None = None) -> Runs:
    """Return the finished runs of a store.

    Raises
    ------
    StoreError
        There are none, or `where` is no condition.
    """
    runs = Runs(store, where)
    if not runs.cells:
        which = f" that meets {where!r}" if where else ""
        raise StoreError(f"{store.path}: holds no finished run{which}: there is nothing to show.")
    return runs


def _with_intervals(cells: list[Row]) -> list[Row]:
    several = sum(row["n"] > 1 for row in cells)
    for row in cells:
        ratios = [ratio for ratio in row.pop("miss_ratios") if ratio is not None]
        sd, n = row.pop("sd"), len(ratios)
        row["low"] = row["high"] = None
        row["reclaimed"] = row.get("evictions") or None
        for at in ("p50", "p99", "max"):
            row[f"direct_{at}"] = row.pop(f"direct_reclaim_work_{at}", None) or None
        row["rmap_ns"] = sum(row[name] or 0 for name in row if name.startswith(RMAP_NS)) or None
        if row["policy"] == BELADY:
            row["gap"] = None
        if n > 1 and several <= MANY_CELLS:
            found = summarize(ratios)
            row["low"], row["high"] = found.low, found.high
        elif n > 1 and sd is not None:
            half = t_quantile(n - 1, 0.95) * sd / math.sqrt(n)
            row["low"], row["high"] = row["miss_ratio"] - half, row["miss_ratio"] + half
    return cells


def _named(cells: list[Row]) -> list[Row]:
    called = {name: labels(cells, name) for name in NAMES}
    modes = {row["pressure"] for row in cells}
    short = _short_names({name for name, _ in called["workload"]})
    called["workload"] = {
        kind: short[kind[0]] + label[len(kind[0]) :] for kind, label in called["workload"].items()
    }
    for row in cells:
        found = {name: called[name][kind_of(row, name)] for name in NAMES}
        row["plain_policy"], row["plain_rmap"] = row["policy"], row["rmap"]
        row.update(found)
        if len(modes) > 1:
            row["workload"] += f" ({row['pressure']})"
    order = {size: i for i, size in enumerate(sizes_of(cells))}
    return sorted(
        cells,
        key=lambda row: (row["workload"], order[row["size"]], row["policy"], row["rmap"]),
    )


def _short_names(names: Iterable[str]) -> dict[str, str]:
    """Return the last part of each path, where it is not that of two; other names as they are."""
    last = {n: n.rsplit("/", maxsplit=1)[-1] if n.startswith("/") else n for n in names}
    once = Counter(last.values())
    return {name: part if once[part] == 1 else name for name, part in last.items()}


def sizes_of(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the sizes of memory as given, percentages first, by size."""

    def place(size: str) -> tuple[bool, float]:
        return not size.endswith("%"), float(size.rstrip("%"))

    return sorted({row["size"] for row in cells}, key=place)


def usual_size(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return the size that charts of one size begin with: of those most workloads have, the "
    "middle.
    """
    having: dict[str, set[str]] = defaultdict(set)
    for row in cells:
        having[row["size"]].add(row["workload"])
    most = max(len(of) for of in having.values())
    sizes = [size for size in sizes_of(cells) if len(having[size]) == most]
    return sizes[(len(sizes) - 1) // 2]
