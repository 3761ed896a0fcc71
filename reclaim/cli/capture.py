"""`reclaim capture`: record the page trace of a real program and its children."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from reclaim.errors import ReclaimError

if TYPE_CHECKING:
    from reclaim.capture import CaptureProgress


def capture(
    context: typer.Context,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Trace file to write (*.arrow).")
    ],
    fold_window: Annotated[
        int, typer.Option(min=1, help="Fold touches of the last so many pages of a process.")
    ] = 1,
    quantum: Annotated[
        int, typer.Option(min=1, help="Rows of one process before the next one runs.")
    ] = 1000,
    zstd: Annotated[
        bool, typer.Option("--zstd", help="Compress the file; it cannot be mapped then.")
    ] = False,
) -> None:
    """Record a program and its children: reclaim capture -o FILE -- COMMAND ARGS..."""
    if not context.args:
        raise ReclaimError(
            "capture: name the command to record, as in reclaim capture -o my.arrow -- make -j4"
        )
    from reclaim.capture import capture as record

    with _progress() as progress:
        result = record(
            context.args,
            output,
            fold_window=fold_window,
            quantum=quantum,
            compression="zstd" if zstd else "none",
            progress=progress,
        )
    trace = result.trace
    # stdout belongs to the recorded command.
    print(
        f"{output}: {trace.nr_accesses:,} accesses in {trace.nr_rows:,} rows of "
        f"{len(trace.spaces)} address spaces, recorded in {result.seconds:.1f} s",
        file=sys.stderr,
    )
    if result.stopped:
        print(
            f"reclaim: the recording was ended early ({result.stopped}); {output} holds what was "
            "recorded until then",
            file=sys.stderr,
        )
    if result.stopped == "interrupted":
        raise typer.Exit(130)
    if result.exit_code:
        print(f"reclaim: the command ended with exit code {result.exit_code}", file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[CaptureProgress], None] | None]:
    """Keep one line up to date on a terminal; say nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return

    def report(now: CaptureProgress) -> None:
        print(f"\r{_words(now)}\x1b[K", end="", file=sys.stderr, flush=True)

    yield report
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _words(now: CaptureProgress) -> str:
    return (
        f"{now.seconds:.0f} s, {now.rows:,} rows from {now.log_bytes / 1e6:.0f} MB of log, "
        f"{now.running} of {now.processes} processes running"
    )
