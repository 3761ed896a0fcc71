"""Trace files: Arrow IPC and Parquet, read and written.

An uncompressed Arrow file is memory-mapped: its columns are used where they lie, so a trace larger
than memory streams through `batches`. Compressed Arrow and Parquet are decoded batch by batch.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.errors import TraceError, located
from reclaim.trace.header import KEY, Header
from reclaim.trace.model import BATCH_ROWS, COLUMN_DTYPES, COLUMNS, MAX_NR, Batch, Trace, TraceMeta
from reclaim.trace.pagelist import OP_WORDS
from reclaim.trace.pages import check_column, from_pages

if TYPE_CHECKING:
    import pyarrow

ARROW_MAGIC = b"ARROW1"
PARQUET_MAGIC = b"PAR1"

_MAP_NORESERVE = 0x4000


class StoredTrace(Trace):
    """A trace in a file, read as far as it is used.

    Parameters
    ----------
    path : str or Path
        An Arrow IPC or Parquet file with the four columns and a header.
    checked : bool
        Whether somebody has read it to the end already, and found every value in its range.

    Raises
    ------
    TraceError
        If the file is missing, cut off, or not a trace.

    Notes
    -----
    `asid`, `vpn`, `op` and `nr` are loaded at first use; where the file is one uncompressed Arrow
    batch they are views of the mapped file.
    """

    def __init__(self, path: str | Path, checked: bool = False) -> None:
        self._source = _open(path)
        header = Header(path, self._source.header or b"{}")
        # A frozen dataclass sets its fields through object, and so must its subclass.
        values = {"events": header.events, "meta": header.meta, **header.names}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._header = header
        self._checked = checked
        self._check_events()

    @property
    def nr_rows(self) -> int:
        """Access rows."""
        return self._source.nr_rows

    @cached_property
    def _accesses(self) -> int:
        known = self._header.values.get("nr_accesses")
        if isinstance(known, int):
            return known
        return sum(int(batch.nr.sum(dtype=np.int64)) for batch in self.batches())

    @property
    def nr_accesses(self) -> int:
        """Accesses, repeats included."""
        return self._accesses

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield the access rows in order, at most `rows` at a time.

        Raises
        ------
        TraceError
            If a value is out of its range, with its row.
        """
        start = 0
        for columns in self._source.batches():
            if not self._checked:
                self._check_batch(columns, start)
            size = len(columns[1])
            for first in range(0, size, rows):
                part = [column[first : first + rows] for column in columns]
                yield Batch(start + first, *part)
            start += size
        # Whoever runs the trace again need not look at every value again.
        self._checked = True

    @cached_property
    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        batches = list(self.batches(rows=max(self.nr_rows, 1)))
        if len(batches) == 1:
            return batches[0][1:]
        return tuple(
            np.concatenate([b[i + 1] for b in batches]) if batches else np.zeros(0, dtype)
            for i, dtype in enumerate(COLUMN_DTYPES)
        )

    # The columns are fields of a Trace; here they are loaded when asked for.
    @property
    def asid(self) -> npt.NDArray[np.int32]:
        """Address space of each row: the whole column."""
        return self._columns[0]

    @property
    def vpn(self) -> npt.NDArray[np.int64]:
        """Page number of each row: the whole column."""
        return self._columns[1]

    @property
    def op(self) -> npt.NDArray[np.uint8]:
        """Operation of each row: the whole column."""
        return self._columns[2]

    @property
    def nr(self) -> npt.NDArray[np.int32]:
        """Repeat count of each row: the whole column."""
        return self._columns[3]

    @property
    def mapped(self) -> bool:
        """Whether rows are used where they lie in the file, so that processes share them."""
        return self._source.mapped

    def _check_batch(self, columns: tuple[npt.NDArray[Any], ...], start: int) -> None:
        highs = (max(len(self.spaces) - 1, 0), ids.MAX_VPN - 1, len(ids.OP_NAMES) - 1, MAX_NR)
        for name, column, high in zip(COLUMNS, columns, highs, strict=True):
            low = 1 if name == "nr" else 0
            if len(column) and not low <= int(column.min()) <= int(column.max()) <= high:
                _locate(self.meta.path, start, name, column, low, high)

    def _check_events(self) -> None:
        if len(self.events) and int(self.events["position"][-1]) > self.nr_rows:
            text = f"an event has a position behind the last of {self.nr_rows} rows."
            raise TraceError(located(self.meta.path, None, text))


def _locate(
    path: str, start: int, name: str, column: npt.NDArray[Any], low: int, high: int
) -> None:
    """Raise a TraceError that names the row and the value that is out of range."""
    row = int(np.flatnonzero((column < low) | (column > high))[0])
    text = f"row {start + row + 1}: {name} {int(column[row])} is not in {low} .. {high}."
    raise TraceError(located(path, None, text))


def read_trace_file(path: str | Path) -> Trace:
    """Return the trace of an Arrow IPC or Parquet file.

    A table without the ``reclaim.trace`` header, as pandas or polars write it, is a page list: a
    column `vpn` (or `page`), and `op`, `asid`, `nr` where it has them.

    Raises
    ------
    TraceError
        One line: the file is missing, cut off, damaged, or has no such column.
    """
    source = _open(path)
    if source.header is not None:
        return StoredTrace(path)
    columns: dict[str, Any] = source.plain_columns()
    if "vpn" not in columns:
        names = ", ".join(source.names) or "none"
        raise TraceError(located(path, None, f"has no column 'vpn' or 'page'; it has {names}."))
    try:
        values = {name: _integers(name, column) for name, column in columns.items()}
        return from_pages(**values, meta=TraceMeta(source="pages", path=str(path)))
    except TraceError as error:
        raise TraceError(located(path, None, str(error))) from None


def _integers(name: str, column: Any) -> npt.NDArray[np.int64]:
    """Return a column of a user's table as int64; ops may be words."""
    import pyarrow as pa

    if column.null_count:
        raise TraceError(f"column {name} has {column.null_count} empty cells.")
    if name == "op" and not pa.types.is_integer(column.type):
        words = [str(word).strip().lower() for word in column.to_pylist()]
        for row, word in enumerate(words, start=1):
            if word not in OP_WORDS:
                raise TraceError(f"row {row}: op '{word}' is none of r, w, x.")
        return np.array([OP_WORDS[word] for word in words], dtype=np.int64)
    if not pa.types.is_integer(column.type):
        raise TraceError(f"column {name} is of type {column.type}, not of integers.")
    values = column.to_numpy()
    if values.dtype == np.uint64 and len(values):
        check_column(name, np.minimum(values, 1 << 62).astype(np.int64), 0, ids.MAX_VPN - 1)
    return np.asarray(values, dtype=np.int64)


class _Source:
    """An opened file: its schema, and its columns batch by batch."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.schema: pyarrow.Schema

    @property
    def header(self) -> bytes | None:
        metadata = self.schema.metadata or {}
        return metadata.get(KEY)

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.schema.names]

    @cached_property
    def nr_rows(self) -> int:
        raise NotImplementedError

    def batches(self) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        """Yield (asid, vpn, op, nr) of each stored batch."""
        for batch in self._stored():
            yield tuple(self._array(batch, i) for i in range(len(COLUMNS)))

    def plain_columns(self) -> dict[str, Any]:
        """Return the known columns of a table without a header."""
        known = {"vpn": "vpn", "page": "vpn", "op": "op", "asid": "asid", "nr": "nr"}
        wanted = [name for name in self.names if name in known]
        return {known[name]: self.table(wanted)[name].combine_chunks() for name in wanted}

    @property
    def mapped(self) -> bool:
        """Whether the columns are views of the file."""
        return False

    def table(self, names: list[str]) -> Any:
        raise NotImplementedError

    def _stored(self) -> Iterator[Any]:
        raise NotImplementedError

    def _array(self, batch: Any, i: int) -> npt.NDArray[Any]:
        name, dtype = COLUMNS[i], COLUMN_DTYPES[i]
        try:
            column = batch.column(name)
            values = column.to_numpy(zero_copy_only=False)
            # A copy, because what Arrow lends may not be written, and read-only is another type.
            return np.array(values, dtype=dtype) if column.null_count == 0 else self._nulls(name)
        except KeyError:
            raise TraceError(located(self.path, None, f"has no column '{name}'.")) from None

    def _nulls(self, name: str) -> npt.NDArray[Any]:
        raise TraceError(located(self.path, None, f"column {name} has empty cells."))


class _ArrowSource(_Source):
    """An Arrow IPC file, mapped."""

    def __init__(self, path: str | Path) -> None:
        import pyarrow as pa

        super().__init__(path)
        with Path(path).open("rb") as file:
            # A private writable map: pages are shared with the file until somebody writes, and the
            # arrays are of the same type as those in memory.
            self._map = mmap.mmap(
                file.fileno(),
                0,
                flags=mmap.MAP_PRIVATE | _MAP_NORESERVE,
                prot=mmap.PROT_READ | mmap.PROT_WRITE,
            )
        buffer = pa.py_buffer(self._map)
        self._base = buffer.address
        self._file = pa.ipc.open_file(pa.BufferReader(buffer))
        self.schema = self._file.schema

    @cached_property
    def nr_rows(self) -> int:
        return sum(batch.num_rows for batch in self._stored())

    def _stored(self) -> Iterator[Any]:
        for i in range(self._file.num_record_batches):
            yield self._file.get_batch(i)

    def table(self, names: list[str]) -> Any:
        return self._file.read_all().select(names)

    @property
    def mapped(self) -> bool:
        """Whether the first batch, as stored, lies in the map; compressed ones do not."""
        first = next(self.batches(), None)
        return first is None or all(not column.flags.owndata for column in first)

    def _array(self, batch: Any, i: int) -> npt.NDArray[Any]:
        dtype = np.dtype(COLUMN_DTYPES[i])
        if COLUMNS[i] not in batch.schema.names:
            return super()._array(batch, i)
        column = batch.column(COLUMNS[i])
        if column.null_count or not len(column) or column.type.to_pandas_dtype() != dtype.type:
            return super()._array(batch, i)
        start = column.buffers()[1].address - self._base + column.offset * dtype.itemsize
        if not 0 <= start < len(self._map):  # decompressed elsewhere
            return super()._array(batch, i)
        return np.frombuffer(self._map, dtype, count=len(column), offset=start)


class _ParquetSource(_Source):
    """A Parquet file, decoded in batches."""

    def __init__(self, path: str | Path) -> None:
        import pyarrow.parquet as pq

        super().__init__(path)
        self._file = pq.ParquetFile(path)
        self.schema = self._file.schema_arrow

    @cached_property
    def nr_rows(self) -> int:
        return int(self._file.metadata.num_rows)

    def _stored(self) -> Iterator[Any]:
        yield from self._file.iter_batches(batch_size=BATCH_ROWS)

    def table(self, names: list[str]) -> Any:
        return self._file.read(names)


def _open(path: str | Path) -> _Source:
    import pyarrow as pa

    try:
        with Path(path).open("rb") as file:
            head = file.read(8)
        if head.startswith(ARROW_MAGIC):
            return _ArrowSource(path)
        if head.startswith(PARQUET_MAGIC):
            return _ParquetSource(path)
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno:
            text = f"cannot read it: {error.strerror}."
        else:
            text = "the file is cut off or damaged: its end is missing."
        raise TraceError(located(path, None, text)) from None
    raise TraceError(located(path, None, "is neither an Arrow IPC nor a Parquet file."))
