"""The report's own figures: what each shows, how to read it, and its specification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from reclaim.report.cells import Row
from reclaim.report.look import Style, styles

Rows = Sequence[Mapping[str, Any]]
ROWS = "rows"
"""What a specification calls its data."""


@dataclass(frozen=True)
class Figure:
    """One figure of the page, or of a paper.

    Parameters
    ----------
    kind : str
        What `reclaim plot` calls it.
    title, text : str
        What it shows; how to read it.
    spec : dict
        Vega-Lite of one panel; its data are called `ROWS`.
    rows : sequence of mapping
        Its data, before any filter.
    data : str
        A name for the data; figures with the same data share it.
    needs : str, optional
        Column without which a row is not shown.
    facet : str, optional
        Column that has a panel for each of its values.
    one_size : bool
        Whether only one size of memory is shown at a time.
    choice : str, optional
        Column of which one value is shown at a time; what it is, is `choice_label`.
    legend : sequence of Style
        Names and how they are drawn, where panels share a legend.
    wide : str, optional
        Column whose values need room beside each other.
    command : str, optional
        In place of the command of `reclaim plot`.
    """

    kind: str
    title: str
    text: str
    spec: dict[str, Any]
    rows: Rows
    data: str
    needs: str | None = None
    facet: str | None = None
    one_size: bool = False
    choice: str | None = None
    choice_label: str = ""
    legend: Sequence[Style] = field(default_factory=tuple)
    wide: str | None = None
    command: str | None = None


def shown(figure: Figure) -> list[Any]:
    """Return the rows that a figure can show."""
    return [row for row in figure.rows if figure.needs is None or row[figure.needs] is not None]


def spec_of(chart: Any) -> dict[str, Any]:
    """Return the specification of a chart, without what the page adds."""
    found: dict[str, Any] = chart.to_dict(validate=True)
    for key in ("config", "$schema", "datasets"):
        found.pop(key, None)
    return found


def rows_of_page() -> Any:
    """Return the data that the page puts in."""
    return alt.NamedData(name=ROWS)


def names_in(rows: Rows, column: str) -> list[str]:
    """Return the values of a column."""
    return sorted({str(row[column]) for row in rows})


def colour(column: str, drawn: Sequence[Style]) -> Any:
    """Return the channel that draws names in their colours."""
    scale = alt.Scale(domain=[s.name for s in drawn], range=[s.colour for s in drawn])
    return alt.Color(f"{column}:N", scale=scale, title=None)


def dash(column: str, drawn: Sequence[Style]) -> Any:
    """Return the channel that draws names in their dashes."""
    scale = alt.Scale(domain=[s.name for s in drawn], range=[list(s.dash) for s in drawn])
    return alt.StrokeDash(f"{column}:N", scale=scale, title=None)


def shape_of(column: str, drawn: Sequence[Style]) -> Any:
    """Return the channel that draws names in their shapes."""
    scale = alt.Scale(domain=[s.name for s in drawn], range=[s.shape for s in drawn])
    return alt.Shape(f"{column}:N", scale=scale, title=None)


def frames_axis() -> Any:
    """Return the axis of frames."""
    return alt.X(
        "frames:Q",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=ticks(1, 2, 5), format="~s", labelOverlap="greedy"),
        title="frames (4 KiB each)",
    )


def ticks(*of: int) -> list[float]:
    """Return where a logarithmic axis has lines: Vega's own are too many to read."""
    return [digit * 10.0**power for power in range(-3, 13) for digit in of]


def curves(cells: Sequence[Row]) -> list[Row]:
    """Return a row for each point of a miss-ratio curve.

    Strategies that find every PTE give equal misses: they are one curve, which names all of them.
    One that differs has a curve of its own, called by policy and strategy.
    """
    groups: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in cells:
        if row.get("miss_ratio") is not None:
            groups[row["workload"], row["policy"]][row["rmap"]].append(row)
    found = []
    for by_rmap in groups.values():
        alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        for rmap, rows in by_rmap.items():
            alike[tuple((row["size"], row["misses"]) for row in rows)].append(rmap)
        usual = max(alike.values(), key=len)
        for rmaps in alike.values():
            for row in by_rmap[rmaps[0]]:
                series = row["policy"] if rmaps is usual else f"{row['policy']} / {rmaps[0]}"
                keys = (
                    "workload",
                    "policy",
                    "size",
                    "frames",
                    "miss_ratio",
                    "low",
                    "high",
                    "gap",
                    "n",
                )
                found.append({key: row[key] for key in keys} | {"series": series, "rmap": rmaps})
    return found


def miss_ratio(rows: Rows) -> Figure:
    """Return miss-ratio curves, a panel a workload."""
    drawn = styles(names_in(rows, "series"))
    base = alt.Chart(rows_of_page()).encode(x=frames_axis(), color=colour("series", drawn))
    y = alt.Y("miss_ratio:Q", title="misses / accesses", scale=alt.Scale(zero=True))
    tips = ["series:N", "size:N", "frames:Q", "miss_ratio:Q", "low:Q", "high:Q", "n:Q"]
    line = base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash("series", drawn))
    point = base.mark_point(filled=True, size=45, opacity=1).encode(
        y=y, shape=shape_of("series", drawn), tooltip=tips
    )
    bars = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=1.5)
        .encode(y=alt.Y("low:Q", title="misses / accesses"), y2="high:Q")
    )
    return Figure(
        "misses",
        "Miss ratio against memory",
        "A point is the mean over seeds; the bar through it is the 95 % confidence interval of "
        "that "
        "mean. The dashed line is Belady's policy (opt), which knows the future: nobody misses "
        "less. "
        "FIFO, in grey, is what a policy has to beat. First touches are misses too. Where "
        "strategies "
        "find every PTE they give the same misses, and are one line.",
        spec_of((bars + line + point).properties(height=230)),
        rows,
        "curves",
        facet="workload",
        legend=drawn,
    )


def gap(rows: Rows) -> Figure:
    """Return the heatmap of the gap to Belady."""
    base = alt.Chart(rows_of_page()).transform_joinaggregate(most="max(gap)")
    base = base.encode(
        x=alt.X(
            "workload:N",
            title=None,
            axis=alt.Axis(orient="top", labelAngle=-30, labelLimit=170, labelOverlap=False),
        ),
        y=alt.Y("series:N", title=None, sort=alt.EncodingSortField("gap", op="mean")),
    )
    cell = base.mark_rect().encode(
        color=alt.Color(
            "gap:Q",
            scale=alt.Scale(scheme="cividis", type="sqrt", domainMin=0),
            legend=alt.Legend(
                title="more misses than Belady", format="+.0%", orient="bottom", gradientLength=240
            ),
        ),
        tooltip=["series:N", "workload:N", "size:N", alt.Tooltip("gap:Q", format="+.2%")],
    )
    text = base.mark_text(fontSize=11).encode(
        text=alt.Text("gap:Q", format="+.1%"),
        color=alt.condition("datum.gap > 0.3 * datum.most", alt.value("black"), alt.value("white")),
    )
    return Figure(
        "gap",
        "Gap to Belady",
        "Misses of a policy over those of Belady's on the same workload, size and seed, less "
        "one; the "
        "mean over seeds. 0 % cannot be beaten where one page leaves for each fault. Policies with "
        "the smallest mean gap are on top.",
        spec_of(
            (cell + text).properties(
                height=alt.Step(24), padding={"left": 5, "top": 5, "bottom": 5, "right": 70}
            )
        ),
        rows,
        "curves",
        needs="gap",
        one_size=True,
        wide="workload",
    )
