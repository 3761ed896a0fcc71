"""Writing trace files: Arrow IPC (mapped or compressed) and Parquet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reclaim.errors import TraceError, located
from reclaim.trace.header import KEY, pack
from reclaim.trace.model import BATCH_ROWS, COLUMN_DTYPES, COLUMNS, ContentHash, Trace

COMPRESSIONS = ("none", "zstd")
# Higher levels take a hundred times as long, for a tenth of the size at best.
ZSTD_LEVEL = 9


def write_trace(
    trace: Trace,
    path: str | Path,
    compression: str = "none",
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Write a trace and return its content hash.

    Parameters
    ----------
    trace : Trace
        What to write; a stored trace streams through, batch by batch.
    path : str or Path
        ``.parquet`` gives Parquet (always zstd); anything else Arrow IPC. An existing file is
        replaced when the new one is complete.
    compression : {"none", "zstd"}
        Of an Arrow file. "none" can be memory-mapped; "zstd" is small.
    progress : callable, optional
        Called with (rows written, rows in all).

    Raises
    ------
    TraceError
        If the file cannot be written.
    """
    content_hash, nr_accesses = _measure(trace)
    partial = Path(f"{path}.part")
    try:
        with _Sink(partial, Path(path), pack(trace, nr_accesses, content_hash), compression) as out:
            for batch in trace.batches(BATCH_ROWS):
                out.write_batch(_record_batch(out.schema, batch[1:]))
                if progress:
                    progress(batch.start + len(batch.vpn), trace.nr_rows)
        partial.replace(path)
    except OSError as error:
        raise TraceError(located(path, None, f"cannot write it: {error.strerror}.")) from None
    finally:
        partial.unlink(missing_ok=True)
    return content_hash


def _measure(trace: Trace) -> tuple[str, int]:
    """Return content hash and accesses: the schema stands before the rows, so they come first."""
    hasher, accesses = ContentHash(), 0
    for batch in trace.batches(BATCH_ROWS):
        hasher.add(batch)
        accesses += int(batch.nr.sum(dtype=np.int64))
    return hasher.finish(trace), accesses


class _Sink:
    """An Arrow or Parquet writer with `schema` and `write_batch`."""

    def __init__(self, partial: Path, target: Path, header: bytes, compression: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = list(zip(COLUMNS, COLUMN_DTYPES, strict=True))
        fields = [pa.field(name, pa.from_numpy_dtype(d), nullable=False) for name, d in columns]
        self.schema = pa.schema(fields, metadata={KEY: header})
        if target.suffix.lower() == ".parquet":
            self._writer: Any = pq.ParquetWriter(partial, self.schema, compression="zstd")
        else:
            kind = None if compression == "none" else compression
            options = pa.ipc.IpcWriteOptions(
                compression=pa.Codec(kind, ZSTD_LEVEL) if kind else None
            )
            self._writer = pa.ipc.new_file(str(partial), self.schema, options=options)

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write_batch(self, batch: Any) -> None:
        self._writer.write_batch(batch)


def _record_batch(schema: Any, columns: tuple[Any, ...]) -> Any:
    import pyarrow as pa

    arrays = [
        pa.array(np.ascontiguousarray(column, dtype=dtype))
        for column, dtype in zip(columns, COLUMN_DTYPES, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)
