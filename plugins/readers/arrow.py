"""Trace files: Arrow IPC and Parquet.

Four columns, `asid`, `vpn`, `op`, `nr`, and a header with the events. A table without the header,
as pandas or polars write it, is read as a page list.

Source: docs/reference/trace-file.md.
"""

from __future__ import annotations

from reclaim.api import TraceReader, hookimpl


class Arrow(TraceReader):
    """Memory-mapped where the file is not compressed."""

    name = "arrow"
    summary = "trace files: Arrow IPC (mapped or zstd) and Parquet"
    source = "docs/reference/trace-file.md"
    suffixes = (".arrow", ".feather", ".ipc", ".parquet")

    def detect(self, path, head):
        return self.formats["arrow"].detect(path, head)

    def read(self, path):
        return self.formats["arrow"].read(path)


@hookimpl
def reclaim_register_readers(register):
    register(Arrow)
