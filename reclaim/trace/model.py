"""A trace in memory: accesses in columns, rare events beside them.

An access row is (asid, vpn, op, nr): one touch of a page, followed by nr - 1 more of the same page
by the same process that cannot fault. Rows are in the order in which they happened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reclaim.trace.events import EVENT_DTYPE, Events

COLUMNS = ("asid", "vpn", "op", "nr")
COLUMN_DTYPES: tuple[npt.DTypeLike, ...] = (np.int32, np.int64, np.uint8, np.int32)
MAX_NR = 2**31 - 1

BATCH_ROWS = 1 << 20
"""Rows of a batch where the caller does not say."""


class ImplicitVma(NamedTuple):
    """A mapping that the recorder did not see being made, inferred from touches."""

    space: int
    start: int
    npages: int
    reason: str


@dataclass(frozen=True)
class TraceMeta:
    """Where a trace comes from and how far it can be trusted.

    Parameters
    ----------
    page_size : int
        Bytes of a page.
    source : str
        Kind of input: "script", "pages", "lackey", "capture", "generated", ...
    command : str
        The command that was recorded, or the workload that was generated with its parameters.
    tool : str
        Program and version that recorded it.
    sampling : str
        "exact": every touch is in the trace; "sampled": a part of them.
    interleaving : str
        Rule by which the processes' streams were put in one order; "" where the order was given.
    fold_window : int
        Touches of the last `fold_window` distinct pages of a process were folded into their row; 1:
        only runs of touches of one page.
    implicit_vmas : tuple of ImplicitVma
        Mappings that were inferred, not seen.
    content_hash : str
        Hash of the content (`Trace.content_hash`) where it is stored with the trace, else "".
    path : str
        File that it was read from, for messages; not part of the content.
    extra : dict
        Anything else; JSON values.
    """

    page_size: int = 4096
    source: str = ""
    command: str = ""
    tool: str = ""
    sampling: str = "exact"
    interleaving: str = ""
    fold_window: int = 1
    implicit_vmas: tuple[ImplicitVma, ...] = ()
    content_hash: str = ""
    path: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class Batch(NamedTuple):
    """Consecutive access rows, the first of which is row `start` of the trace."""

    start: int
    asid: npt.NDArray[np.int32]
    vpn: npt.NDArray[np.int64]
    op: npt.NDArray[np.uint8]
    nr: npt.NDArray[np.int32]


def no_events() -> Events:
    """Return an empty array of events."""
    return np.zeros(0, dtype=EVENT_DTYPE)


@dataclass(frozen=True, eq=False)
class Trace:
    """A whole trace.

    Parameters
    ----------
    asid : (nr_rows,) int32
        Address space of each access; index into `spaces`.
    vpn : (nr_rows,) int64
        Page number, in pages, below `ids.MAX_VPN`.
    op : (nr_rows,) uint8
        `ids.READ`, `WRITE` or `EXECUTE`.
    nr : (nr_rows,) int32
        Repeat count, at least 1.
    events : (nr_events,) EVENT_DTYPE
        Rare events in order; `position` = access rows before the event.
    spaces : tuple of str
        Name of each address space, in order of creation. A name used again after `exit` is a new
        space.
    files : tuple of str
        Name of each file or shm object.
    file_is_shm : tuple of bool
        Whether that file id is a shm object.
    marks : tuple of str
        Names that MARK events index.
    expects : tuple of (str, str)
        Name and value (as written) that EXPECT events index.
    meta : TraceMeta
        Where it comes from.

    Notes
    -----
    A trace that is read from a file is a `reclaim.trace.stored.StoredTrace`: `nr_rows`, `events`
    and `batches` cost no memory there, while `asid`, `vpn`, `op` and `nr` load the whole column.
    """

    asid: npt.NDArray[np.int32]
    vpn: npt.NDArray[np.int64]
    op: npt.NDArray[np.uint8]
    nr: npt.NDArray[np.int32]
    events: Events = field(default_factory=no_events)
    spaces: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    file_is_shm: tuple[bool, ...] = ()
    marks: tuple[str, ...] = ()
    expects: tuple[tuple[str, str], ...] = ()
    meta: TraceMeta = field(default_factory=TraceMeta)

    @property
    def nr_rows(self) -> int:
        """Access rows."""
        return len(self.vpn)

    @property
    def nr_accesses(self) -> int:
        """Accesses, repeats included."""
        return int(self.nr.sum(dtype=np.int64))

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield the access rows in order, at most `rows` at a time, as views where possible."""
        for start in range(0, self.nr_rows, rows):
            end = start + rows
            yield Batch(
                start,
                self.asid[start:end],
                self.vpn[start:end],
                self.op[start:end],
                self.nr[start:end],
            )

    def content_hash(self) -> str:
        """Return the hash of what happens in the trace: rows, events and names; hexadecimal.

        Independent of how rows are batched, of the file format, of line numbers and of `meta`.
        """
        if self.meta.content_hash:
            return self.meta.content_hash
        hasher = ContentHash()
        for batch in self.batches():
            hasher.add(batch)
        return hasher.finish(self)

    def with_meta(self, **changes: Any) -> Trace:
        """Return the trace with fields of `meta` replaced."""
        return replace(self, meta=replace(self.meta, **changes))


class ContentHash:
    """The content hash of a trace, fed batch by batch."""

    def __init__(self) -> None:
        self._columns = [hashlib.blake2b(digest_size=16) for _ in range(4)]

    def add(self, batch: Batch) -> None:
        """Add the next rows."""
        columns = (batch.asid, batch.vpn, batch.op, batch.nr)
        for hasher, column, dtype in zip(self._columns, columns, COLUMN_DTYPES, strict=True):
            hasher.update(np.ascontiguousarray(column, dtype=dtype).data)

    def finish(self, trace: Trace) -> str:
        """Return the hash of the rows added and of the trace's events and names."""
        total = hashlib.blake2b(digest_size=16)
        for hasher in self._columns:
            total.update(hasher.digest())
        events = trace.events.copy()
        # Where an event was written is not what it does.
        events["line"] = 0
        total.update(events.tobytes())
        names = [trace.spaces, trace.files, trace.file_is_shm, trace.marks, trace.expects]
        total.update(json.dumps(names).encode())
        return total.hexdigest()
