"""`reclaim run`: every policy with every rmap at every size, and what the comparison shows."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ReclaimError

if TYPE_CHECKING:
    from reclaim.run import RunSpec
    from reclaim.session import Session
    from reclaim.store import Store

Outcome = dict[str, Any] | ReclaimError


def run(
    config: o.ConfigArgument,
    trace: o.TraceOption = None,
    policy: o.PolicyOption = None,
    rmap: o.RmapOption = None,
    frames: o.FramesOption = None,
    settings: o.SetOption = None,
    plugins: o.PluginsOption = None,
    partial: o.PartialOption = False,
    json: o.JsonOption = False,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="DIR", help="Also keep the runs in this folder of results."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Also write a page of figures; the runs are kept beside it, or in --store.",
        ),
    ] = None,
    interpret: Annotated[
        bool, typer.Option("--interpret", help="Run kernels as plain Python (slow).")
    ] = False,
    boundscheck: Annotated[
        bool, typer.Option("--boundscheck", help="Compile kernels with bounds checks.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error came from, compiler's too.")
    ] = False,
) -> None:
    """Run a configuration: compare policies and reverse maps on a trace."""
    o.set_lane(interpret, boundscheck, traceback)
    from reclaim.config.resolve import load_config
    from reclaim.session import open_session

    resolved = load_config(
        config,
        o.overrides(
            trace=trace,
            policy=policy,
            rmap=rmap,
            frames=frames,
            plugins=plugins,
            settings=settings,
            partial=partial,
        ),
    )
    results = _results(store, report)
    session = open_session(resolved)
    specs, outcomes, failures = _do(session, quiet=json)
    records = [outcome for outcome in outcomes if not isinstance(outcome, ReclaimError)]
    if json:
        _print_json(records)
    else:
        _print_table(records)
    if results is not None:
        _keep(session, specs, outcomes, results, report, quiet=json)
    if failures:
        raise ReclaimError("\n".join(failures))


def _results(folder: Path | None, report: Path | None) -> Store | None:
    """Return the store to keep runs in, if any; found to be writable before anything runs."""
    if report is not None:
        folder = folder or report.with_suffix("")
    if folder is None:
        return None
    from reclaim.store import Store

    return Store(folder)


def _keep(
    session: Session,
    specs: list[RunSpec],
    outcomes: list[Outcome],
    store: Store,
    report: Path | None,
    *,
    quiet: bool,
) -> None:
    """Put the runs into the store, and draw them."""
    from reclaim.sweep.kept import keep

    keep(session, specs, outcomes, store, store.path)
    store.compact()
    if report is not None:
        from reclaim.cli.report import write

        write(store, report, None, session.registry.observers.classes())
        if not quiet:
            print(f"\nreport: {report}")


def _do(session: Session, *, quiet: bool) -> tuple[list[RunSpec], list[Outcome], list[str]]:
    """Do the runs; returns them, what came of each, and the messages of those that failed."""
    from reclaim.cli.progress import progress
    from reclaim.session import execute, plan

    specs = plan(session)
    _announce(session, specs, quiet=quiet)
    outcomes: list[Outcome] = []
    failures: dict[str, str] = {}
    with progress(len(specs)) as report:
        for spec, outcome in zip(specs, execute(session, specs, report), strict=True):
            outcomes.append(outcome)
            if isinstance(outcome, ReclaimError):
                who = f"{spec.policy.cls.name} over {spec.rmap.label}, {spec.frames} frames"
                failures.setdefault(str(outcome), who)
    return specs, outcomes, [f"{text} ({who})" for text, who in failures.items()]


def _announce(session: Session, specs: list[Any], *, quiet: bool) -> None:
    """Say what is about to happen and what it takes; refuse what cannot fit."""
    import psutil

    from reclaim.metrics.memory import refuse_too_large
    from reclaim.session import largest
    from reclaim.trace.statistics import statistics
    from reclaim.trace.stored import StoredTrace

    trace = session.trace
    numbers = statistics(trace)
    needed = largest(specs, numbers, in_memory=not isinstance(trace, StoredTrace))
    if not quiet:
        about = trace.meta.command or trace.meta.path or trace.meta.source
        print(shorten(f"trace: {about}", 100, placeholder=" ..."))
        print(
            f"  {numbers.accesses:,} accesses in {numbers.rows:,} rows, "
            f"{numbers.touched_pages:,} pages, {numbers.spaces} address spaces"
        )
        print(needed.text(), flush=True)
    refuse_too_large(needed, psutil.virtual_memory().available)


def _print_json(records: list[dict[str, Any]]) -> None:
    import json

    json.dump({"runs": records}, sys.stdout, allow_nan=False)
    print()


def _print_table(records: list[dict[str, Any]]) -> None:
    from reclaim.cli.table import notes, table
    from reclaim.metrics.compare import finding

    if records:
        print()
        print(table(records))
        print()
    for note in notes(records):
        print(note)
    print(finding(records))
