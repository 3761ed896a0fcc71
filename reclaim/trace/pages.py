"""A trace made from bare page numbers: anonymous private memory, mapped whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.errors import TraceError
from reclaim.trace.events import MMAP, event_array, event_row
from reclaim.trace.model import MAX_NR, Trace, TraceMeta

ALL_PROT = ids.PROT_READ | ids.PROT_WRITE | ids.PROT_EXEC


def from_pages(
    vpn: npt.ArrayLike,
    op: npt.ArrayLike | None = None,
    asid: npt.ArrayLike | None = None,
    nr: npt.ArrayLike | None = None,
    meta: TraceMeta | None = None,
) -> Trace:
    """Return a trace in which each address space is one anonymous private mapping.

    The mapping reaches from the space's lowest to its highest page, readable, writable and
    executable. Spaces are numbered in order of their ids and named "space-ID".

    Parameters
    ----------
    vpn : (n,) integers
        Page numbers.
    op : (n,) integers, optional
        `ids.READ` (the default), `WRITE` or `EXECUTE`.
    asid : (n,) integers, optional
        Any id of the address space; one space where it is not given.
    nr : (n,) integers, optional
        Repeat counts; 1 where not given.
    meta : TraceMeta, optional
        Default: source "pages".

    Raises
    ------
    TraceError
        A column of another length, a page number outside 0 .. 2**36 - 1, an unknown op, a repeat
        count below 1.
    """
    pages = np.ascontiguousarray(vpn, dtype=np.int64)
    rows = len(pages)
    ops = np.zeros(rows, np.int64) if op is None else np.asarray(op, dtype=np.int64)
    counts = np.ones(rows, np.int64) if nr is None else np.asarray(nr, dtype=np.int64)
    raw_ids = np.zeros(rows, np.int64) if asid is None else np.asarray(asid, dtype=np.int64)
    for name, column in (("op", ops), ("nr", counts), ("asid", raw_ids)):
        if len(column) != rows:
            raise TraceError(f"column {name} has {len(column)} rows, vpn has {rows}.")
    check_column("page number", pages, 0, ids.MAX_VPN - 1)
    check_column("op", ops, 0, len(ids.OP_NAMES) - 1)
    check_column("repeat count", counts, 1, MAX_NR)
    names, dense = np.unique(raw_ids, return_inverse=True)
    events = [event_row(0, MMAP, *_span(i, pages[dense == i])) for i in range(len(names))]
    return Trace(
        asid=dense.astype(np.int32),
        vpn=pages,
        op=ops.astype(np.uint8),
        nr=counts.astype(np.int32),
        events=event_array(events),
        spaces=tuple(f"space-{name}" for name in names),
        meta=meta or TraceMeta(source="pages"),
    )


def _span(space: int, pages: npt.NDArray[np.int64]) -> tuple[int, int, int, int, int, int]:
    """Return mmap's arguments for one mapping that covers `pages`."""
    low, high = int(pages.min()), int(pages.max())
    return space, low, high - low + 1, -1, 0, ALL_PROT


def check_column(name: str, column: npt.NDArray[np.int64], low: int, high: int) -> None:
    """Raise a TraceError that names the first value outside low .. high."""
    bad = np.flatnonzero((column < low) | (column > high))
    if len(bad):
        row = int(bad[0])
        raise TraceError(
            f"row {row + 1}: {name} {int(column[row])} is not in {low} .. {high}"
            + (" (page numbers, not byte addresses, are expected)." if high > 1 << 30 else ".")
        )
