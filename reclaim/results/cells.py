"""Records that differ in their seed alone are one cell, with a mean and an interval."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reclaim.stats import Panel, Summary, compare_cells, summarize

Row = Mapping[str, Any]

NAMES = ("workload", "policy", "rmap")
VALUES = (
    "misses",
    "miss_ratio",
    "evictions",
    "refaults",
    "rmap_walks",
    "rmap_peak_bytes",
    "modelled_ns",
)
"""Columns that a cell has the means of."""

_NAMED_BY = tuple(
    column
    for name in NAMES
    for column in (name, f"{name}_params", *([f"{name}_preset"] if name != "workload" else []))
)
_COLUMNS = ("cell", *_NAMED_BY, "frames", "frames_given", "pressure", "seed", "status", "config")


@dataclass(frozen=True)
class Cell:
    """Runs that differ in their seed alone.

    Attributes
    ----------
    workload, policy, rmap : str
        What they are called, with the parameters in which those of one name differ.
    frames : str
        As given: a number, or a percentage.
    pressure : str
        Its mode.
    place : str
        The same for cells that differ in policy and rmap alone: what may be compared.
    frames_mean : float
        Frames, for the order: a percentage is of the trace, which may depend on the seed.
    values : dict
        Column -> seed -> value.
    """

    workload: str
    policy: str
    rmap: str
    frames: str
    pressure: str
    place: str
    frames_mean: float
    values: dict[str, dict[int, float]] = field(repr=False)

    @property
    def nr_seeds(self) -> int:
        """Runs in it."""
        return max((len(of) for of in self.values.values()), default=0)

    def mean(self, column: str) -> float | None:
        """Return the mean of a column; None if no run has a value."""
        found = self.values.get(column, {}).values()
        return sum(found) / len(found) if found else None

    def summary(self, column: str) -> Summary | None:
        """Return mean and interval of a column; None if no run has a value."""
        found = list(self.values.get(column, {}).values())
        return summarize(found) if found else None


@dataclass(frozen=True)
class Failed:
    """Runs that failed with one message.

    Attributes
    ----------
    error : str
        The message.
    reproduce : str
        A command that shows it.
    count : int
        How many runs.
    """

    error: str
    reproduce: str
    count: int


def cells_of(table: pa.Table) -> list[Cell]:
    """Return the cells of finished runs, by workload, frames, policy and rmap.

    Parameters
    ----------
    table : pyarrow.Table
        From `Store.table`.
    """
    there = [name for name in (*_COLUMNS, *VALUES) if name in table.column_names]
    rows = [row for row in table.select(there).to_pylist() if row["status"] == "done"]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["cell"]].append(row)
    called = {name: labels(rows, name) for name in NAMES}
    cells = [
        Cell(
            **{name: called[name][kind_of(group[0], name)] for name in NAMES},
            frames=str(group[0]["frames_given"] or group[0]["frames"]),
            pressure=str(group[0]["pressure"]),
            place=_place(group[0]),
            frames_mean=sum(row["frames"] or 0 for row in group) / len(group),
            values={
                column: {row["seed"]: row[column] for row in group if row.get(column) is not None}
                for column in VALUES
            },
        )
        for group in groups.values()
    ]
    return sorted(
        cells, key=lambda c: (c.workload, c.frames_mean, c.frames, c.policy, c.rmap, c.pressure)
    )


def _place(row: Row) -> str:
    config = json.loads(row["config"] or "{}")
    for key in ("policy", "rmap", "seed"):
        config.pop(key, None)
    named = [row[name] for name in ("workload", "workload_params", "frames_given", "pressure")]
    return json.dumps([named, config], sort_keys=True)


def kind_of(row: Row, name: str) -> tuple[str, str]:
    """Return a plugin's name, or its preset's, and its parameters as JSON."""
    return str(row.get(f"{name}_preset") or row[name]), row[f"{name}_params"] or "{}"


def labels(rows: Iterable[Row], name: str) -> dict[tuple[str, str], str]:
    """Return what each plugin is called: parameters are said where those of one name differ."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        label, params = kind_of(row, name)
        kinds[label].add(params)
    found = {}
    for label, texts in kinds.items():
        all_params = {text: json.loads(text) for text in texts}
        keys = sorted({key for params in all_params.values() for key in params})
        apart = [
            key
            for key in keys
            if len({json.dumps(params.get(key)) for params in all_params.values()}) > 1
        ]
        apart = _fewest(apart, list(all_params.values()))
        for text, params in all_params.items():
            said = ",".join(f"{key}={params[key]}" for key in apart if key in params)
            found[label, text] = f"{label}({said})" if said else label
    return found


def _fewest(keys: list[str], all_params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one parameter, or two, that tell all apart where that is enough; else every one."""
    for few in (*combinations(keys, 1), *combinations(keys, 2)):
        said = {json.dumps([params.get(key) for key in few]) for params in all_params}
        if len(said) == len(all_params):
            return list(few)
    return keys


def failures_of(table: pa.Table) -> list[Failed]:
    """Return what failed, each message once, with a command that shows it.

    Parameters
    ----------
    table : pyarrow.Table
        From `Store.table`.
    """
    failed = table.filter(pc.equal(table["status"], "failed"))
    found: dict[str, list[str]] = defaultdict(list)
    for row in failed.select(["error", "reproduce"]).to_pylist():
        found[row["error"] or "without a message"].append(row["reproduce"] or "")
    return [Failed(error, commands[0], len(commands)) for error, commands in found.items()]


def against(
    cells: Sequence[Cell], base: str, column: str = "misses"
) -> dict[tuple[str, str], Panel[str]]:
    """Compare every policy with one of them, paired by trace, size and seed.

    Parameters
    ----------
    cells : sequence of Cell
        From `cells_of`.
    base : str
        The policy that ratios are of.
    column : str
        What is compared: a count.

    Returns
    -------
    dict
        Policy and rmap -> the comparison with the base over the same rmap. What shares no trace
        and size with it is left out.
    """
    sides: dict[tuple[str, str], dict[str, dict[int, float]]] = defaultdict(dict)
    for cell in cells:
        sides[cell.policy, cell.rmap][cell.place] = cell.values[column]
    found = {}
    for (policy, rmap), values in sides.items():
        if policy == base or (base, rmap) not in sides:
            continue
        panel = compare_cells(sides[base, rmap], values, base=base, other=policy, exact=True)
        if panel is not None:
            found[policy, rmap] = panel
    return found
