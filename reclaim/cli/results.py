"""`reclaim results` and `reclaim diff`: what a store holds, and what moved between two."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from reclaim.store import Store

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A folder with results.")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", metavar="CONDITION", help="Only runs that meet this, in SQL."),
]


def results(
    folder: FolderArgument,
    sql: Annotated[
        str | None, typer.Option("--sql", metavar="SELECT", help="Ask the view `runs` in SQL.")
    ] = None,
    where: WhereOption = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="POLICY", help="Compare misses with this one's.")
    ] = None,
    everything: o.AllOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values on stdout.")] = False,
    json: o.JsonOption = False,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write a Parquet file.")
    ] = None,
) -> None:
    """Show the results in a folder: a table of means, or what a question in SQL asks for."""
    if csv + json + (parquet is not None) > 1:
        raise ConfigError("--csv, --json and --parquet: one of them at a time.")
    if sql is not None and (where is not None or base is not None):
        raise ConfigError("--sql asks for itself: put the condition of --where into it.")
    if base is not None and (csv or json or parquet is not None):
        raise ConfigError("--base is for the table: it cannot be given with --csv, --json, ...")
    from reclaim.store import Store

    store = Store(folder, create=False)
    try:
        if sql is None and json:
            _dump_records(store, where)
        elif sql is None and not csv and parquet is None:
            from reclaim.cli.results_text import overview

            print(overview(store, where, base, everything))
        else:
            found = store.query(sql) if sql is not None else store.table(where=where)
            _give(found, csv=csv, json=json, parquet=parquet)
    finally:
        warn(store)


def diff(
    folder_a: Annotated[Path, typer.Argument(metavar="A", help="The base: a folder with results.")],
    folder_b: Annotated[Path, typer.Argument(metavar="B", help="What is compared with it.")],
    where: WhereOption = None,
    everything: o.AllOption = False,
    json: o.JsonOption = False,
) -> None:
    """Say what moved between two folders of results; exit code 1 if anything did."""
    from reclaim.results.diff import diff as compare
    from reclaim.store import Store

    stores = Store(folder_a, create=False), Store(folder_b, create=False)
    found = compare(*stores, where)
    if json:
        from reclaim.cli.results_text import diff_document

        _dump(diff_document(found))
    else:
        from reclaim.cli.results_text import diff_text

        print(diff_text(found, everything))
    for store in stores:
        warn(store)
    if not found.same:
        raise typer.Exit(1)


def warn(store: Store) -> None:
    """Name the files that were skipped, on stderr."""
    for warning in store.warnings:
        print(f"reclaim: warning: {warning}", file=sys.stderr)


def _give(found: pa.Table, *, csv: bool, json: bool, parquet: Path | None) -> None:
    if parquet is not None:
        _write_parquet(found, parquet)
    elif csv:
        _write_csv(found)
    elif json:
        _dump({"rows": found.to_pylist()})
    else:
        from reclaim.cli.results_text import answer

        print(answer(found))


def _write_parquet(found: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    try:
        pq.write_table(found, path, compression="zstd")
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"--parquet {path}: cannot be written: {why}.") from None


def _write_csv(found: pa.Table) -> None:
    import csv

    # Python's writer, since it takes values of any type, and quotes only what has to be.
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(found.column_names)
    for batch in found.to_batches(max_chunksize=1000):
        out.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _dump_records(store: Store, where: str | None) -> None:
    """Write the records one by one: all of them may be more than memory holds."""
    import json

    before = '{"runs": ['
    for record in store.records(where):
        sys.stdout.write(before)
        json.dump(record, sys.stdout, allow_nan=False)
        before = ",\n"
    print("]}" if before == ",\n" else '{"runs": []}')


def _dump(document: Any) -> None:
    import json

    from reclaim.cli.results_text import jsonable

    json.dump(jsonable(document), sys.stdout, allow_nan=False)
    print()
