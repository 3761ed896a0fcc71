"""Does a trace survive its file, in every format, and is each broken file one clear line?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from reclaim.errors import TraceError
from reclaim.trace import Trace, from_pages, open_trace
from reclaim.trace.model import ImplicitVma
from reclaim.trace.script import parse_script
from reclaim.trace.statistics import statistics
from reclaim.trace.stored import StoredTrace, read_trace_file
from reclaim.trace.writing import write_trace

SCRIPT = """\
mmap a 0 4000 anon private rw-
mmap a 8000 8 file:lib.so@3 shared r-x
mmap a 9000 4 shm:heap shared rw-
write a 0..2999 x3
fork a b
exec_page b 8000..8007
mark end
expect misses 3008
"""


def same(left: Trace, right: Trace) -> None:
    for name in ("asid", "vpn", "op", "nr", "events"):
        assert getattr(left, name).tolist() == getattr(right, name).tolist()
        assert getattr(left, name).dtype == getattr(right, name).dtype
    for name in ("spaces", "files", "file_is_shm", "marks", "expects", "nr_rows", "nr_accesses"):
        assert getattr(left, name) == getattr(right, name)
    assert left.content_hash() == right.content_hash()


@pytest.mark.parametrize(
    ("name", "compression"),
    [("t.arrow", "none"), ("t.arrow", "zstd"), ("t.parquet", "none")],
)
def test_round_trip(tmp_path: Path, name: str, compression: str) -> None:
    trace = parse_script(SCRIPT).with_meta(
        command="a b", implicit_vmas=(ImplicitVma(0, 1, 2, "stack"),), extra={"cpu": 2}
    )
    path = tmp_path / name
    written = write_trace(trace, path, compression)
    again = read_trace_file(path)
    same(trace, again)
    assert again.meta.content_hash == written
    assert again.meta.implicit_vmas == trace.meta.implicit_vmas
    assert (again.meta.command, again.meta.extra) == ("a b", {"cpu": 2})
    assert again.meta.path == str(path)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    # A converted file is the same trace.
    write_trace(again, tmp_path / "other.arrow")
    same(trace, read_trace_file(tmp_path / "other.arrow"))


def test_columns_are_views_that_may_be_passed_to_kernels(tmp_path: Path) -> None:
    write_trace(parse_script(SCRIPT), tmp_path / "t.arrow")
    trace = read_trace_file(tmp_path / "t.arrow")
    for column in (trace.asid, trace.vpn, trace.op, trace.nr):
        assert column.flags.c_contiguous
        assert column.flags.writeable
        assert not column.flags.owndata


def test_many_batches_stream(tmp_path: Path) -> None:
    trace = parse_script(SCRIPT)
    write_trace(trace, tmp_path / "t.arrow")
    table = pa.ipc.open_file(tmp_path / "t.arrow").read_all()
    with pa.ipc.new_file(str(tmp_path / "many.arrow"), table.schema) as writer:
        for batch in table.to_batches(max_chunksize=700):
            writer.write_batch(batch)
    many = read_trace_file(tmp_path / "many.arrow")
    same(trace, many)
    assert [b.start for b in many.batches(500)][:4] == [0, 500, 700, 1200]


def test_large_headers_are_deflated(tmp_path: Path) -> None:
    script = "mmap a 0 9 anon private rw-\n" + "munmap a 3 1\n" * 3000
    trace = parse_script(script)
    write_trace(trace, tmp_path / "t.arrow")
    header = json.loads(pa.ipc.open_file(tmp_path / "t.arrow").schema.metadata[b"reclaim.trace"])
    assert "events" not in header
    same(trace, read_trace_file(tmp_path / "t.arrow"))


def plain_table(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_tables_made_elsewhere(tmp_path: Path) -> None:
    only = read_trace_file(plain_table(tmp_path / "a.parquet", vpn=[5, 6], other=["x", "y"]))
    assert (only.vpn.tolist(), only.nr.tolist(), only.op.tolist()) == ([5, 6], [1, 1], [0, 0])
    full = read_trace_file(
        plain_table(
            tmp_path / "b.parquet",
            page=np.array([5, 6], np.uint64),
            op=["w", "read"],
            asid=[4, 2],
            nr=[1, 9],
        )
    )
    assert (full.op.tolist(), full.asid.tolist(), full.nr.tolist()) == ([1, 0], [1, 0], [1, 9])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1]}, "has no column 'vpn' or 'page'; it has x"),
        ({"vpn": [1.5]}, "column vpn is of type double"),
        ({"vpn": [1, None]}, "column vpn has 1 empty cells"),
        ({"vpn": [1 << 40]}, "row 1: page number"),
        ({"vpn": [1], "op": ["z"]}, "row 1: op 'z'"),
    ],
)
def test_tables_that_are_no_traces(
    tmp_path: Path, columns: dict[str, object], message: str
) -> None:
    path = plain_table(tmp_path / "t.parquet", **columns)
    with pytest.raises(TraceError) as caught:
        read_trace_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["t.arrow", "t.parquet"])
@pytest.mark.parametrize("keep", [0.99, 0.5, 0.1])
def test_cut_files(tmp_path: Path, name: str, keep: float) -> None:
    path = tmp_path / name
    write_trace(parse_script(SCRIPT), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(TraceError, match="cut off or damaged") as caught:
        open_trace(path)
    assert "\n" not in str(caught.value)


def header_of(trace: Trace, tmp_path: Path) -> tuple[dict[str, object], pa.Table]:
    write_trace(trace, tmp_path / "good.arrow")
    table = pa.ipc.open_file(tmp_path / "good.arrow").read_all()
    return json.loads(table.schema.metadata[b"reclaim.trace"]), table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "has version 99; this reclaim reads up to 1"),
        ({"version": None}, "is not a JSON object with a version"),
        ({"events": [[0, "mmop", 1]]}, "event 1: unknown verb 'mmop'. Did you mean 'mmap'"),
        ({"events": [[0, "fork", 1]]}, "event 1: fork takes (parent, child), not 1 values"),
        ({"events": [[5, "exit", 0], [4, "exit", 0]]}, "out of order"),
        ({"events": [[5000, "exit", 0]]}, "behind the last of 3008 rows"),
        ({"spaces": ["a"]}, "asid 1 is not in 0 .. 0"),
    ],
)
def test_bad_headers(tmp_path: Path, change: dict[str, object], message: str) -> None:
    header, table = header_of(parse_script(SCRIPT), tmp_path)
    metadata = {b"reclaim.trace": json.dumps(header | change).encode()}
    path = tmp_path / "bad.arrow"
    table = table.replace_schema_metadata(metadata)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(TraceError) as caught:
        list(read_trace_file(path).batches())
    assert message in str(caught.value)


def gz(data: bytes) -> bytes:
    return gzip.compress(data)


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [bytes, gz, zst])
def test_page_lists(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "list"
    path.write_bytes(pack(b"# pages\n7\n0x10\n\n 9 \n"))
    assert open_trace(path).vpn.tolist() == [7, 16, 9]
    path.write_bytes(pack(b"page,op\n7,r\n0x10,W\n"))
    assert open_trace(path).op.tolist() == [0, 1]
    path.write_bytes(pack(b"asid,page,op\n3,7,r\n2,8,x\n"))
    trace = open_trace(path)
    assert (trace.asid.tolist(), trace.op.tolist()) == ([1, 0], [0, 2])


@pytest.mark.parametrize("pack", [gz, zst])
def test_cut_compressed_lists(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "list.txt"
    whole = pack("".join(f"{i * 7919 % 65537}\n" for i in range(20000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TraceError, match="data is cut off"):
        open_trace(path)
    path.write_bytes(whole + whole)
    assert open_trace(path).nr_rows == 40000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\nthree\n", ":3: 'three' is not a page number"),
        ("1\n99999999999999999999\n", ":2: '99999999999999999999' is not a page number"),
        ("1\n-4\n", "row 2: page number -4"),
        ("page,opp\n1,r\n", ":1: unknown column 'opp'. Did you mean 'op'?"),
        ("page,op\n1\n", ":2: 1 fields where the header has 2"),
        ("page,op\n1,q\n", ":2: 'q' is not an op"),
        ("page,op\n1,r\nx,r\n", ":3: 'x' is not a page"),
        ("1,r\n2,w\n", ":1: a CSV file begins with a header"),
        ("", "holds no page numbers"),
    ],
)
def test_bad_page_lists(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(TraceError) as caught:
        open_trace(path, reader="pages")
    assert message in str(caught.value)


def test_opening(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such file"):
        open_trace(tmp_path / "none.arrow")
    (tmp_path / "what.bin").write_bytes(b"\x01\x02")
    with pytest.raises(TraceError, match=r"no reader recognises it \(arrow, lackey, pages, script"):
        open_trace(tmp_path / "what.bin")
    with pytest.raises(TraceError, match=r"no reader 'pagse'. Did you mean 'pages'"):
        open_trace(tmp_path / "what.bin", reader="pagse")
    (tmp_path / "s").write_text("# script\nmmap a 0 1 anon private rw-\n")
    assert open_trace(tmp_path / "s").spaces == ("a",)
    with pytest.raises(TraceError, match="reader 'script' has no option 'partial'"):
        open_trace(tmp_path / "s", partial=True)


def test_statistics(tmp_path: Path) -> None:
    trace = parse_script(SCRIPT)
    write_trace(trace, tmp_path / "t.arrow")
    for source in (trace, StoredTrace(tmp_path / "t.arrow")):
        found = statistics(source)
        assert (found.rows, found.accesses) == (3008, 9008)
        assert found.rows_by_op == {"read": 0, "write": 3000, "execute": 8}
        assert found.accesses_by_op == {"read": 0, "write": 9000, "execute": 8}
        assert found.pages_by_space == (3000, 8)
        assert found.touched_leaves == 7
        assert found.events_by_verb == {"mmap": 3, "fork": 1, "mark": 1, "expect": 1}
        assert found.footprint_bytes == 3008 * 4096
    assert statistics(from_pages([])).touched_pages == 0
