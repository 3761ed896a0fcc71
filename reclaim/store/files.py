"""Files of a store: written whole or not at all, and read only when they are what they should be.

A record appended is a file of its own in ``inbox/``, whose name says all that planning needs;
merged ones are in ``runs/``, ordered, with a column for everything. Both are Parquet, with the
version of the store in their metadata.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from reclaim.errors import StoreError
from reclaim.store.columns import RECORD, STAMP

STORE_VERSION = 1
VERSION_KEY = b"reclaim.store_version"
STATUSES = ("done", "failed")

_NAME = re.compile(r"(\d{19,20})-([0-9a-f]{64})-(done|failed)-v(\d+)\.parquet")
_MAGIC = b"PAR1"
_ABANDONED_SECONDS = 3600.0
_ROW_GROUP = 1000


class Key(NamedTuple):
    """What names one record within a store."""

    identity: str
    status: str
    stamp: int


class UnreadableError(Exception):
    """A file of the store that is to be skipped.

    Parameters
    ----------
    path : Path
        Which.
    reason : str
        Why, as a message continues behind the path.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def inbox_name(key: Key) -> str:
    """Return the name of the file that holds one record."""
    return f"{key.stamp:019d}-{key.identity}-{key.status}-v{STORE_VERSION}.parquet"


def key_of(path: Path) -> Key:
    """Return what an inbox file's name says, after a look at the file's end.

    Raises
    ------
    UnreadableError
        It is not a record of this or an earlier version, or is cut off.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise UnreadableError(path, "not a file of a store")
    stamp, identity, status, version = match.groups()
    _check_version(path, int(version))
    _check_end(path)
    return Key(identity, status, int(stamp))


def _check_version(path: Path, version: int) -> None:
    if version > STORE_VERSION:
        raise UnreadableError(
            path,
            f"written by a newer reclaim (store version {version}; this one reads up to "
            f"{STORE_VERSION})",
        )


def _check_end(path: Path) -> None:
    """Refuse a file that was cut: Parquet ends with its footer, the footer's length, a word."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            end = file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from None
    if end[-4:] != _MAGIC or int.from_bytes(end[:4], "little") + 12 > size:
        raise UnreadableError(path, "truncated, or not Parquet")


def open_file(path: Path) -> pq.ParquetFile:
    """Open a file of a store, of this version or an earlier one.

    Raises
    ------
    UnreadableError
        It is damaged, foreign or newer.
    FileNotFoundError
        It has been merged into another since it was listed.
    """
    file = _parquet(path, lambda: pq.ParquetFile(path, page_checksum_verification=True))
    version = (file.schema_arrow.metadata or {}).get(VERSION_KEY)
    if version is None or not version.isdigit():
        raise UnreadableError(path, "not a file of a store")
    _check_version(path, int(version))
    if missing := {*Key._fields, RECORD} - set(file.schema_arrow.names):
        raise UnreadableError(path, f"has no column '{min(missing)}'")
    return file


def read(path: Path, columns: Callable[[str], bool] = lambda _name: True) -> pa.Table:
    """Return those columns of a file whose names `columns` accepts.

    Raises
    ------
    UnreadableError, FileNotFoundError
        As from `open_file`, or what it holds is damaged.
    """
    file = open_file(path)
    names = [name for name in file.schema_arrow.names if columns(name)]
    many = file.metadata.num_rows > 1  # handing one record to a thread takes longer than reading it
    table: pa.Table = _parquet(path, lambda: file.read(columns=names, use_threads=many))
    return table


def batches(path: Path, file: pq.ParquetFile, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the keys and texts of an open file's records, so many at a time.

    Raises
    ------
    UnreadableError
        What it holds is damaged.
    """
    found = file.iter_batches(batch_size=rows, columns=[*Key._fields, RECORD])
    while (batch := _parquet(path, lambda: next(found, None))) is not None:
        yield batch


def _parquet(path: Path, act: Callable[[], Any]) -> Any:
    """Do something with a Parquet file; what is wrong with it is an `UnreadableError`."""
    try:
        return act()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableError(path, f"truncated, or not Parquet ({first})") from None


def keys_of(path: Path) -> list[Key]:
    """Return what names each record of a merged file, in its order."""
    table = read(path, lambda name: name in Key._fields)
    columns = (table[name].to_pylist() for name in Key._fields)
    return [Key(*values) for values in zip(*columns, strict=True)]


def encode(table: pa.Table) -> pa.Buffer:
    """Return a table as the bytes of a Parquet file of this version."""
    marked = table.replace_schema_metadata({VERSION_KEY: str(STORE_VERSION).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(
        marked,
        sink,
        compression="zstd",
        row_group_size=_ROW_GROUP,
        write_page_checksum=True,
        # Records and stamps hardly repeat; a dictionary of them would only be dead weight.
        use_dictionary=[name for name in table.column_names if name not in (RECORD, STAMP)],
    )
    return sink.getvalue()


def one_record(key: Key, text: str) -> pa.Buffer:
    """Return the bytes of an inbox file."""
    columns: Mapping[str, Any] = {
        "identity": pa.array([key.identity]),
        "status": pa.array([key.status]),
        STAMP: pa.array([key.stamp], pa.int64()),
        RECORD: pa.array([text], pa.large_string()),
    }
    return encode(pa.table(columns))


def write(path: Path, data: pa.Buffer) -> None:
    """Write a file whole or not at all, and do not return before it is on disk.

    Raises
    ------
    StoreError
        It cannot be written; nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path.parent}: a record cannot be written: {error.strerror}. "
            "What was stored before is safe; make room there, or name another folder."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make names last; some file systems cannot, and need not, do so for a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def drop_abandoned(folder: Path) -> None:
    """Remove what writers that were killed have left half written."""
    before = time.time() - _ABANDONED_SECONDS
    for path in folder.glob(".*"):
        # Another process may be doing the same.
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()
