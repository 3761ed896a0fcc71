"""SQL over a store: DuckDB reads of the merged files the columns that a question needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from reclaim.errors import StoreError
from reclaim.store import columns as c
from reclaim.store.catalogue import Catalogue
from reclaim.store.files import read

if TYPE_CHECKING:
    import duckdb


def query(sqls: Sequence[str], found: Catalogue, inbox: pa.Table) -> list[pa.Table]:
    """Answer questions about the view `runs`.

    Parameters
    ----------
    sqls : sequence of str
        One statement each.
    found : Catalogue
        The files, and which of their rows count.
    inbox : pyarrow.Table
        The records that are not in merged files.

    Raises
    ------
    StoreError
        DuckDB does not understand the statement.
    FileNotFoundError, UnreadableError
        A file was merged into another meanwhile, or is damaged: ask again without it.
    """
    import duckdb

    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        _make_view(connection, found, inbox)
        try:
            return [_answer(connection, sql) for sql in sqls]
        except duckdb.Error as error:
            if not isinstance(error, _mistakes(duckdb)):
                _look_at_files(found)
            raise StoreError(f"the query was not understood: {_said(error)}") from None


def _mistakes(duckdb: Any) -> tuple[type[Exception], ...]:
    """Return the errors for which a question is to blame, whatever the files hold."""
    return duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException


def _look_at_files(found: Catalogue) -> None:
    """Raise what is wrong with a merged file: DuckDB does not say which it was."""
    for part in found.parts:
        if part.merged:
            read(part.path)


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    answer = connection.sql(sql)
    if answer is None:
        raise StoreError("the query gives no table: expected a SELECT on the view `runs`.")
    return _plain(answer.to_arrow_table())


def _said(error: Exception) -> str:
    """Return DuckDB's message as one line, without its picture of the place."""
    lines = str(error).partition("\nLINE ")[0].split("\n")
    return " ".join(line.strip() for line in lines if line.strip())


def _plain(table: pa.Table) -> pa.Table:
    """Return a table whose sums of whole numbers, 128 bits wide in DuckDB, are ordinary numbers."""
    for place, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            kind = pa.int64() if column.type.scale == 0 else pa.float64()
            try:
                values = table.column(place).cast(kind)
            except pa.ArrowInvalid:
                values = table.column(place).cast(pa.float64())
            table = table.set_column(place, column.name, values)
    return table


def _make_view(connection: duckdb.DuckDBPyConnection, found: Catalogue, inbox: pa.Table) -> None:
    connection.register("inbox_rows", inbox)
    merged = [
        (part, rows) for part, rows in zip(found.parts, found.rows(), strict=True) if part.merged
    ]
    if not merged:
        connection.execute(f"create view runs as select * exclude ({c.STAMP}) from inbox_rows")
        return
    paths = [str(part.path) for part, _rows in merged]
    stale: list[tuple[str, int]] = []
    for part, rows in merged:
        if len(rows) < len(part.keys):
            stale += [(str(part.path), row) for row in set(range(len(part.keys))) - set(rows)]
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    source = (
        f"read_parquet([{listed}], union_by_name = true, filename = true, file_row_number = true)"
    )
    if stale:
        connection.register(
            "stale_rows",
            pa.table(
                {
                    "filename": pa.array([path for path, _row in stale], pa.string()),
                    "file_row_number": pa.array([row for _path, row in stale], pa.int64()),
                }
            ),
        )
        source = f"{source} anti join stale_rows using (filename, file_row_number)"
    connection.execute(
        f"create view runs as select * exclude ({c.STAMP}) from ("
        f"select * exclude (filename, file_row_number) from {source} "
        "union all by name select * from inbox_rows)"
    )
