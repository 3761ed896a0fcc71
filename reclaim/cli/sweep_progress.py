"""How a sweep stands: a live display on a terminal, lines of a log elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reclaim.sweep.words import duration

if TYPE_CHECKING:
    from reclaim.sweep.execute import Progress, Report
    from reclaim.sweep.plan import Task

LINE_SECONDS = 10.0
"""Between two lines of the log."""


def state_line(state: Progress) -> str:
    """Return how a sweep stands, in one line."""
    left = state.seconds_left
    words = [
        f"{state.done + state.failed:,} of {state.total:,} runs",
        f"{state.failed:,} failed",
        f"{state.rate / 1e6:.3g} M accesses/s",
        f"{duration(state.elapsed)} gone",
    ]
    return ", ".join([*words, *([f"about {duration(left)} left"] if left is not None else [])])


def worker_lines(state: Progress) -> list[str]:
    """Return what each worker does."""
    lines = []
    for worker in sorted(state.workers, key=lambda w: w.number):
        doing = worker.doing
        if doing is None:
            what = "idle" if worker.ready else "starting"
        elif doing.running is None:
            what = f"{doing.task.cell.label}  compiling or loading"
        else:
            share = f"  {doing.share:.0%}" if doing.share else ""
            what = f"{doing.task.cell.label}  {duration(time.monotonic() - doing.running)}{share}"
        lines.append(f"  {worker.number}  {what}")
    return lines


@contextmanager
def shown(total: int) -> Iterator[Report]:
    """Show a sweep's progress while the body runs.

    Parameters
    ----------
    total : int
        Runs to do.

    Of failures that say the same the first is shown: one mistake in a plugin fails hundreds.

    Yields
    ------
    callable
        What `reclaim.sweep.execute.execute` reports to.
    """
    if not sys.stderr.isatty():
        yield _logger()
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def picture(state: Progress) -> Any:
        bar = ProgressBar(total=max(1, total), completed=state.done + state.failed, width=60)
        lines = [state_line(state), *worker_lines(state)]
        row = Table.grid()
        row.add_row(bar)
        return Group(row, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))

    console = Console(stderr=True)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        last = 0.0
        seen: set[str] = set()

        def report(state: Progress, task: Task | None, message: str | None) -> None:
            nonlocal last
            if task is not None and message is not None and message not in seen:
                seen.add(message)
                live.console.print(Text(f"failed: {task.cell.label}: {message}", style="red"))
            now = time.monotonic()
            if now - last > 0.1:  # often enough for eyes
                live.update(picture(state), refresh=True)
                last = now

        yield report


def _logger() -> Report:
    last = time.monotonic()
    seen: set[str] = set()

    def report(state: Progress, task: Task | None, message: str | None) -> None:
        nonlocal last
        if task is not None and message is not None and message not in seen:
            seen.add(message)
            print(f"failed: {task.cell.label}: {message}", file=sys.stderr, flush=True)
        now = time.monotonic()
        if now - last >= LINE_SECONDS:
            print(state_line(state), file=sys.stderr, flush=True)
            last = now

    return report
