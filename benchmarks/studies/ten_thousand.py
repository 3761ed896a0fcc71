"""Ten thousand processes: every scheme builds AIM7's family in full, and reclaims a sample of it.

A parent writes 1,000 pages and forks 10,000 children, each of which writes to all of them: ten
million pages, mapped once each. Then 10,000 pages, evenly spread over children and their pages, are
driven out one by one. All ten million would cost the list 10^11 visits: what they would take is the
sample's mean times their number, and the sample is checked against all pages at two sizes at which
all of them can be driven out.

Strategies that cannot find the PTEs of a page cannot be asked for one: they are driven by their
policy, until 10,000 pages have gone because a stranger wanted memory.

Each run has a process of its own, so that the most memory that it took can be told.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import altair as alt
import numpy as np

from benchmarks.studies.laboratory import plugins
from benchmarks.studies.output import colour
from reclaim.contract.param import resolve_params
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.trace.builder import TraceBuilder

HEAP = 0x10000  # where the workload's heap begins
CHECKED = ((300, 30), (1000, 30))
VISITS = "visits a page"
PROBES = "PTEs probed a page"
MEMORY = "memory, GB"
PRESET = "linux-2.6.34"
COUNTED = ("rmap_links_visited", "rmap_vmas_visited")


def strategies() -> list[str]:
    """Return every strategy, and of the list of chains its oldest form."""
    classes = plugins().rmaps.classes()
    exact = sorted(cls.name for cls in classes if cls.exact)
    driven = sorted(cls.name for cls in classes if not cls.exact and cls.driven_by)
    return [*exact, PRESET, *driven]


def sample(nr_children: int, nr_pages: int, nr_wanted: int) -> list[tuple[int, int]]:
    """Return (child, page) of pages that lie evenly over children, and over each child's pages."""
    at = np.linspace(0, nr_children * nr_pages - 1, nr_wanted).astype(np.int64)
    # Neighbours in the sample are of neighbouring children; a step that shares no factor with the
    # number of pages visits all places in a heap alike.
    return [(int(i // nr_pages) + 1, int((k * 7919) % nr_pages)) for k, i in enumerate(at.tolist())]


def run(name: str, nr_children: int, nr_pages: int, nr_wanted: int | None) -> dict[str, Any]:
    """Build the family, drive out a sample (None: every child's pages), and say what it took."""
    rmap = PluginChoice(*plugins().rmaps.choose(name, {}))
    workload = plugins().workloads.get("aim7")
    driven = not rmap.cls.exact
    policy = plugins().policies.get(rmap.cls.driven_by if driven else "fifo")
    every = nr_children * nr_pages
    wanted = every if nr_wanted is None else nr_wanted
    given = {"children": nr_children, "pages": nr_pages, "rounds": 0}
    given["pressure"] = wanted / every if driven else 0.0
    builder = TraceBuilder()
    workload().build(builder, 0, **resolve_params("aim7", workload.params, given))
    if not driven:
        pages = (
            sample(nr_children, nr_pages, nr_wanted)
            if nr_wanted
            else [(child, page) for child in range(1, nr_children + 1) for page in range(nr_pages)]
        )
        for child, page in pages:
            builder.evict(child, HEAP + page)
    spec = RunSpec(PluginChoice(policy), rmap, (nr_children + 1) * nr_pages)
    record = run_one(builder.trace(), spec)
    built, end = record["marks"]["copied"]["counters"], record["counters"]
    out = end["evictions"] - built["evictions"]
    objects = sum(kind["peak"] for kind in record["rmap_objects"].values())
    modelled = record["rmap_bytes"]["peak"] + record["rmap_bytes"]["fixed"]

    def a_page(*names: str) -> float:
        return sum(end[one] - built[one] for one in names) / out

    return {
        "rmap": name,
        "seconds": record["seconds"],
        MEMORY: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "objects": objects,
        "modelled MB": modelled / 1e6,
        "own MB": record["rmap_array_bytes"] / 1e6,
        "own/modelled": record["rmap_array_bytes"] / modelled if modelled else 0.0,
        "own B/object": record["rmap_array_bytes"] / objects if objects else 0.0,
        "pages out": out,
        VISITS: a_page(*COUNTED),
        PROBES: a_page("ptes_probed"),
    }


def alone(*args: Any) -> dict[str, Any]:
    """Do a run in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *args).result()


def check(name: str) -> None:
    """Compare the sample's mean with that of all pages, at two sizes.

    Raises
    ------
    AssertionError
        They differ by more than 2 %.
    """
    for children, pages in CHECKED:
        whole, part = run(name, children, pages, None), run(name, children, pages, 300)
        for column in (VISITS, PROBES):
            assert abs(part[column] - whole[column]) <= 0.02 * whole[column], (name, column)


def study(children: int = 10_000, pages: int = 1000, nr: int = 10_000) -> list[dict[str, Any]]:
    """Return a line for each strategy."""
    rows = []
    for name in strategies():
        if plugins().rmaps.choose(name, {})[0].exact:
            check(name)
        row = alone(name, children, pages, nr)
        rows.append({**row, "probed for all": row[PROBES] * children * pages})
        print(rows[-1], flush=True)
    return rows


def chart(rows: Sequence[dict[str, Any]]) -> Any:
    """Draw what a page costs to find, scheme by scheme."""
    shown = [
        {"rmap": row["rmap"], "what": what, "a page": row[what]}
        for row in rows
        for what in (VISITS, PROBES)
        if row[what] > 0
    ]
    names = [row["rmap"] for row in rows]
    return (
        alt.Chart(alt.Data(values=shown))
        .mark_point(size=90, filled=True)
        .encode(
            x=alt.X("a page:Q", scale=alt.Scale(type="log"), title=None),
            y=alt.Y("rmap:N", sort=names, title=None),
            color=alt.Color("rmap:N", scale=colour(names), legend=None),
        )
        .properties(width=240, height=24 * len(names))
        .facet(column=alt.Column("what:N", title=None))
    )
