"""`reclaim sweep`: a study of many runs, which goes on where it was stopped."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ConfigError, ReclaimError

if TYPE_CHECKING:
    from reclaim.plugin.registry import Registry
    from reclaim.store import Store
    from reclaim.sweep.execute import Failure, Summary
    from reclaim.sweep.plan import Plan

SHOWN_FAILURES = 10

JobsOption = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, metavar="N", help="Worker processes; default: all cores."),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where results go; default: results/NAME."),
]


def sweep(
    config: Annotated[
        str,
        typer.Argument(
            help="YAML file, or a shipped sweep such as study-policies.", metavar="CONFIG"
        ),
    ],
    jobs: JobsOption = None,
    out: OutOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run, and what it takes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run again what is done already.")] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="FAILED", help="Only failed runs, or one by its identity."),
    ] = None,
    settings: o.SetOption = None,
    plugins: o.PluginsOption = None,
) -> None:
    """Run a sweep; what the output folder has already is not run again."""
    from reclaim.config.sweep_file import load_sweep
    from reclaim.plugin.manager import load_plugins

    checked = load_sweep(config, o.overrides(plugins=plugins, settings=settings))
    registry = load_plugins([Path(path) for path in checked.config.plugins])
    folder = out or Path("results") / Path(config).stem
    store = _store(folder, create=not dry_run)
    plan = _plan(checked, registry, folder, store, force=force, only=only, dry_run=dry_run)
    workers = _announce(plan, jobs or _cores())
    if dry_run:
        return
    if not plan.todo:
        none = "no run of this sweep is stored as failed" if only else f"{folder} has all of it"
        print(f"nothing to do: {none}")
        return
    assert store is not None
    raise typer.Exit(_run(plan, store, folder, workers))


def _cores() -> int:
    # What the process may use, which in a container or under taskset is less than there are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _store(folder: Path, *, create: bool) -> Store | None:
    """Return the store in a folder; None where a dry run finds none."""
    from reclaim.store import Store

    if not create:
        return Store(folder, create=False) if (folder / "inbox").is_dir() else None
    store = Store(folder)
    try:
        # Found out now, not when the first run is done.
        with tempfile.TemporaryFile(dir=folder / "inbox"):
            pass
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}.") from None
    return store


def _plan(
    checked: Any,
    registry: Registry,
    folder: Path,
    store: Store | None,
    *,
    force: bool,
    only: str | None,
    dry_run: bool,
) -> Plan:
    from reclaim.cli.progress import steps
    from reclaim.sweep.plan import choose, make_plan

    known: Mapping[str, str] = store.identities() if store else {}
    with tempfile.TemporaryDirectory(prefix="reclaim-") as spare, steps(1) as begins:
        advance = begins("traces")
        plan = make_plan(
            checked,
            registry,
            folder,
            spare=Path(spare) if dry_run else None,
            begins=advance or (lambda _done, _total: None),
        )
    chosen = choose(plan, known, force=force, only=only)
    for warning in [*chosen.warnings, *(store.warnings if store else ())]:
        print(f"warning: {warning}", file=sys.stderr)
    has_records = chosen.todo and "done" in known.values()
    return chosen.expecting(_rates(store) if store and has_records else {})


def _rates(store: Store) -> dict[str, float]:
    """Return accesses a second by policy, "" for all, as records of this store have it."""
    import pyarrow.compute as pc

    table = store.table(["policy", "status", "accesses", "wall_seconds"])
    table = table.filter(pc.equal(table["status"], "done"))
    sums = table.group_by("policy").aggregate([("accesses", "sum"), ("wall_seconds", "sum")])
    rows = [row for row in sums.to_pylist() if row["wall_seconds_sum"]]
    rates = {row["policy"]: row["accesses_sum"] / row["wall_seconds_sum"] for row in rows}
    if rows:
        total = sum(row["wall_seconds_sum"] for row in rows)
        rates[""] = sum(row["accesses_sum"] for row in rows) / total
    return rates


def _announce(plan: Plan, jobs: int) -> int:
    """Say what a sweep will do and take; returns how many workers there is memory for."""
    import psutil

    from reclaim.metrics.memory import megabytes, refuse_too_large
    from reclaim.sweep.plan import about
    from reclaim.sweep.words import duration

    for line in about(plan):
        print(line)
    if not plan.todo:
        return jobs
    needed, free = plan.largest, psutil.virtual_memory().available
    refuse_too_large(needed, free)
    jobs = min(jobs, len(plan.todo))
    fits = max(1, int(free // (needed.total + WORKER_BYTES)))
    if fits < jobs:
        print(f"{megabytes(free)} of memory are free: {fits} workers in place of {jobs}")
        jobs = fits
    print(f"{needed.text()}; {jobs} workers, each with {megabytes(WORKER_BYTES)} beside")
    print(f"expected: about {duration(plan.seconds / jobs)} once compiled", flush=True)
    return jobs


WORKER_BYTES = 400_000_000
"""Of a worker process beside its machine: interpreter, compiler, compiled pairs."""


def _run(plan: Plan, store: Store, folder: Path, jobs: int) -> int:
    from reclaim.cli.sweep_progress import shown
    from reclaim.sweep.execute import execute

    try:
        with shown(len(plan.todo)) as report:
            summary = execute(plan, store, folder, jobs, report)
    except ReclaimError as error:
        raise type(error)(
            f"{error}\nThe sweep stopped; what is stored stays, and the same command goes on there."
        ) from None
    _print_summary(summary, folder)
    store.compact()
    return 1 if summary.failures else 0


def _print_summary(summary: Summary, folder: Path) -> None:
    from reclaim.sweep.words import duration

    rate = summary.accesses / max(summary.seconds, 1e-9)
    print(
        f"{summary.done:,} runs done, {len(summary.failures):,} failed, in "
        f"{duration(summary.seconds)} ({rate / 1e6:.3g} M accesses/s); results in {folder}"
    )
    # One mistake in a plugin fails hundreds of runs alike.
    alike: dict[str, list[Failure]] = {}
    for failure in summary.failures:
        alike.setdefault(failure.message, []).append(failure)
    for message, failures in list(alike.items())[:SHOWN_FAILURES]:
        more = f" and {len(failures) - 1:,} more" if len(failures) > 1 else ""
        print(f"failed: {failures[0].task.cell.label}{more}: {message}\n  {failures[0].command}")
    if (more_kinds := len(alike) - SHOWN_FAILURES) > 0:
        print(f"... and {more_kinds:,} further messages; the records have them")
