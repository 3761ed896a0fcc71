"""Options that several commands share, and what becomes of their texts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reclaim.config.resolve import Overrides

CONFIG = "YAML file, or the name of a shipped config such as first-run."

ConfigArgument = Annotated[str, typer.Argument(help=CONFIG, metavar="CONFIG")]
TraceOption = Annotated[
    str | None,
    typer.Option("--trace", metavar="NAME", help="Run this file, sample or workload instead."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, as in pressure.mode=limit."),
]
PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="A,B", help="Only these policies.")
]
RmapOption = Annotated[
    str | None, typer.Option("--rmap", metavar="X,Y", help="Only these rmap strategies.")
]
FramesOption = Annotated[
    str | None, typer.Option("--frames", metavar="N|P%,...", help="These memory sizes.")
]
PluginsOption = Annotated[
    list[str] | None,
    typer.Option("--plugins", metavar="PATH", help="Also load this plugin file or folder."),
]
ReaderOption = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="Read with this reader.")
]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Accept a log that is cut off, up to the cut.")
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Set a workload's parameter."),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of what a workload does at random.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Leave nothing out of the tables.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def words(text: str | None) -> tuple[str, ...]:
    """Return the parts of a comma-separated option."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def overrides(
    *,
    trace: str | None = None,
    policy: str | None = None,
    rmap: str | None = None,
    frames: str | None = None,
    workload: str | None = None,
    plugins: Iterable[str] | None = None,
    settings: Iterable[str] | None = None,
    partial: bool = False,
) -> Overrides:
    """Return what the options say about the config."""
    from reclaim.config.resolve import Overrides, parse_settings

    changes = parse_settings(settings or ())
    if partial:
        changes["trace.options.partial"] = True
    return Overrides(
        trace=trace,
        policies=words(policy),
        rmaps=words(rmap),
        frames=words(frames),
        workloads=words(workload),
        plugins=tuple(plugins or ()),
        settings=changes,
    )


def set_lane(interpret: bool, boundscheck: bool, traceback: bool) -> None:
    """Settle how kernels run and fail; must come before anything imports them."""
    if interpret:
        os.environ["RECLAIM_INTERPRET"] = "1"
    if boundscheck:
        os.environ["RECLAIM_BOUNDSCHECK"] = "1"
    if traceback:
        os.environ["RECLAIM_TRACEBACK"] = "1"
