"""Is each trace of a sweep made once, mapped where it can be, and made anew when it must be?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reclaim.config.schema import TraceSection
from reclaim.errors import ConfigError
from reclaim.opening import settle
from reclaim.sweep.provenance import machine, plugin, source_hash
from reclaim.sweep.traces import SweepTrace, prepare, ready
from reclaim.trace.stored import StoredTrace
from reclaim.trace.writing import write_trace
from tests.laboratory import page_list, plugins


def prepared(path: Path, folder: Path) -> SweepTrace:
    return prepare(TraceSection(path=str(path)), 0, plugins(), folder)


def test_a_file_that_can_be_mapped_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    content = write_trace(page_list([1, 2, 3, 1]), path)
    found = prepared(path, tmp_path / "traces")
    assert (found.path, found.content_hash) == (str(path), content)
    assert (found.rows, found.touched_pages) == (4, 3)
    assert not list((tmp_path / "traces").glob("*.arrow"))


@pytest.mark.parametrize("name", ["t.pages", "t.parquet", "z.arrow"])
def test_any_other_is_decoded_once_into_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.pages":
        path.write_text("1\n2\n3\n1\n")
    else:
        write_trace(page_list([1, 2, 3, 1]), path, "zstd")
    found = prepared(path, tmp_path / "traces")
    assert Path(found.path).parent == tmp_path / "traces"
    decoded = StoredTrace(found.path)
    assert decoded.mapped
    assert decoded.vpn.tolist() == [1, 2, 3, 1]
    assert decoded.content_hash() == found.content_hash
    assert prepared(path, tmp_path / "traces") == found


def test_another_content_is_another_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.pages"
    path.write_text("1\n2\n")
    first = prepared(path, tmp_path / "traces")
    path.write_text("1\n3\n")
    os.utime(path, ns=(1, 1))
    second = prepared(path, tmp_path / "traces")
    assert first.content_hash != second.content_hash


def test_the_seed_of_a_workload_is_part_of_it_and_a_file_has_none(tmp_path: Path) -> None:
    section = settle(TraceSection(path="doubling", params={"rounds": 2}), plugins())
    made = {prepare(section, seed, plugins(), tmp_path).content_hash for seed in (0, 1)}
    assert len(made) == 2
    assert ready(section, 1, plugins(), tmp_path) is not None
    assert ready(section, 2, plugins(), tmp_path) is None


def test_a_trace_that_was_removed_or_a_note_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "t.pages"
    path.write_text("1\n2\n")
    folder = tmp_path / "traces"
    found = prepared(path, folder)
    Path(found.path).unlink()
    assert prepared(path, folder) == found
    (note,) = folder.glob("*.json")
    note.write_text("{")
    assert prepared(path, folder) == found
    assert Path(found.path).is_file()


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "t.pages"
    path.write_text("1\n")
    with pytest.raises(ConfigError, match=r"t\.pages/traces: cannot write it: Not a directory\."):
        prepared(path, path / "traces")


def test_provenance_names_file_hash_and_version() -> None:
    fifo = plugins().policies.get("fifo")
    said = plugin(fifo)
    assert (said["name"], said["results_version"]) == ("fifo", 1)
    assert Path(said["file"]).name == "fifo.py"
    assert said["source_hash"] == source_hash(fifo)
    assert said["source_hash"] != source_hash(plugins().policies.get("clock"))
    assert machine().keys() >= {"cpu", "cores", "memory", "python", "numba", "reclaim"}
