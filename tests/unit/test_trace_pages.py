"""Bare page numbers become mappings that cover them."""

from __future__ import annotations

import pytest

from reclaim.errors import TraceError
from reclaim.trace import events as ev
from reclaim.trace.pages import ALL_PROT, from_pages


def test_one_space() -> None:
    trace = from_pages([7, 3, 7])
    assert trace.events.tolist() == [ev.event_row(0, ev.MMAP, 0, 3, 5, -1, 0, ALL_PROT)]
    assert trace.op.tolist() == [0, 0, 0]
    assert trace.nr.tolist() == [1, 1, 1]
    assert trace.spaces == ("space-0",)


def test_spaces_are_dense() -> None:
    trace = from_pages([1, 2, 3], op=[0, 1, 2], asid=[900, 7, 900], nr=[1, 2, 3])
    assert trace.asid.tolist() == [1, 0, 1]
    assert trace.spaces == ("space-7", "space-900")
    assert trace.events["a1"].tolist() == [2, 1]
    assert trace.events["a2"].tolist() == [1, 3]


def test_nothing_is_a_trace() -> None:
    trace = from_pages([])
    assert (trace.nr_rows, trace.spaces) == (0, ())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vpn": [1, -1]}, "row 2: page number -1"),
        ({"vpn": [1 << 36]}, "not byte addresses"),
        ({"vpn": [1], "op": [3]}, "row 1: op 3"),
        ({"vpn": [1], "nr": [0]}, "repeat count 0"),
        ({"vpn": [1], "nr": [1, 2]}, "column nr has 2 rows, vpn has 1"),
    ],
)
def test_bad_columns(columns: dict[str, list[int]], message: str) -> None:
    with pytest.raises(TraceError, match=message):
        from_pages(**columns)  # type: ignore[arg-type]
