"""`reclaim capture`: record the page trace of a real program and its children."""

from __future__ import annotations

from typing import Annotated

import typer


def capture(
    context: typer.Context,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Trace file to write (*.arrow).")
    ],
) -> None:
    """Record a program: reclaim capture -o FILE -- COMMAND ARGS..."""
    from reclaim.errors import ReclaimError

    if not context.args:
        raise ReclaimError(
            "capture: name the command to record, as in reclaim capture -o my.arrow -- make -j4"
        )
    from reclaim.capture import capture as record

    raise typer.Exit(record(context.args, output))
