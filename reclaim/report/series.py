"""Time series of single runs, from the snapshots at the end of each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from reclaim.report.cells import Row, Runs, usual_size
from reclaim.report.figures import Figure, rows_of_page, spec_of

MOST_RUNS = 60
FAULTS = "faults per 1,000 accesses"
SCANNED = "frames scanned per 1,000 accesses"
FREE = "free frames"


def series(runs: Runs) -> Figure | None:
    """Return the time series of one run for each policy, strategy and workload; None without any.

    Only runs that took snapshots (`epochs` in the configuration) have one; at most `MOST_RUNS`.
    """
    size = usual_size(runs.cells)
    chosen = [row for row in runs.cells if row["size"] == size]
    step = max(1, -(-len(chosen) // MOST_RUNS))
    chosen = chosen[::step]
    records = runs.records([row["identity"] for row in chosen])
    by_identity = {record["identity"]: record for record in records}
    rows: list[Row] = []
    for cell in chosen:
        record = by_identity.get(cell["identity"])
        if record and record.get("epochs"):
            rows += _rows(cell, record)
    if not rows:
        return None
    chart = (
        alt.Chart(rows_of_page())
        .mark_line(interpolate="step-before", strokeWidth=1.8, color="#0072B2")
        .encode(
            x=alt.X(
                "accesses:Q",
                title="accesses since the start",
                axis=alt.Axis(format="~s", tickCount=6),
            ),
            y=alt.Y("value:Q", title=None),
            tooltip=["measure:N", "accesses:Q", alt.Tooltip("value:Q", format=",.1f")],
        )
        .properties(height=150)
    )
    return Figure(
        "series",
        "One run over time",
        f"The run that is chosen, at {size} of memory, between its snapshots. A step's value "
        "holds for "
        "the accesses before it.",
        spec_of(chart),
        rows,
        "series",
        facet="measure",
        choice="run",
        choice_label="Run",
    )


def _rows(cell: Mapping[str, Any], record: Mapping[str, Any]) -> list[Row]:
    named = {key: cell[key] for key in ("workload", "policy", "rmap")}
    named["run"] = f"{cell['policy']} / {cell['rmap']} on {cell['workload']}, seed {record['seed']}"
    start = {"accesses": 0, "minor_faults": 0, "major_faults": 0, "frames_scanned": 0}
    found = []
    for before, after in pairwise([start, *record["epochs"]]):
        accesses = after["accesses"] - before["accesses"]
        if accesses <= 0:
            continue
        faults = sum(after[name] - before[name] for name in ("minor_faults", "major_faults"))
        scanned = after["frames_scanned"] - before["frames_scanned"]
        values = {
            FAULTS: 1000 * faults / accesses,
            SCANNED: 1000 * scanned / accesses,
            FREE: after.get("free_frames"),
        }
        found += [
            named | {"measure": measure, "accesses": after["accesses"], "value": value}
            for measure, value in values.items()
            if value is not None
        ]
    return found


def chosen_runs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the runs that a time series may show."""
    return list(dict.fromkeys(str(row["run"]) for row in rows))
