"""Page lists: the plainest trace, one page number a line, or CSV with a header.

The pages are private anonymous memory, mapped whole. Numbers are decimal or 0x hex.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reclaim import ids
from reclaim.errors import TraceError, located, nearest
from reclaim.trace.inputs import read_all
from reclaim.trace.model import Trace, TraceMeta
from reclaim.trace.pages import from_pages

COLUMN_NAMES = {
    "page": "vpn",
    "vpn": "vpn",
    "op": "op",
    "asid": "asid",
    "space": "asid",
    "nr": "nr",
    "count": "nr",
}
OP_WORDS = {
    "r": ids.READ,
    "read": ids.READ,
    "0": ids.READ,
    "w": ids.WRITE,
    "write": ids.WRITE,
    "1": ids.WRITE,
    "x": ids.EXECUTE,
    "e": ids.EXECUTE,
    "exec": ids.EXECUTE,
    "execute": ids.EXECUTE,
    "2": ids.EXECUTE,
}

Int64s = npt.NDArray[np.int64]


def looks_like_pages(head: bytes) -> bool:
    """Return whether text begins as a page list does: a number, or a CSV header with `page`."""
    for line in head.decode("latin-1").splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            names = [name.strip().lower() for name in text.split(",")]
            return _is_number(text) or (names[0] in COLUMN_NAMES and _is_header(names))
    return False


def read_pages(path: str | Path) -> Trace:
    """Return the trace of a page list, ``.gz`` and ``.zst`` included.

    Raises
    ------
    TraceError
        Located: a line that is no number, a header without `page`, an empty file.
    """
    data = read_all(path)
    if b"\0" in data[:4096]:
        raise TraceError(located(path, None, "this is binary data, not a page list."))
    lines = data.decode("latin-1").splitlines()
    first = next((i for i, line in enumerate(lines) if _text(line)), None)
    if first is None:
        raise TraceError(located(path, None, "holds no page numbers."))
    names = [name.strip().lower() for name in lines[first].split(",")]
    if _is_number(names[0]):
        if len(names) > 1:
            raise TraceError(
                located(path, first + 1, "a CSV file begins with a header such as asid,page,op.")
            )
        columns = {"vpn": _numbers(path, lines, lines, "page number")}
    else:
        columns = _csv(path, lines, first, names)
    try:
        return from_pages(**columns, meta=TraceMeta(source="pages", path=str(path)))
    except TraceError as error:
        raise TraceError(located(path, None, str(error))) from None


def _csv(path: str | Path, lines: list[str], first: int, names: list[str]) -> dict[str, Any]:
    for name in names:
        if name not in COLUMN_NAMES:
            hint = nearest(name, COLUMN_NAMES)
            raise TraceError(located(path, first + 1, f"unknown column '{name}'.{hint}"))
    if not _is_header(names):
        raise TraceError(located(path, first + 1, "the header names no column 'page'."))
    body = ["" if i <= first else line for i, line in enumerate(lines)]
    fields = [line.split(",") if _text(line) else None for line in body]
    columns = {}
    for i, name in enumerate(names):
        cells = []
        for number, row in enumerate(fields, start=1):
            if row is not None and len(row) != len(names):
                text = f"{len(row)} fields where the header has {len(names)}."
                raise TraceError(located(path, number, text))
            cells.append("" if row is None else row[i])
        convert = _ops if COLUMN_NAMES[name] == "op" else _numbers
        columns[COLUMN_NAMES[name]] = convert(path, body, cells, name)
    return columns


def _is_header(names: list[str]) -> bool:
    return any(COLUMN_NAMES.get(name) == "vpn" for name in names)


def _text(line: str) -> str:
    text = line.strip()
    return "" if text.startswith("#") else text


def _is_number(text: str) -> bool:
    try:
        _int(text)
    except ValueError:
        return False
    return True


def _int(text: str) -> int:
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)


def _numbers(path: str | Path, lines: list[str], cells: list[str], what: str) -> Int64s:
    """Return the numbers in `cells`, one of each line that says anything."""
    texts = [cell for cell in (_text(cell) for cell in cells) if cell]
    try:
        return np.array(texts, dtype=np.str_).astype(np.int64)
    except (ValueError, OverflowError):
        pass
    found = []
    for number, (line, cell) in enumerate(zip(lines, cells, strict=True), start=1):
        if not _text(line):
            continue
        try:
            found.append(np.int64(_int(cell.strip())))
        except (ValueError, OverflowError):
            text = f"'{cell.strip()}' is not a {what} (decimal or 0x hex)."
            raise TraceError(located(path, number, text)) from None
    return np.array(found, dtype=np.int64)


def _ops(path: str | Path, lines: list[str], cells: list[str], what: str) -> Int64s:
    found = []
    for number, (line, cell) in enumerate(zip(lines, cells, strict=True), start=1):
        if not _text(line):
            continue
        op = OP_WORDS.get(cell.strip().lower())
        if op is None:
            text = f"'{cell.strip()}' is not an {what}: r, w or x."
            raise TraceError(located(path, number, text))
        found.append(op)
    return np.array(found, dtype=np.int64)
