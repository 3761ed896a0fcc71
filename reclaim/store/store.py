"""The store: records of runs in a folder, appended by any number of processes at once.

Nothing is ever changed in place. A record is a new file; merging writes a file that holds what
several held, and removes those only when the new one is on disk. A kill at any moment therefore
leaves each record in one file or in two, and readers count it once.
"""

from __future__ import annotations

import heapq
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reclaim.errors import StoreError, nearest
from reclaim.store import columns as c
from reclaim.store import files
from reclaim.store.catalogue import INBOX, RUNS, Catalogue, Part, catalogue
from reclaim.store.files import Key, UnreadableError
from reclaim.store.query import query

Record = dict[str, Any]
T = TypeVar("T")

FULL_ROWS = 5000
"""A merged file of so many records is let be: merging costs the same however many there are."""

_TRIES = 20
_BATCH = 128


class Store:
    """Records of runs in a folder.

    Parameters
    ----------
    path : str or Path
        The folder.
    create : bool
        Make it if it does not exist; otherwise that is an error.

    Attributes
    ----------
    warnings : list of str
        Files that were skipped so far, each with its reason.

    Raises
    ------
    StoreError
        The folder cannot be made, or is not a store.
    """

    def __init__(self, path: str | Path, create: bool = True) -> None:
        self.path = Path(path)
        self._skipped: dict[Path, str] = {}
        self._damaged: dict[Path, str] = {}
        self._last_stamp = 0
        if create:
            self._create()
        elif not self.path.is_dir():
            raise StoreError(f"{self.path}: no such folder. Expected one that holds results.")
        elif not any((self.path / name).is_dir() for name in (INBOX, RUNS)):
            raise StoreError(
                f"{self.path}: holds no results: expected the folders {INBOX}/ and {RUNS}/ in it."
            )

    def _create(self) -> None:
        try:
            for name in (INBOX, RUNS):
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be made a store of results: {error.strerror}."
            ) from error

    @property
    def warnings(self) -> list[str]:
        """Files that were skipped so far, each with its reason."""
        return [
            f"{path}: skipped: {reason}."
            for path, reason in (self._skipped | self._damaged).items()
        ]

    # Writing

    def append(self, record: Mapping[str, Any]) -> None:
        """Put a record into the store; it is on disk when this returns.

        Parameters
        ----------
        record : mapping
            JSON values; ``identity`` is 64 hex digits, ``status`` "done" or "failed". A record of
            an identity that is there already takes its place.

        Raises
        ------
        StoreError
            It is not a record, or cannot be written. The store is as it was before.
        """
        identity, status = record.get("identity"), record.get("status")
        if not isinstance(identity, str) or not re.fullmatch(r"[0-9a-f]{64}", identity):
            raise StoreError(f"a record's identity is 64 hex digits, not {identity!r}.")
        if status not in files.STATUSES:
            raise StoreError(f"a record's status is one of 'done', 'failed', not {status!r}.")
        try:
            text = json.dumps(record, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise StoreError(f"a record holds JSON values only: {error}.") from None
        try:
            # What does not fit its column would spoil every table of the store from then on.
            c.build([c.flatten(json.loads(text))], [0], [text])
        except (pa.ArrowException, ArithmeticError, AttributeError, TypeError) as error:
            raise StoreError(f"a record does not fit the columns of results: {error}.") from None
        key = Key(identity, status, self._stamp())
        files.write(self.path / INBOX / files.inbox_name(key), files.one_record(key, text))

    def compact(self) -> None:
        """Merge the inbox, and merged files that are still small, into one file.

        May be killed at any moment, and may run in several processes at once: a file is removed
        only when all that counts in it is in others on disk. What cannot be read stays where it is.

        Raises
        ------
        StoreError
            The merged file cannot be written. The store is as it was before.
        """
        self._settled(self._compact)
        for name in (INBOX, RUNS):
            files.drop_abandoned(self.path / name)

    def _compact(self, found: Catalogue) -> None:
        small = Catalogue([p for p in found.parts if not p.merged or len(p.keys) < FULL_ROWS])
        if len(small.parts) <= 1 and all(part.merged for part in small.parts):
            return
        kept = dict(zip((part.path for part in found.parts), found.rows(), strict=True))
        merged = _table(small.parts, [kept[part.path] for part in small.parts], lambda _name: True)
        name = f"{self._stamp():019d}-{os.getpid()}.parquet"
        files.write(self.path / RUNS / name, files.encode(merged))
        for part in small.parts:
            part.path.unlink(missing_ok=True)

    def _stamp(self) -> int:
        # Later calls have later stamps, even where the clock is set back or coarse.
        self._last_stamp = max(time.time_ns(), self._last_stamp + 1)
        return self._last_stamp

    # Reading

    def identities(self, status: str | None = None) -> dict[str, str]:
        """Return the status of each identity that the store holds.

        Parameters
        ----------
        status : str, optional
            Only those that are "done", or "failed".
        """
        found = self._settled(lambda listed: listed.current())
        return {
            identity: key.status
            for identity, (key, _part, _row) in found.items()
            if status is None or key.status == status
        }

    def records(self, where: str | None = None) -> Iterator[Record]:
        """Yield the records in order, however they came into the store.

        Parameters
        ----------
        where : str, optional
            A condition in SQL on the view's columns: ``"policy = 'clock' and frames > 100"``.

        Raises
        ------
        StoreError
            The condition is not one.
        """
        wanted = None if where is None else set(self._where(where).to_pylist())
        streams = self._settled(self._streams)
        for _order, record in heapq.merge(*streams, key=lambda pair: pair[0]):
            if wanted is None or record["identity"] in wanted:
                yield record

    def _where(self, condition: str) -> pa.ChunkedArray:
        return self.query(f"select identity from runs where {condition}")["identity"]

    def _streams(self, found: Catalogue) -> list[Iterator[_Ordered]]:
        """Return each file's records, ordered: merged files are, and the inbox is put in order."""
        streams: list[Iterator[_Ordered]] = []
        inbox: list[_Ordered] = []
        for part, rows in zip(found.parts, found.rows(), strict=True):
            if part.merged:
                # Opened now: the file may be merged, and removed, before it is read.
                streams.append(self._stream(part.path, files.open_file(part.path), set(rows)))
            elif rows:
                inbox.append(_ordered(_only(part.path)[0]))
        inbox.sort(key=lambda pair: pair[0])
        return [*streams, iter(inbox)]

    def _stream(self, path: Path, file: pq.ParquetFile, rows: set[int]) -> Iterator[_Ordered]:
        row = 0
        try:
            for batch in files.batches(path, file, _BATCH):
                for text in batch.column(c.RECORD):
                    if row in rows:
                        yield _ordered(json.loads(text.as_py()))
                    row += 1
        except UnreadableError as error:
            self._skipped[error.path] = error.reason

    def table(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Return the records as an Arrow table, one flat row each, in order.

        Parameters
        ----------
        columns : sequence of str, optional
            Only these; all but ``record``, which holds whole records as JSON text, if not given.
            A counter is a column only where some run has finished.
        where : str, optional
            A condition in SQL on the view's columns.

        Raises
        ------
        StoreError
            There is no such column, or the condition is not one.
        """
        wanted = None if columns is None else {*columns, *c.ORDER}

        def accepts(name: str) -> bool:
            return name not in (c.RECORD, c.STAMP) if wanted is None else name in wanted

        wanted_rows = None if where is None else self._where(where)
        whole = self._settled(lambda found: _table(found.parts, found.rows(), accepts))
        if wanted_rows is not None:
            whole = whole.filter(pc.is_in(whole["identity"], wanted_rows))
        if columns is None:
            return whole
        if unknown := [name for name in columns if name not in whole.column_names]:
            valid = self.table().column_names
            raise StoreError(
                f"no column '{unknown[0]}' in {self.path}.{nearest(unknown[0], valid)}"
            )
        return whole.select(list(columns))

    def query(self, sql: str) -> pa.Table:
        """Ask a question in SQL; the view is called `runs`.

        Parameters
        ----------
        sql : str
            A statement as DuckDB understands it.

        Raises
        ------
        StoreError
            DuckDB does not understand it; the message is DuckDB's.
        """
        return self.queries([sql])[0]

    def queries(self, sqls: Sequence[str]) -> list[pa.Table]:
        """Ask several questions of the same state, which is found out once.

        Parameters
        ----------
        sqls : sequence of str
            Statements as `query` takes them.

        Raises
        ------
        StoreError
            DuckDB does not understand one of them.
        """
        return self._settled(lambda found: query(sqls, found, _inbox_table(found)))

    def _settled(self, act: Callable[[Catalogue], T]) -> T:
        """Do something with what the store holds, again if files are merged meanwhile.

        A file that turns out to be damaged is left out from then on, so that an earlier record of
        the same identity counts.
        """
        tries = 0
        while True:
            try:
                found = catalogue(self.path, self._damaged)
                answer = act(found)
            except FileNotFoundError:
                tries += 1
                if tries == _TRIES:
                    raise
            except UnreadableError as error:
                self._damaged[error.path] = error.reason
            else:
                self._skipped |= found.skipped
                return answer


_Ordered = tuple[tuple[Any, ...], Record]


def _only(path: Path) -> tuple[Record, str]:
    """Return the one record of an inbox file, and its JSON text.

    Raises
    ------
    UnreadableError
        There is none.
    """
    texts = files.read(path, lambda name: name == c.RECORD)[c.RECORD]
    try:
        text: str = texts[0].as_py()
        return json.loads(text), text
    except (IndexError, TypeError, ValueError) as error:
        raise UnreadableError(path, f"holds no record ({error})") from None


def _ordered(record: Record) -> _Ordered:
    return c.order_of(record), record


def _table(
    parts: Sequence[Part], kept: Sequence[Sequence[int]], accepts: Callable[[str], bool]
) -> pa.Table:
    """Return some rows of each file as one table, ordered, with the columns that are accepted."""
    fresh, stamps, texts, tables = [], [], [], []
    for part, rows in zip(parts, kept, strict=True):
        if not rows:
            continue
        if part.merged:
            table = files.read(part.path, accepts)
            tables.append(table if len(rows) == len(part.keys) else table.take(pa.array(rows)))
        else:
            record, text = _only(part.path)
            fresh.append(c.flatten(record))
            texts.append(text)
            stamps.append(part.keys[0].stamp)
    built = c.build(fresh, stamps, texts)
    built = built.select([name for name in built.column_names if accepts(name)])
    return c.in_order(c.joined([built, *tables]))


def _inbox_table(found: Catalogue) -> pa.Table:
    alone = [(p, rows) for p, rows in zip(found.parts, found.rows(), strict=True) if not p.merged]
    return _table([p for p, _rows in alone], [rows for _p, rows in alone], lambda _name: True)
