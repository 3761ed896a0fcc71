"""A bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Advance = Callable[[int, int], None]
Report = Callable[[int, Any], Advance | None]


@contextmanager
def progress(nr_runs: int) -> Iterator[Report]:
    """Show how far some runs are.

    Parameters
    ----------
    nr_runs : int
        Runs that will be done.

    Yields
    ------
    callable
        Takes the index and the spec of a run, returns its ``(done, total)`` callback or None.
    """
    with steps(nr_runs) as begins:

        def report(_index: int, spec: Any) -> Advance | None:
            return begins(f"{spec.policy.cls.name} / {spec.rmap.label} / {spec.frames}")

        yield report


@contextmanager
def steps(nr: int) -> Iterator[Callable[[str], Advance | None]]:
    """Show how many of some steps are done.

    Parameters
    ----------
    nr : int
        Steps that there will be.

    Yields
    ------
    callable
        Takes what begins now, returns its ``(done, total)`` callback or None.
    """
    if not sys.stderr.isatty():
        yield lambda _what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=float(nr))
        begun = 0

        def begins(what: str) -> Advance:
            nonlocal begun
            index, begun = begun, begun + 1
            bar.update(task, description=f"{begun} of {nr}  {what}", completed=index)

            def advance(done: int, total: int) -> None:
                bar.update(task, completed=index + done / max(1, total))

            return advance

        yield begins
