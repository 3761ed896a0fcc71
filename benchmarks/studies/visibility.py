"""What a policy's miss ratio owes to what it can see, and the work that it takes to see it.

The policies are those of `configs/visibility.yaml`, by how they learn of use: from nothing but
faults; by young bits asked when a hand comes by; by young bits of all pages taken at ticks; from
one access of k; from every hit, which no kernel is told for mapped pages; from the future. Four
workloads are lists of pages of one process; the sample is a program's; the last is a server whose
workers share their heap, so that a question about a page walks many PTEs.

The work of looking is all that reclaim does but for unmapping its victims: frames scanned, walks
that ask for young bits, samples. Its time is modelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import exp, log
from typing import Any

import altair as alt

from benchmarks.studies.laboratory import plugins
from reclaim.config.resolve import load_config
from reclaim.counters import COUNTER_NAMES
from reclaim.metrics.costs import resolve_costs, time_of
from reclaim.opening import generate, open_section
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.session import check_plugins
from reclaim.trace.model import Trace
from tests.laboratory import page_list
from tests.parity import traces

ROWS, PAGES = 100_000, 4000
LOOKING = ("reclaim_aging", "reclaim_referenced")
HEIGHT = 230
MISSES, WORK = "miss ratio", "ns an access"
WAYS = ("nothing", "bits at a hand", "bits at ticks", "one in k", "every hit", "the future")
# Okabe and Ito; the unrealisable ways are grey and black.
COLOURS = ("#999999", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#000000")
SHAPES = ("circle", "circle", "square", "triangle-up", "diamond", "cross")


def way(choice: PluginChoice) -> str:
    """Return how a policy learns of use."""
    needs = choice.cls.needs
    if "age_every" in choice.params:
        return "bits at ticks"
    names = {"young": WAYS[1], "samples": WAYS[3], "accesses": WAYS[4], "lookahead": WAYS[5]}
    return next((names[need] for need in names if need in needs), WAYS[0])


def interval(choice: PluginChoice) -> int:
    """Return the accesses between two looks, 0 for a policy without ticks or samples."""
    return int(choice.params.get("age_every", choice.params.get("sample_every", 0)))


def workloads(rows: int = ROWS, pages: int = PAGES, requests: int = 2000) -> dict[str, Trace]:
    """Return what is run, by name."""
    registry = plugins()
    server = registry.workloads.get("fork_server")
    defaults = {name: param.default for name, param in server.params.items()}
    return {
        "zipf 1.0": page_list(traces.zipf(rows, pages, 1.0)),
        "hot set and scan": page_list(traces.scan_with_hot_set(rows, pages)),
        "phases": page_list(traces.phases(rows, pages)),
        "stack distances": page_list(traces.stack_distances(rows, pages)),
        "first-run": open_section(load_config("visibility").trace, registry, 0),
        "fork_server": generate(server, {**defaults, "requests": requests}, 0),
    }


def line(record: Mapping[str, Any], costs: Mapping[str, Any]) -> dict[str, float]:
    """Return the miss ratio of a run and what looking took."""
    total = record["counters"]
    work = {name: record["phases"].get(name, {}) for name in LOOKING}
    asked = work["reclaim_referenced"]
    accesses = total["accesses"]
    nanoseconds = sum(time_of(counted, costs) for counted in work.values())
    return {
        MISSES: total["misses"] / accesses,
        "walks / 1000": 1000 * asked.get("rmap_walks", 0) / accesses,
        "PTEs / 1000": 1000 * asked.get("ptes_probed", 0) / accesses,
        WORK: nanoseconds / accesses,
        "ns an eviction": nanoseconds / total["evictions"] if total["evictions"] else 0.0,
    }


def study(on: Mapping[str, Trace] | None = None) -> list[dict[str, Any]]:
    """Return a line for each workload and policy of the config."""
    config = load_config("visibility")
    costs = resolve_costs(config.costs, COUNTER_NAMES)
    policies, rmaps = check_plugins(config, plugins())
    policies.sort(key=lambda choice: WAYS.index(way(choice)))
    return [
        {
            "workload": name,
            "sees": way(choice),
            "policy": choice.cls.name,
            "every": interval(choice),
            **line(run_one(trace, RunSpec(choice, rmaps[0], config.frames[0])), costs),
        }
        for name, trace in (on or workloads()).items()
        for choice in policies
    ]


def label_heights(rows: Sequence[Mapping[str, Any]], low: float, high: float) -> list[float]:
    """Return miss ratios at which names do not lie upon one another, for points of one kind."""
    height = log(high / low)
    apart = height * 11 / HEIGHT
    order = sorted(range(len(rows)), key=lambda i: rows[i][MISSES])
    heights = [log(row[MISSES] / low) for row in rows]
    for below, above in pairwise(order):
        heights[above] = max(heights[above], heights[below] + apart)
    over = max(0.0, max(heights) - height)
    return [low * exp(one - over) for one in heights]


def panel(rows: Sequence[Mapping[str, Any]], bound: float, title: str) -> Any:
    """Draw one workload; the future, which takes no looking, is a line."""
    low, high = 0.9 * bound, 1.1 * max(row[MISSES] for row in rows)
    ways = WAYS[:-1]
    y_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    y_axis = alt.Axis(format="~g", tickCount=4, labelOverlap="greedy", grid=False)
    x_axis = alt.Axis(format=",~g", tickCount=4, labelOverlap="greedy", grid=False)
    named = [row for row in rows if row["every"] == 0]
    labels = [
        {**row, "at": at}
        for kind in ways
        if (mine := [row for row in named if row["sees"] == kind])
        for row, at in zip(mine, label_heights(mine, low, high), strict=True)
    ]

    def layer(shown: Sequence[Mapping[str, Any]], y: str) -> Any:
        return alt.Chart(alt.Data(values=list(shown))).encode(
            x=alt.X(
                f"{WORK}:Q",
                scale=alt.Scale(type="log"),
                title="ns of looking an access",
                axis=x_axis,
            ),
            y=alt.Y(f"{y}:Q", scale=y_scale, title=MISSES, axis=y_axis),
        )

    colour = alt.Color("sees:N", scale=alt.Scale(domain=ways, range=COLOURS[:-1]), title="sees")
    shape = alt.Shape("sees:N", scale=alt.Scale(domain=ways, range=SHAPES[:-1]), title="sees")
    best = alt.Chart(alt.Data(values=[{MISSES: bound}])).mark_rule(strokeDash=[4, 3])
    return (
        best.encode(y=alt.Y(f"{MISSES}:Q", scale=y_scale))
        + layer([row for row in rows if row["every"] > 0], MISSES)
        .mark_line(opacity=0.6)
        .encode(color=colour)
        + layer(rows, MISSES)
        .mark_point(size=55, filled=True, opacity=1)
        .encode(color=colour, shape=shape)
        + layer(labels, "at")
        .mark_text(align="left", dx=8, fontSize=10, color="#333333")
        .encode(text="policy:N")
    ).properties(width=330, height=HEIGHT, title=title)


def chart(rows: Sequence[dict[str, Any]]) -> Any:
    """Draw miss ratios against work, a panel for each workload."""
    bounds = {row["workload"]: row[MISSES] for row in rows if row["sees"] == WAYS[-1]}
    shown = [row for row in rows if row["sees"] != WAYS[-1]]
    panels = [
        panel([row for row in shown if row["workload"] == name], bound, name)
        for name, bound in bounds.items()
    ]
    return alt.concat(*panels, columns=2)
