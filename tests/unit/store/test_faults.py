"""Is every record there, once, after kills, full disks, damage, and two writers at a time?"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reclaim.errors import StoreError
from reclaim.store import Store, files
from tests.records import Record, failed, record

ROOT = Path(__file__).parents[3]
CELLS = [record(seed=seed) for seed in range(24)]

# Appends what is not there yet, merging as it goes, and says what is safe.
WRITER = """
import json, sys
from reclaim.store import Store
store = Store(sys.argv[1])
there = store.identities()
with open(sys.argv[2]) as file:
    records = json.load(file)
for number, record in enumerate(records):
    if record["identity"] not in there:
        store.append(record)
        print(record["identity"], flush=True)
    if number % 4 == 3:
        store.compact()
"""


def writer(root: Path, records: list[Record], name: str = "records") -> subprocess.Popen[str]:
    source = root.parent / f"{name}.json"
    source.write_text(json.dumps(records))
    command = [sys.executable, "-c", WRITER, str(root), str(source)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    root, safe = tmp_path / "store", set[str]()
    for _ in range(5):
        child = writer(root, CELLS)
        assert child.stdout
        for _line in range(chance.randrange(1, 6)):
            safe.add(child.stdout.readline().strip())
        time.sleep(chance.uniform(0, 0.04))
        child.kill()
        safe |= set(child.stdout.read().split())
        child.wait()
        store = Store(root)
        there = [one["identity"] for one in store.records()]
        assert len(there) == len(set(there))
        assert safe - {""} <= set(there) == set(store.identities())
        assert store.warnings == []
    child = writer(root, CELLS)
    child.communicate()
    assert list(Store(root).records()) == CELLS
    assert Store(root).table()["seed"].to_pylist() == list(range(24))


class Killed(BaseException):
    """The process ends here."""


def test_a_merge_may_end_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled(root: Path) -> Store:
        store = Store(root)
        store.append(failed(seed=0))
        store.append(record(seed=1))
        store.compact()
        for seed in (0, 2):
            store.append(record(seed=seed))
        return store

    def ends_after(steps: int) -> Iterator[tuple[Any, str, Any]]:
        left = iter(range(steps))
        for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "unlink"), (Path, "open")):
            real = getattr(owner, name)

            def step(*args: Any, real: Any = real, **kwargs: Any) -> Any:
                if next(left, None) is None:
                    raise Killed
                return real(*args, **kwargs)

            yield owner, name, step

    for steps in range(40):
        root = tmp_path / str(steps)
        store = filled(root)
        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            for owner, name, step in list(ends_after(steps)):
                patch.setattr(owner, name, step)
            store.compact()
            break
        for state in ("killed", "merged"):
            assert list(Store(root).records()) == [record(seed=s) for s in (0, 1, 2)], (
                steps,
                state,
            )
            assert Store(root).query("select seed, status from runs order by 1").to_pylist() == [
                {"seed": s, "status": "done"} for s in (0, 1, 2)
            ]
            Store(root).compact()
    else:
        pytest.fail("the merge never came to its end")
    # A file looked at for each of two records, four steps of writing, three files removed.
    assert steps >= 9


def test_two_writers_and_a_reader(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = Store(root)
    children = [writer(root, CELLS[k::2], f"half-{k}") for k in range(2)]
    seen: set[str] = set()
    while any(child.poll() is None for child in children):
        now = {one["identity"] for one in store.records()}
        assert seen <= now
        seen = set(store.identities())
        assert now <= seen
    assert [child.wait() for child in children] == [0, 0]
    assert store.warnings == []
    assert list(store.records()) == CELLS


@pytest.fixture
def two(tmp_path: Path) -> Store:
    """A store of one merged file with three records, and one record in the inbox."""
    store = Store(tmp_path)
    for seed in range(3):
        store.append(record(seed=seed))
    store.compact()
    store.append(record(seed=3))
    return store


def only(folder: Path) -> Path:
    (path,) = (path for path in folder.iterdir() if not path.name.startswith("."))
    return path


@pytest.mark.parametrize("length", [0, 3, 100, 0.5, -1, -8], ids=str)
@pytest.mark.parametrize(("folder", "left"), [("inbox", [0, 1, 2]), ("runs", [3])])
def test_a_truncated_file_is_skipped_and_named(
    two: Store, folder: str, left: list[int], length: float
) -> None:
    path = only(two.path / folder)
    size = path.stat().st_size
    os.truncate(path, int(size * length) if isinstance(length, float) else length % size)
    identities = [record(seed=seed)["identity"] for seed in left]
    for act in (Store.identities, Store.records, Store.table):
        store = Store(two.path)
        answer = act(store)
        if isinstance(answer, pa.Table):
            answer = answer["identity"].to_pylist()
        else:
            answer = [one if isinstance(one, str) else one["identity"] for one in answer]
        assert answer == identities
        (warning,) = store.warnings
        assert warning.startswith(f"{path}: skipped: truncated, or not Parquet")
    Store(two.path).compact()
    assert path.exists()
    assert list(Store(two.path).identities()) == identities


def test_where_a_record_is_damaged_inside_the_one_before_it_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append(failed(error="first"))
    store.compact()
    store.append(record())
    path = only(tmp_path / "inbox")
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    path.write_bytes(data)
    for store in (Store(tmp_path), Store(tmp_path)):
        assert store.table()["error"].to_pylist() == ["first"]
        assert [one["error"] for one in store.records()] == ["first"]
        assert str(path) in store.warnings[0]
        store.compact()
    assert path.exists()


def test_a_merged_file_that_is_damaged_inside_is_skipped_and_named(two: Store) -> None:
    path = only(two.path / "runs")
    place = pq.ParquetFile(path).metadata.row_group(0)
    texts = next(
        place.column(i)
        for i in range(place.num_columns)
        if place.column(i).path_in_schema == "record"
    )
    data = bytearray(path.read_bytes())
    middle = texts.data_page_offset + texts.total_compressed_size // 2
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    acts = [
        lambda store: [one["seed"] for one in store.records()],
        lambda store: [
            json.loads(t)["seed"] for t in store.table(["record"])["record"].to_pylist()
        ],
        lambda store: store.query("select (record->>'$.seed')::int as s from runs")[
            "s"
        ].to_pylist(),
    ]
    for act in acts:
        store = Store(two.path)
        assert act(store) == [3]
        assert store.warnings[0].startswith(f"{path}: skipped: truncated, or not Parquet (")
    store.compact()
    assert path.exists()


@pytest.mark.parametrize("folder", ["inbox", "runs"])
def test_foreign_files_are_skipped_and_named(two: Store, folder: str) -> None:
    notes, table, inner = (two.path / folder / name for name in ("n.txt", "t.parquet", "deep"))
    notes.write_text("what I saw")
    pq.write_table(pa.table({"identity": ["x"]}), table)
    inner.mkdir()
    assert len(two.identities()) == 4
    assert len(list(two.records())) == 4
    two.compact()
    assert len(two.warnings) == 3
    assert f"{table}: skipped: not a file of a store." in two.warnings
    assert all(path.exists() for path in (notes, table, inner))


def test_newer_versions_are_left_alone(two: Store) -> None:
    inbox, merged = (only(two.path / folder) for folder in ("inbox", "runs"))
    newer = inbox.with_name(inbox.name.replace("-v1.", "-v2."))
    inbox.rename(newer)
    table = pq.read_table(merged)
    pq.write_table(table.replace_schema_metadata({files.VERSION_KEY: b"2"}), merged)
    two.compact()
    assert two.identities() == {}
    reason = "skipped: written by a newer reclaim (store version 2; this one reads up to 1)."
    assert sorted(two.warnings) == sorted([f"{newer}: {reason}", f"{merged}: {reason}"])
    assert newer.exists()
    assert merged.exists()


def test_records_of_the_first_version_are_readable(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/fixtures/store-1", tmp_path / "store")
    store = Store(tmp_path / "store")
    expected = json.loads((ROOT / "tests/fixtures/store-1/expected.json").read_text())
    for _ in range(2):
        assert list(store.records()) == expected["records"]
        rows = store.query("select seed, status, misses, miss_ratio from runs order by seed")
        assert rows.to_pylist() == expected["rows"]
        assert store.warnings == []
        store.compact()


@contextlib.contextmanager
def full_disk(how: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if how == "limit":
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    else:
        with monkeypatch.context() as patch:

            def full(_descriptor: int) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            patch.setattr(os, "fsync", full)
            yield


@pytest.mark.parametrize("how", ["limit", "fsync"])
def test_a_full_disk_loses_nothing(two: Store, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(two.path.rglob("*"))
    why = "File too large" if how == "limit" else "No space left on device"
    with full_disk(how, monkeypatch):
        for act in (lambda: two.append(record(seed=9)), two.compact):
            with pytest.raises(StoreError, match=f"cannot be written: {why}") as error:
                act()
            assert str(two.path) in str(error.value)
    assert sorted(two.path.rglob("*")) == before
    two.append(record(seed=4))
    two.compact()
    assert [one["seed"] for one in two.records()] == [0, 1, 2, 3, 4]


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Be a user whom permissions bind; root may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_folder_can_be_read_and_says_so(two: Store) -> None:
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "store"
        shutil.copytree(two.path, root)
        for path in (Path(name), root, root / "inbox", root / "runs"):
            path.chmod(0o555)
        with nobody():
            store = Store(root)
            assert len(list(store.records())) == 4
            assert store.query("select count(*) as n from runs").to_pylist() == [{"n": 4}]
            for act in (lambda: store.append(record(seed=9)), store.compact):
                with pytest.raises(StoreError, match="cannot be written: Permission denied"):
                    act()
            with pytest.raises(StoreError, match="cannot be made a store of results: Permission"):
                Store(Path(name) / "other")
        for path in (Path(name), root, root / "inbox", root / "runs"):
            path.chmod(0o755)


def test_what_killed_writers_left_is_removed_when_it_is_old(two: Store) -> None:
    young, old = (two.path / "inbox" / name for name in (".young", ".old"))
    for path in (young, old):
        path.write_bytes(b"PAR1")
    os.utime(old, (1, 1))
    two.compact()
    assert young.exists()
    assert not old.exists()
    assert two.warnings == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identity": "abc"}, "a record's identity is 64 hex digits, not 'abc'."),
        ({"status": "maybe"}, "a record's status is one of 'done', 'failed', not 'maybe'."),
        ({"extra": float("nan")}, "a record holds JSON values only"),
        ({"extra": {1, 2}}, "a record holds JSON values only"),
        ({"frames": "many"}, "a record does not fit the columns of results"),
        ({"seed": 1 << 70}, "a record does not fit the columns of results"),
        ({"counters": [1]}, "a record does not fit the columns of results"),
    ],
)
def test_what_is_no_record_is_refused(two: Store, changes: Record, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        two.append(record(seed=9) | changes)
    assert len(two.identities()) == 4


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="gone: no such folder"):
        Store(tmp_path / "gone", create=False)
    with pytest.raises(StoreError, match="holds no results: expected the folders inbox/ and runs/"):
        Store(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_question_that_is_wrong_is_explained(two: Store) -> None:
    with pytest.raises(StoreError, match=r'"polcy" not found(.|\n)*"policy"'):
        two.query("select polcy from runs")
    with pytest.raises(StoreError, match="the query gives no table"):
        two.query("-- nothing")
    with pytest.raises(StoreError, match=r"no column 'polcy'.*Did you mean 'policy'"):
        two.table(["polcy"])
