"""What the page's script reads: data by column, specifications, commands."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from reclaim.report.cells import MANY_CELLS, RMAP_NS, Runs, sizes_of, usual_size
from reclaim.report.figures import Figure
from reclaim.report.look import config

MOST_ROWS = 4000
"""An observer's chart shows so many rows at most: a page draws each of them."""

TABLE = (
    ("workload", "Workload", ""),
    ("policy", "Policy", ""),
    ("rmap", "Rmap", ""),
    ("size", "Memory", ""),
    ("frames", "Frames", "number"),
    ("n", "Seeds", "number"),
    ("miss_ratio", "Miss ratio", "percent"),
    ("gap", "Over Belady", "percent"),
    ("evictions", "Evictions", "number"),
    ("frames_scanned", "Frames scanned", "number"),
    ("rmap_walks", "Walks", "number"),
    ("rmap_peak_bytes", "Rmap bytes, peak", "number"),
    ("direct_p99", "Direct reclaim p99, steps", "number"),
    ("modelled_ns", "Time, modelled ns", "number"),
)
_DATA_OF_CELLS = (
    *(name for name, _title, _kind in TABLE),
    "low",
    "high",
    "reclaimed",
    "rmap_links_visited",
    "rmap_vmas_visited",
    "rmap_tree_steps",
    "ptes_probed",
    "rmap_fixed_bytes",
    "direct_p50",
    "direct_max",
    "rmap_ns",
)


class Command:
    """The command that draws a figure, but for what the filters add."""

    def __init__(self, runs: Runs) -> None:
        self.folder = str(runs.store.path)
        self.where = runs.where

    def of(self, figure: Figure) -> str:
        """Return the command for a figure."""
        words = ["reclaim", "plot", figure.kind, self.folder, "-o", f"{element_id(figure)[7:]}.svg"]
        words += ["--where", self.where] if self.where else []
        return shlex.join(words)


def element_id(figure: Figure) -> str:
    """Return the id of a figure's element."""
    return "figure-" + "".join(c if c.isalnum() or c in "_-" else "-" for c in figure.kind)


def thinned(figure: Figure) -> str:
    """Say that a figure has too many rows to draw them all; nothing where it has not."""
    if figure.data in ("cells", "curves", "series", "accesses") or len(figure.rows) <= MOST_ROWS:
        return ""
    return f" {MOST_ROWS:,} of its {len(figure.rows):,} rows are shown, evenly taken."


def data(runs: Runs, figures: Sequence[Figure], command: Command) -> str:
    """Return all that the script reads as JSON that may stand in a script element."""
    kept = [*_DATA_OF_CELLS, *(f"{RMAP_NS}{phase}_ns" for phase in runs.phases)]
    if len(runs.cells) <= MANY_CELLS:
        kept.append("reproduce")
    datasets: dict[str, Any] = {"cells": _packed(runs.cells, kept)}
    for figure in figures:
        if figure.data not in datasets:
            rows = list(figure.rows)
            if thinned(figure):
                rows = [rows[i * len(rows) // MOST_ROWS] for i in range(MOST_ROWS)]
            datasets[figure.data] = _packed(rows)
    document = {
        "datasets": datasets,
        "figures": [_described(figure, command) for figure in figures],
        "config": config(),
        "size": usual_size(runs.cells),
        "sizes": sizes_of(runs.cells),
        "table": [
            {"name": name, "number": bool(kind), "percent": kind == "percent"}
            for name, _title, kind in TABLE
        ],
    }
    text = json.dumps(document, separators=(",", ":"), default=str, allow_nan=False)
    # Nothing in it may end the script element, or begin a comment.
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _described(figure: Figure, command: Command) -> dict[str, Any]:
    return {
        "id": element_id(figure),
        "kind": figure.kind,
        "title": figure.title,
        "spec": _without_data(figure.spec),
        "data": figure.data,
        "needs": figure.needs,
        "facet": figure.facet,
        "one_size": figure.one_size,
        "choice": figure.choice,
        "legend": bool(figure.legend),
        "wide": figure.wide,
        "command": command.of(figure),
    }


def _without_data(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != "data"}


def _packed(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return rows by column: numbers as they are, all else as places in a list of values."""
    if names is None:
        names = list(dict.fromkeys(name for row in rows for name in row))
    return {
        "length": len(rows),
        "columns": {name: _column([row.get(name) for row in rows]) for name in names},
    }


def _column(values: Sequence[Any]) -> Any:
    if all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
        return [_number(value) for value in values]
    texts = [json.dumps(value, default=str) for value in values]
    places = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return {"values": [json.loads(text) for text in places], "at": [places[t] for t in texts]}


def _number(value: float | None) -> float | int | None:
    if value is None or isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    found = float(f"{value:.6g}")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found
