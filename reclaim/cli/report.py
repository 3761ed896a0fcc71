"""`reclaim report` and `reclaim plot`: a page of figures, and single ones for papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reclaim.cli import options as o
from reclaim.cli.results import FolderArgument, WhereOption, warn

if TYPE_CHECKING:
    from reclaim.contract.observer import Observer
    from reclaim.store import Store

ObserverOption = Annotated[
    list[str] | None,
    typer.Option("--observer", metavar="NAME", help="Only these observers; none: no observer."),
]
OnlyPolicy = Annotated[
    list[str] | None, typer.Option("--policy", metavar="NAME", help="Only this policy; repeatable.")
]
OnlyRmap = Annotated[
    list[str] | None, typer.Option("--rmap", metavar="NAME", help="Only this rmap; repeatable.")
]
OnlyWorkload = Annotated[
    list[str] | None,
    typer.Option("--workload", metavar="NAME", help="Only this workload; repeatable."),
]


def report(
    folder: FolderArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    where: WhereOption = None,
    observer: ObserverOption = None,
    plugins: o.PluginsOption = None,
) -> None:
    """Write a page of figures and tables from the results in a folder; it works offline."""
    from reclaim.store import Store

    observers = _observers(plugins, observer)
    store = Store(folder, create=False)
    write(store, output, where, observers)
    print(output)


def write(store: Store, output: Path, where: str | None, observers: list[type[Observer]]) -> None:
    """Write the report of a store, and name on stderr what was skipped."""
    from reclaim.report.cells import open_runs
    from reclaim.report.page import report as page
    from reclaim.report.page import write_report

    try:
        write_report(page(open_runs(store, where), observers), output)
    finally:
        warn(store)


def plot(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="misses, gap, work, memory, cost, direct, series, accesses; or an observer.",
        ),
    ],
    folder: FolderArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A .svg, .png or .pdf file.")
    ],
    where: WhereOption = None,
    policy: OnlyPolicy = None,
    rmap: OnlyRmap = None,
    workload: OnlyWorkload = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="N|P%", help="The memory size to show.")
    ] = None,
    choose: Annotated[
        str | None,
        typer.Option("--choose", metavar="NAME", help="The run, or the workload, to show."),
    ] = None,
    plugins: o.PluginsOption = None,
) -> None:
    """Draw one figure of the report into a file, for a paper."""
    from reclaim.report import plot as p
    from reclaim.report.cells import open_runs
    from reclaim.store import Store

    p.format_of(output)
    store = Store(folder, create=False)
    try:
        runs = open_runs(store, where)
        figure = p.find_figure(runs, kind, _observers(plugins, None))
        only = {"policy": policy or (), "rmap": rmap or (), "workload": workload or ()}
        rows, said = p.narrowed(runs, figure, only, size, choose)
        p.write_plot(p.specification(figure, rows, said), output)
    finally:
        warn(store)
    print(output)


def _observers(plugins: list[str] | None, only: list[str] | None) -> list[type[Observer]]:
    from reclaim.plugin.manager import load_plugins

    catalog = load_plugins([Path(path) for path in plugins or ()]).observers
    if only is None:
        return catalog.classes()
    return [catalog.get(name) for name in only if name != "none"]
