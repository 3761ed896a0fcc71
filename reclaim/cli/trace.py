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

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A trace of any known format.")]


def _open(path: str, reader: str | None, partial: bool, plugins: list[str] | None) -> Trace:
    from reclaim.plugin.manager import load_plugins
    from reclaim.session import open_any

    registry = load_plugins([Path(one) for one in plugins or ()])
    return open_any(path, registry, reader, {"partial": True} if partial else {})


@app.command()
def info(
    file: FileArgument,
    reader: o.ReaderOption = None,
    partial: o.PartialOption = False,
    plugins: o.PluginsOption = None,
    json: o.JsonOption = False,
) -> None:
    """Say what a trace holds and where it comes from."""
    from dataclasses import asdict

    from reclaim.trace.statistics import statistics

    trace = _open(file, reader, partial, plugins)
    about = {"meta": asdict(trace.meta), **asdict(statistics(trace))}
    about["content_hash"] = trace.content_hash()
    about["space_names"], about["file_names"] = trace.spaces, trace.files
    about["marks"] = trace.marks
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
    for name, pages in zip(about["space_names"], about["pages_by_space"], strict=True):
        print(f"  {name:<24} {pages:,} pages")
    print(f"{'files':<14} {len(about['file_names'])}")
    events = ", ".join(f"{verb} {count:,}" for verb, count in about["events_by_verb"].items())
    print(f"{'events':<14} {events or 'none'}")
    implicit = meta["implicit_vmas"]
    if implicit:
        print(f"{'inferred VMAs':<14} {len(implicit)}")
    print(f"{'content hash':<14} {about['content_hash']}")


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A trace of any known format.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="*.arrow or *.parquet.")],
    zstd: Annotated[
        bool, typer.Option("--zstd", help="Compress an Arrow file; it cannot be mapped then.")
    ] = False,
    reader: o.ReaderOption = None,
    partial: o.PartialOption = False,
    plugins: o.PluginsOption = None,
) -> None:
    """Write a trace as a trace file."""
    from reclaim.errors import TraceError
    from reclaim.trace.writing import write_trace

    if Path(target).suffix not in (".arrow", ".parquet"):
        raise TraceError(f"{target}: a trace file is named *.arrow or *.parquet.")
    trace = _open(source, reader, partial, plugins)
    content_hash = write_trace(trace, target, "zstd" if zstd else "none")
    nr_bytes = Path(target).stat().st_size
    print(f"{target}: {trace.nr_rows:,} rows, {nr_bytes:,} bytes, content hash {content_hash}")


@app.command()
def head(
    file: FileArgument,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=0, help="Lines to print; 0: all of them.")
    ] = 20,
    reader: o.ReaderOption = None,
    partial: o.PartialOption = False,
    plugins: o.PluginsOption = None,
) -> None:
    """Print the beginning of a trace as an event script."""
    from itertools import islice

    from reclaim.cli.script_text import script_lines

    trace = _open(file, reader, partial, plugins)
    for line in islice(script_lines(trace), lines or None):
        print(line)
