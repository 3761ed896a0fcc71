"""From a record to one flat row: the columns of the view `runs`, their types, their order.

docs/reference/results.md lists the columns with their units, and a test compares the two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Record = Mapping[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column that every table has, whatever its records hold.

    Parameters
    ----------
    name : str
        As SQL spells it.
    type : pyarrow.DataType
        Its type in files and tables.
    value : callable
        Takes a record; returns the value, or None where the record has none.
    """

    name: str
    type: pa.DataType
    value: Callable[[Record], Any]


def _at(*path: str) -> Callable[[Record], Any]:
    def value(record: Record) -> Any:
        found: Any = record
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    return value


def _text(name: str, *path: str) -> Column:
    return Column(name, pa.string(), _at(*(path or (name,))))


def _int(name: str, *path: str) -> Column:
    return Column(name, pa.int64(), _at(*(path or (name,))))


def _real(name: str, *path: str) -> Column:
    return Column(name, pa.float64(), _at(*(path or (name,))))


def _json(name: str) -> Column:
    def value(record: Record) -> str | None:
        found = record.get(name)
        return None if found is None else canonical(found)

    return Column(name, pa.string(), value)


def canonical(value: Any) -> str:
    """Return JSON text that is the same for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _frames_given(record: Record) -> str | None:
    # 100 or "25%": one type in a column, and text keeps both.
    given = record.get("frames_given")
    return None if given is None else str(given)


def _warnings(record: Record) -> str | None:
    return "\n".join(record.get("warnings") or ()) or None


def cell_of(record: Record) -> str:
    """Return the same 16 digits for records that may differ in their seed alone.

    Where a trace lies, what it holds and the versions of plugins do not count: results of two days
    and of two machines have the same cells.
    """
    config = dict(record.get("config") or {})
    for key in ("seed", "reader", "options"):
        config.pop(key, None)
    workload = str(record.get("workload"))
    config["workload"] = Path(workload).name if Path(workload).is_absolute() else workload
    config["names"] = [record.get(name) for name in _CELL_NAMES]
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:16]


_CELL_NAMES = ("workload_params", "policy", "policy_params", "rmap", "rmap_params", "frames_given")

COLUMNS = (
    _text("identity"),
    Column("cell", pa.string(), cell_of),
    _text("status"),
    _text("workload"),
    _json("workload_params"),
    _text("policy"),
    _text("policy_preset"),
    _json("policy_params"),
    _text("rmap"),
    _text("rmap_preset"),
    _json("rmap_params"),
    Column("rmap_exact", pa.bool_(), _at("rmap_exact")),
    _int("frames"),
    Column("frames_given", pa.string(), _frames_given),
    _text("pressure"),
    _int("seed"),
    _int("rmap_live_bytes", "rmap_bytes", "live"),
    _int("rmap_peak_bytes", "rmap_bytes", "peak"),
    _int("rmap_fixed_bytes", "rmap_bytes", "fixed"),
    _text("layout", "rmap_bytes", "layout"),
    _real("modelled_ns", "modelled", "total_ns"),
    _int("direct_reclaim_work_p50", "distributions", "direct_reclaim_work", "p50"),
    _int("direct_reclaim_work_p99", "distributions", "direct_reclaim_work", "p99"),
    _int("direct_reclaim_work_max", "distributions", "direct_reclaim_work", "max"),
    _int("trace_pages", "trace", "nr_pages"),
    _int("trace_peak_live", "trace", "peak_live"),
    _text("trace_hash"),
    _int("vmas"),
    _int("page_table_leaves"),
    _int("processes"),
    _int("mapped_ptes"),
    _real("seconds"),
    _real("accesses_per_second"),
    _real("bind_seconds"),
    _real("wall_seconds"),
    _int("machine_bytes"),
    _int("rmap_array_bytes"),
    Column("warnings", pa.string(), _warnings),
    _text("error"),
    _text("reproduce"),
    _text("started"),
    _text("decisions"),
    _text("digest"),
    _json("config"),
    _json("provenance"),
    _json("machine"),
)
"""The columns of every table; counters, derived quantities and further values follow by name."""

TYPES = {column.name: column.type for column in COLUMNS}

STAMP = "stamp"
"""When a record was appended, in ns: of two of one identity the later one counts."""

RECORD = "record"
"""The whole record as JSON text."""


def flatten(record: Record) -> Row:
    """Return a record as one row: `COLUMNS`, then every counter, derived and further value by name.

    Parameters
    ----------
    record : mapping
        As a run leaves it, or as a failed one does: what it lacks is None.
    """
    row = {column.name: column.value(record) for column in COLUMNS}
    for part in ("counters", "derived"):
        for name, value in (record.get(part) or {}).items():
            row.setdefault(name, value)
    for phase, ns in ((record.get("modelled") or {}).get("rmap_by_phase") or {}).items():
        row.setdefault(f"modelled_rmap_{phase}_ns", float(ns))
    for name, value in record.items():
        if isinstance(value, str | int | float | bool):
            row.setdefault(name, value)
    return row


def build(rows: Sequence[Row], stamps: Sequence[int], texts: Sequence[str]) -> pa.Table:
    """Return rows as a table with their stamps and the records' texts.

    Parameters
    ----------
    rows : sequence of dict
        From `flatten`.
    stamps : sequence of int
        When each was appended.
    texts : sequence of str
        The records as JSON.
    """
    names = dict.fromkeys([*TYPES, *(name for row in rows for name in row)])
    arrays = {name: _array(name, [row.get(name) for row in rows]) for name in names}
    arrays[STAMP] = pa.array(stamps, pa.int64())
    arrays[RECORD] = pa.array(texts, pa.large_string())
    return pa.table(arrays)


def _array(name: str, values: list[Any]) -> pa.Array:
    if name in TYPES:
        return pa.array(values, TYPES[name])
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} and kinds:
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        # Also where there is no value at all: a column without a type cannot be asked.
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if v is None else str(v) for v in values], pa.string())


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """Return tables one below the other, a column that one of them lacks being null there.

    Values of one name that are numbers here and text there are text.
    """
    found = list(tables)
    kinds: dict[str, set[pa.DataType]] = {}
    for table in found:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    mixed = {n for n, of in kinds.items() if len(of) > 1 and not of <= {pa.int64(), pa.float64()}}
    if mixed:
        found = [_as_text(table, mixed) for table in found]
    whole = pa.concat_tables(found, promote_options="permissive")
    first = [name for name in TYPES if name in whole.column_names]
    return whole.select([*first, *(name for name in whole.column_names if name not in TYPES)])


def _as_text(table: pa.Table, names: set[str]) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in names:
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


ORDER = (
    "workload",
    "workload_params",
    "policy",
    "policy_params",
    "rmap",
    "rmap_params",
    "frames",
    "frames_given",
    "seed",
    "identity",
)
"""Columns by which records are ordered, whatever file they are in and whoever wrote them first."""


def order_of(record: Record) -> tuple[Any, ...]:
    """Return what a record is sorted by: `ORDER`, where nothing comes first."""
    return tuple(
        _nothing(name) if (value := _ORDERED[name].value(record)) is None else value
        for name in ORDER
    )


def in_order(table: pa.Table) -> pa.Table:
    """Return a table's rows in the order of `ORDER`."""
    keys = {name: pc.fill_null(table[name], _nothing(name)) for name in ORDER}
    by = [(name, "ascending") for name in ORDER]
    return table.take(pc.sort_indices(pa.table(keys), sort_keys=by))


_ORDERED = {column.name: column for column in COLUMNS}


def _nothing(name: str) -> int | str:
    return "" if TYPES[name] == pa.string() else -1
