"""What a trace holds, in numbers: one pass, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.trace import events as ev
from reclaim.trace.model import Trace

# (asid, vpn) in one word, so that distinct pages are distinct numbers.
_VPN_BITS = ids.VPN_BITS


@dataclass(frozen=True)
class TraceStatistics:
    """Numbers of a trace.

    Parameters
    ----------
    rows : int
        Access rows.
    accesses : int
        Accesses, repeats included.
    rows_by_op, accesses_by_op : dict of str to int
        By "read", "write", "execute".
    spaces : int
        Address spaces.
    touched_pages : int
        Distinct (space, page) pairs touched. A page that two spaces share counts twice: how
        many pages there are follows from running the trace.
    touched_leaves : int
        Distinct groups of 512 pages touched: the leaf page tables that the trace needs, if none is
        freed.
    pages_by_space : tuple of int
        Distinct pages touched in each space.
    events_by_verb : dict of str to int
        Verbs that occur.
    footprint_bytes : int
        `touched_pages` in bytes.
    """

    rows: int
    accesses: int
    rows_by_op: dict[str, int]
    accesses_by_op: dict[str, int]
    spaces: int
    touched_pages: int
    touched_leaves: int
    pages_by_space: tuple[int, ...]
    events_by_verb: dict[str, int]
    footprint_bytes: int


def statistics(trace: Trace) -> TraceStatistics:
    """Return the numbers of a trace, reading each row once.

    Parameters
    ----------
    trace : Trace
        Any trace; a stored one streams through. Memory: 8 bytes a distinct page.
    """
    ops = len(ids.OP_NAMES)
    rows_by_op = np.zeros(ops, np.int64)
    accesses_by_op = np.zeros(ops, np.int64)
    pages = np.zeros(0, np.int64)
    for batch in trace.batches():
        rows_by_op += np.bincount(batch.op, minlength=ops)
        for op in range(ops):
            accesses_by_op[op] += batch.nr[batch.op == op].sum(dtype=np.int64)
        keys = batch.asid.astype(np.int64) << _VPN_BITS | batch.vpn
        pages = _distinct(np.concatenate((pages, _distinct(keys))))
    verbs = np.bincount(trace.events["verb"], minlength=len(ev.VERB_NAMES))
    return TraceStatistics(
        rows=int(rows_by_op.sum()),
        accesses=int(accesses_by_op.sum()),
        rows_by_op=dict(zip(ids.OP_NAMES, rows_by_op.tolist(), strict=True)),
        accesses_by_op=dict(zip(ids.OP_NAMES, accesses_by_op.tolist(), strict=True)),
        spaces=len(trace.spaces),
        touched_pages=len(pages),
        touched_leaves=len(_distinct(pages >> ids.LEAF_BITS)),
        pages_by_space=tuple(np.bincount(pages >> _VPN_BITS, minlength=len(trace.spaces)).tolist()),
        events_by_verb={ev.VERB_NAMES[i]: int(n) for i, n in enumerate(verbs) if n},
        footprint_bytes=len(pages) * trace.meta.page_size,
    )


def _distinct(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the distinct values, sorted; np.unique hashes, which takes many times as long."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]
