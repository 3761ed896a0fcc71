"""Figures of what it costs to know: work, memory and modelled time of reverse maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from reclaim.metrics.costs import LABEL
from reclaim.report.cells import RMAP_NS, Runs
from reclaim.report.figures import (
    Figure,
    Rows,
    colour,
    curves,
    dash,
    frames_axis,
    gap,
    miss_ratio,
    names_in,
    rows_of_page,
    shape_of,
    shown,
    spec_of,
    ticks,
)
from reclaim.report.look import INK, PHASE_COLOURS, WORK_COLOURS, Style, styles


def own_figures(runs: Runs) -> list[Figure]:
    """Return every figure that the cells alone give, those with nothing to show left out."""
    cells = runs.cells
    made = curves(cells)
    figures = [
        miss_ratio(made),
        gap(made),
        work(cells),
        memory(cells),
        cost(cells, runs.phases),
        direct(cells),
    ]
    return [figure for figure in figures if shown(figure)]


def work(cells: Rows) -> Figure:
    """Return what it takes to reclaim a page, by strategy."""
    kinds = {
        "frames scanned": "frames_scanned",
        "links": "rmap_links_visited",
        "VMAs": "rmap_vmas_visited",
        "tree steps": "rmap_tree_steps",
        "PTEs": "ptes_probed",
    }
    chart = alt.Chart(rows_of_page())
    for kind, column in kinds.items():
        chart = chart.transform_calculate(**{kind: f"datum.{column} / datum.reclaimed"})
    drawn = [
        Style(kind, WORK_COLOURS[kind], shape=shape)
        for kind, shape in zip(
            kinds, ("cross", "circle", "square", "triangle-up", "diamond"), strict=True
        )
    ]
    chart = (
        chart.transform_fold(list[Any](kinds), as_=["kind", "steps"])
        .transform_aggregate(steps="mean(steps)", groupby=["kind", "rmap"])
        .mark_point(filled=True, size=75, opacity=0.9, strokeWidth=2)
        .encode(
            x=alt.X(
                "steps:Q",
                scale=alt.Scale(type="symlog", constant=1, nice=True),
                axis=alt.Axis(
                    values=[0, 1, 2, 5, 10, 100, 1000, 10000, 100000],
                    labelExpr="datum.value < 1000 ? datum.value : format(datum.value, '~s')",
                ),
                title="steps per evicted page (symmetric log)",
            ),
            y=alt.Y("rmap:N", title=None),
            yOffset=alt.YOffset("kind:N", sort=list(kinds)),
            color=colour("kind", drawn),
            shape=shape_of("kind", drawn),
            tooltip=["rmap:N", "kind:N", alt.Tooltip("steps:Q", format=".3~s")],
        )
        .properties(height=alt.Step(9))
    )
    return Figure(
        "work",
        "Work per reclaimed page",
        "What is looked at for each page that leaves, in the whole run: frames that the policy "
        "scanned, "
        "and links, VMAs, tree nodes and PTEs of the walks that it asked for. Counts, not times. "
        "The mean "
        "over the policies that are shown.",
        spec_of(chart),
        cells,
        "cells",
        needs="reclaimed",
        facet="workload",
        one_size=True,
        legend=drawn,
    )


def memory(cells: Rows) -> Figure:
    """Return what strategies weigh as memory grows."""
    drawn = styles(names_in(cells, "rmap"))
    base = (
        alt.Chart(rows_of_page())
        .transform_calculate(bytes="(datum.rmap_peak_bytes + datum.rmap_fixed_bytes) / 1024")
        .transform_filter("datum.bytes > 0")
        .transform_aggregate(bytes="mean(bytes)", frames="mean(frames)", groupby=["rmap", "size"])
        .encode(
            x=frames_axis(),
            y=alt.Y(
                "bytes:Q",
                scale=alt.Scale(type="log", nice=True),
                axis=alt.Axis(values=ticks(1), format="~g"),
                title="KiB at peak",
            ),
            color=colour("rmap", drawn),
        )
    )
    line = base.mark_line(strokeWidth=2).encode(strokeDash=dash("rmap", drawn))
    point = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=shape_of("rmap", drawn),
        tooltip=["rmap:N", "size:N", "frames:Q", alt.Tooltip("bytes:Q", format=",.1f")],
    )
    return Figure(
        "memory",
        "What the reverse map weighs",
        "Bytes of its objects at their peak, and of the words that it adds to each frame, VMA and "
        "address space, in KiB; both axes are logarithmic, so a strategy without any is not "
        "shown. The mean over the policies that are "
        "shown.",
        spec_of((line + point).properties(height=200)),
        cells,
        "cells",
        needs="rmap_peak_bytes",
        facet="workload",
        legend=drawn,
    )


def cost(cells: Rows, phases: Sequence[str]) -> Figure:
    """Return where the reverse map takes time, by phase."""
    ordered = [phase for phase in PHASE_COLOURS if phase in phases]
    ordered += [phase for phase in phases if phase not in PHASE_COLOURS]
    drawn = [Style(phase, PHASE_COLOURS.get(phase, INK), shape="square") for phase in ordered]
    columns = [f"{RMAP_NS}{phase}_ns" for phase in ordered]
    chart = (
        alt.Chart(rows_of_page())
        .transform_fold(list[Any](columns) or ["none"], as_=["column", "ns"])
        .transform_filter("datum.ns > 0")
        .transform_calculate(phase=f"slice(datum.column, {len(RMAP_NS)}, -3)", ms="datum.ns / 1e6")
        .transform_aggregate(ms="mean(ms)", groupby=["rmap", "phase"])
        .mark_bar()
        .encode(
            x=alt.X("ms:Q", title="modelled ms in a run"),
            y=alt.Y("rmap:N", title=None),
            color=colour("phase", drawn),
            tooltip=["rmap:N", "phase:N", alt.Tooltip("ms:Q", format=".3~s")],
        )
        .properties(height=alt.Step(22))
    )
    return Figure(
        "cost",
        "Where the reverse map pays: modelled time by phase",
        f"Times are {LABEL}. Only the reverse map's own work: walks, links, probes and locks, "
        "without "
        "traps and devices. The mean over the policies that are shown, of runs that have any.",
        spec_of(chart),
        cells,
        "cells",
        needs="rmap_ns",
        facet="workload",
        one_size=True,
        legend=drawn,
    )


def direct(cells: Rows) -> Figure:
    """Return the distribution of work per direct reclaim."""
    drawn = styles(names_in(cells, "rmap"))
    base = alt.Chart(rows_of_page()).encode(
        y=alt.Y("policy:N", title=None),
        yOffset=alt.YOffset("rmap:N"),
        color=colour("rmap", drawn),
    )
    scale = alt.Scale(type="log", nice=True)
    title = "steps in one direct reclaim (log)"
    axis = alt.Axis(values=ticks(1), format="~s")
    tips = [
        "policy:N",
        "rmap:N",
        alt.Tooltip("direct_p50:Q", title="p50", format=".3~s"),
        alt.Tooltip("direct_p99:Q", title="p99", format=".3~s"),
        alt.Tooltip("direct_max:Q", title="max", format=".3~s"),
    ]
    p50 = alt.X("direct_p50:Q", scale=scale, title=title, axis=axis)
    line = base.mark_rule(strokeWidth=1.5).encode(x=p50, x2="direct_max:Q")
    points = [
        base.mark_point(filled=filled, size=45, shape=shape, opacity=1, strokeWidth=2).encode(
            x=alt.X(f"direct_{at}:Q", scale=scale, title=title, axis=axis), tooltip=tips
        )
        for at, shape, filled in (
            ("p50", "circle", True),
            ("p99", "diamond", True),
            ("max", "stroke", False),
        )
    ]
    return Figure(
        "direct",
        "Work of one direct reclaim",
        "How bad it gets for the process that has to wait: half of its reclaims take up to the "
        "circle, "
        "99 % up to the diamond, the worst one the bar at the end. A step is a frame scanned, a "
        "link, VMA "
        "or PTE looked at. Means over seeds.",
        spec_of(alt.layer(line, *points).properties(height=alt.Step(7))),
        cells,
        "cells",
        needs="direct_p50",
        facet="workload",
        one_size=True,
        legend=drawn,
    )
