"""A bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Report = Callable[[int, Any], Callable[[int, int], None] | None]


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
    if not sys.stderr.isatty():
        yield lambda _index, _spec: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=float(nr_runs))

        def report(index: int, spec: Any) -> Callable[[int, int], None]:
            name = f"{spec.policy.cls.name} / {spec.rmap.label} / {spec.frames}"
            bar.update(task, description=f"{index + 1} of {nr_runs}  {name}", completed=index)

            def advance(done: int, total: int) -> None:
                bar.update(task, completed=index + done / max(1, total))

            return advance

        yield report
