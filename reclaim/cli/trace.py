"""`reclaim trace`: look into traces, and convert them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o

if TYPE_CHECKING:
    from reclaim.trace.model import Trace

app = typer.Typer(
    help="Look into traces, and convert them.", no_args_is_help=True, rich_markup_mode=None
)

# Address spaces that are listed one by one.
_MANY = 40

_WHICH = "A trace of any known format, or the name of a sample or workload."

TraceArgument = Annotated[str, typer.Argument(metavar="TRACE", help=_WHICH)]


def _open(
    path: str,
    reader: str | None,
    partial: bool,
    plugins: list[str] | None,
    params: list[str] | None,
    seed: int,
) -> Trace:
    from reclaim.config.resolve import parse_settings
    from reclaim.config.schema import TraceSection
    from reclaim.opening import open_section
    from reclaim.plugin.manager import load_plugins

    section = TraceSection(
        path=path,
        reader=reader,
        options={"partial": True} if partial else {},
        params=parse_settings(params or (), "--param", "children=1000"),
    )
    return open_section(section, load_plugins([Path(one) for one in plugins or ()]), seed)


@app.command()
def info(
    trace: TraceArgument,
    reader: o.ReaderOption = None,
    partial: o.PartialOption = False,
    param: o.ParamOption = None,
    seed: o.SeedOption = 0,
    plugins: o.PluginsOption = None,
    json: o.JsonOption = False,
) -> None:
    """Say what a trace holds and where it comes from."""
    from dataclasses import asdict

    from reclaim.trace.statistics import statistics

    opened = _open(trace, reader, partial, plugins, param, seed)
    about = {"meta": asdict(opened.meta), **asdict(statistics(opened))}
    about["content_hash"] = opened.content_hash()
    about["space_names"], about["file_names"] = opened.spaces, opened.files
    about["marks"] = opened.marks
    if json:
        import json as writer

        print(writer.dumps(about, indent=2))
        return
    _print_info(about)


def _print_info(about: dict[str, Any]) -> None:
    meta = about["meta"]
    for key in ("source", "command", "tool", "sampling", "interleaving", "page_size"):
        if meta[key] != "":
            unit = " bytes" if key == "page_size" else ""
            print(f"{key.replace('_', ' '):<14} {meta[key]}{unit}")
    print(f"{'accesses':<14} {about['accesses']:,} in {about['rows']:,} rows")
    for op, count in about["accesses_by_op"].items():
        print(f"  {op:<12} {count:,}")
    print(f"{'pages':<14} {about['touched_pages']:,} touched ({about['footprint_bytes']:,} bytes)")
    print(f"{'leaf tables':<14} {about['touched_leaves']:,}")
    print(f"{'spaces':<14} {about['spaces']}")
    by_space = list(zip(about["space_names"], about["pages_by_space"], strict=True))
    for name, pages in by_space[:_MANY]:
        print(f"  {name:<24} {pages:,} pages")
    if len(by_space) > _MANY:
        print(f"  ... and {len(by_space) - _MANY:,} more")
    print(f"{'files':<14} {len(about['file_names'])}")
    events = ", ".join(f"{verb} {count:,}" for verb, count in about["events_by_verb"].items())
    print(f"{'events':<14} {events or 'none'}")
    implicit = meta["implicit_vmas"]
    if implicit:
        print(f"{'inferred VMAs':<14} {len(implicit)}")
    print(f"{'content hash':<14} {about['content_hash']}")


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="FROM", help=_WHICH)],
    target: Annotated[str, typer.Argument(metavar="TO", help="*.arrow or *.parquet.")],
    zstd: Annotated[
        bool, typer.Option("--zstd", help="Compress an Arrow file; it cannot be mapped then.")
    ] = False,
    reader: o.ReaderOption = None,
    partial: o.PartialOption = False,
    param: o.ParamOption = None,
    seed: o.SeedOption = 0,
    plugins: o.PluginsOption = None,
) -> None:
    """Write a trace as a trace file."""
    from reclaim.errors import TraceError
    from reclaim.trace.writing import write_trace

    if Path(target).suffix not in (".arrow", ".parquet"):
        raise TraceError(f"{target}: a trace file is named *.arrow or *.parquet.")
    trace = _open(source, reader, partial, plugins, param, seed)
    content_hash = write_trace(trace, target, "zstd" if zstd else "none")
    nr_bytes = Path(target).stat().st_size
    print(f"{target}: {trace.nr_rows:,} rows, {nr_bytes:,} bytes, content hash {content_hash}")


@app.command()
def head(
    trace: TraceArgument,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=0, help="Lines to print; 0: all of them.")
    ] = 20,
    reader: o.ReaderOption = None,
    partial: o.PartialOption = False,
    param: o.ParamOption = None,
    seed: o.SeedOption = 0,
    plugins: o.PluginsOption = None,
) -> None:
    """Print the beginning of a trace as an event script."""
    from itertools import islice

    from reclaim.cli.script_text import script_lines

    opened = _open(trace, reader, partial, plugins, param, seed)
    for line in islice(script_lines(opened), lines or None):
        print(line)
