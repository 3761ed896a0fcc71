"""Page-access heatmaps: what a trace touches when, from trace files beside the results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from reclaim.errors import ReclaimError
from reclaim.report.cells import Row, Runs
from reclaim.report.figures import Figure, rows_of_page, spec_of
from reclaim.trace.model import Trace

TIMES = 96
BANDS = 64
MOST_ROWS = 20_000_000
"""A longer trace is left out: it would take longer to read than all the rest."""

MOST_TRACES = 8
_PAGE = 4096
_SPACE_SHIFT = 44  # of an address space's number above a page's


def access_map(runs: Runs) -> tuple[Figure | None, list[str]]:
    """Return the heatmaps of the traces that are there, and sentences on those that are not."""
    wanted: dict[str, str] = {}
    for row in runs.cells:
        wanted.setdefault(row["workload"], row["trace_hash"])
    files = _files(runs.store.path)
    rows: list[Row] = []
    missing: list[str] = []
    failed: list[str] = []
    drawn = 0
    for workload, trace_hash in wanted.items():
        path = files.get(trace_hash or "")
        if path is None:
            missing.append(workload)
        elif drawn < MOST_TRACES:
            try:
                rows += _bins(_open(path), workload)
                drawn += 1
            except (ReclaimError, OSError, ValueError) as error:
                failed.append(f"{workload}: {error}")
    notes = [f"Not drawn: {text}." for text in failed]
    if missing:
        notes.append(
            "The trace is not beside the results, so its accesses are not drawn: "
            + ", ".join(missing)
            + "."
        )
    return (_figure(rows) if rows else None), notes


def _files(folder: Path) -> dict[str, Path]:
    """Return the trace files beside a store's results, by the hash of their content."""
    found = {}
    for beside in sorted((folder / "traces").glob("*.json")):
        try:
            named: Mapping[str, Any] = json.loads(beside.read_text())
            path = Path(named["path"])
            here = folder / "traces" / path.name  # the folder may have been moved
            path = path if path.is_file() else here
            if path.is_file():
                found[str(named["content_hash"])] = path
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _open(path: Path) -> Trace:
    from reclaim.trace.stored import StoredTrace

    return StoredTrace(path)


def _bins(trace: Trace, workload: str) -> list[Row]:
    """Return the cells of a heatmap."""
    if trace.nr_rows > MOST_ROWS:
        raise ValueError(f"{trace.nr_rows:,} rows are more than the {MOST_ROWS:,} that are drawn")
    pages = np.zeros(0, np.int64)
    for batch in trace.batches():
        pages = np.union1d(pages, _keys(batch))
    if not len(pages):
        raise ValueError("it touches no page")
    bands = min(BANDS, len(pages))
    total = max(1, trace.nr_accesses)
    counts = np.zeros((TIMES, bands), np.int64)
    before = 0
    for batch in trace.batches():
        nr = np.asarray(batch.nr, np.int64)
        ends = before + np.cumsum(nr)
        when = np.minimum((ends - nr) * TIMES // total, TIMES - 1)
        band = np.searchsorted(pages, _keys(batch)) * bands // len(pages)
        np.add.at(counts, (when, band), nr)
        before = int(ends[-1]) if len(ends) else before
    firsts = [-(-band * len(pages) // bands) for band in range(bands)]
    per_band = np.diff([*firsts, len(pages)])
    names = [_address(trace, int(pages[first])) for first in firsts]
    return [
        {
            "workload": workload,
            "begin": int(t) * total / TIMES,
            "end": (int(t) + 1) * total / TIMES,
            "band": int(b),
            "address": names[b],
            "touches": round(float(counts[t, b] / per_band[b]), 4),
        }
        for t, b in zip(*np.nonzero(counts), strict=True)
    ]


def _keys(batch: Any) -> Any:
    return (np.asarray(batch.asid, np.int64) << _SPACE_SHIFT) | np.asarray(batch.vpn, np.int64)


def _address(trace: Trace, key: int) -> str:
    space, vpn = key >> _SPACE_SHIFT, key & ((1 << _SPACE_SHIFT) - 1)
    name = trace.spaces[space] if space < len(trace.spaces) else str(space)
    return f"{name} {vpn * _PAGE:#x}"


def _figure(rows: list[Row]) -> Figure:
    chart = (
        alt.Chart(rows_of_page())
        .mark_rect()
        .encode(
            x=alt.X(
                "begin:Q",
                title="accesses since the start",
                axis=alt.Axis(format="~s", tickCount=8, grid=False),
                scale=alt.Scale(nice=False),
            ),
            x2="end:Q",
            y=alt.Y(
                "address:N",
                sort=alt.EncodingSortField("band", op="min", order="descending"),
                title="first address of a band of touched pages (space, bytes)",
                axis=alt.Axis(
                    labelOverlap="greedy",
                    labelFontSize=10,
                    ticks=False,
                    labelLimit=150,
                    labelSeparation=6,
                ),
                scale=alt.Scale(paddingInner=0, paddingOuter=0),
            ),
            color=alt.Color(
                "touches:Q",
                scale=alt.Scale(type="log", scheme="viridis"),
                legend=alt.Legend(
                    title="accesses per page", orient="bottom", gradientLength=240, format=".2~r"
                ),
            ),
            tooltip=[
                alt.Tooltip("begin:Q", title="from access", format=",.0f"),
                alt.Tooltip("address:N", title="from address"),
                alt.Tooltip("touches:Q", title="accesses per page", format=".3~s"),
            ],
        )
        .properties(height=360)
    )
    return Figure(
        "accesses",
        "What the trace touches",
        f"Time goes to the right in {TIMES} equal parts of the trace, addresses go up, address "
        "space by "
        f"address space, in up to {BANDS} bands of equally many pages; pages that are never "
        "touched "
        "are left out, so the axis has gaps that it does not show. Colour: accesses to a page of "
        "the "
        "band in that time, the mean; white (or black): none. It is the trace that is shown, not "
        "what is resident.",
        spec_of(chart),
        rows,
        "accesses",
        choice="workload",
        choice_label="Workload",
    )
