"""Does a store give back what was put into it, in order, once, whatever file it is in?"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from reclaim.store import Store
from reclaim.store import store as module
from tests.records import Record, failed, record

CELLS = [
    record(workload=workload, policy=policy, frames=frames, seed=seed)
    for workload in ("loop", "scan")
    for policy in ("clock", "fifo")
    for frames in (8, 16, 128)
    for seed in (0, 1)
]


def shuffled(seed: int = 1) -> list[Record]:
    mixed = list(CELLS)
    random.Random(seed).shuffle(mixed)
    return mixed


def filled(path: Path, compact_every: int = 0, records: list[Record] | None = None) -> Store:
    store = Store(path)
    for number, one in enumerate(shuffled() if records is None else records, 1):
        store.append(one)
        if compact_every and number % compact_every == 0:
            store.compact()
    return store


LAYOUTS = pytest.mark.parametrize("compact_every", [0, 24, 5], ids="every-{}".format)


@LAYOUTS
def test_records_come_back_as_they_were_and_in_order(tmp_path: Path, compact_every: int) -> None:
    store = filled(tmp_path, compact_every)
    assert list(store.records()) == CELLS
    assert store.warnings == []


@LAYOUTS
def test_a_table_has_the_same_rows_in_the_same_order(tmp_path: Path, compact_every: int) -> None:
    table = filled(tmp_path, compact_every).table()
    assert table["identity"].to_pylist() == [one["identity"] for one in CELLS]
    assert table["misses"].to_pylist() == [one["counters"]["misses"] for one in CELLS]
    assert table["miss_ratio"].to_pylist() == [one["derived"]["miss_ratio"] for one in CELLS]
    assert table["frames"].type == pa.int64()
    assert not {"record", "stamp"} & set(table.column_names)


@LAYOUTS
def test_a_query_sees_every_row_once(tmp_path: Path, compact_every: int) -> None:
    store = filled(tmp_path, compact_every)
    found = store.query(
        "select policy, count(*) as n, sum(misses) as misses from runs group by policy order by 1"
    )
    misses = sum(one["counters"]["misses"] for one in CELLS) // 2
    assert found.to_pylist() == [
        {"policy": "clock", "n": 12, "misses": misses},
        {"policy": "fifo", "n": 12, "misses": misses},
    ]


@LAYOUTS
def test_the_whole_record_can_be_asked_with_sql(tmp_path: Path, compact_every: int) -> None:
    store = filled(tmp_path, compact_every)
    found = store.query("select distinct record->>'$.machine.cpu' as cpu from runs")
    assert found["cpu"].to_pylist() == ["Z80"]
    (first, *_rest) = store.table(["record"])["record"].to_pylist()
    assert json.loads(first) == CELLS[0]


@LAYOUTS
def test_identities_name_every_record_and_its_status(tmp_path: Path, compact_every: int) -> None:
    store = filled(tmp_path, compact_every)
    bad = failed(workload="bad")
    store.append(bad)
    assert store.identities() == {one["identity"]: one["status"] for one in [*CELLS, bad]}
    assert store.identities("failed") == {bad["identity"]: "failed"}
    assert list(Store(tmp_path).identities("done")) == list(store.identities("done"))


@pytest.mark.parametrize("merged", [(), (0,), (1,), (0, 1)], ids=str)
def test_a_later_record_of_an_identity_takes_its_place(
    tmp_path: Path, merged: tuple[int, ...]
) -> None:
    store = Store(tmp_path)
    for number, one in enumerate((failed(), record())):
        store.append(one)
        if number in merged:
            store.compact()
    assert store.identities() == {record()["identity"]: "done"}
    assert list(store.records()) == [record()]
    assert store.table()["status"].to_pylist() == ["done"]
    assert store.query("select status from runs").to_pylist() == [{"status": "done"}]


def test_a_failed_run_has_its_cell_and_its_error(tmp_path: Path) -> None:
    store = filled(tmp_path, records=[failed(frames=16), record()])
    done, bad = store.query("select * from runs order by status").to_pylist()
    assert (bad["error"], bad["frames"], bad["misses"]) == ("out of memory: 8 frames", None, None)
    assert (bad["policy"], bad["frames_given"], done["frames_given"]) == ("fifo", "16", "8")


def test_records_can_be_chosen_by_a_condition(tmp_path: Path) -> None:
    chosen = list(filled(tmp_path, 7).records("policy = 'clock' and frames > 100"))
    assert chosen == [c for c in CELLS if c["policy"] == "clock" and c["frames"] == 128]


def test_a_value_that_only_new_records_have_is_null_in_older_ones(tmp_path: Path) -> None:
    store = filled(tmp_path, 1, [record(), record(seed=1, temperature=21.5, place="lab")])
    store.append(record(seed=2, temperature=22, counters={"quarks": 3}))
    rows = store.query("select temperature, place, quarks from runs order by seed").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (None, None, None),
        (21.5, "lab", None),
        (22.0, None, 3),
    ]
    assert store.table()["temperature"].to_pylist() == [None, 21.5, 22.0]


@LAYOUTS
def test_a_value_of_another_kind_makes_its_column_text(tmp_path: Path, compact_every: int) -> None:
    kinds = (21, "hot", 1.5, True, None)
    records = [record(seed=seed, temperature=kind) for seed, kind in enumerate(kinds)]
    store = filled(tmp_path, compact_every and 1, records)
    expected = ["21", "hot", "1.5", "true", None]
    table = store.table(["seed", "temperature"])["temperature"].to_pylist()
    asked = store.query("select temperature from runs order by seed")["temperature"].to_pylist()
    assert [text and text.lower() for text in table] == expected
    assert [text and text.lower() for text in asked] == expected


def test_merging_leaves_one_file_until_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FULL_ROWS", 10)
    store = filled(tmp_path, 6)
    # 6, then 6 + 6 = 12, which is full; 6, then 12 again.
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert not list((tmp_path / "inbox").iterdir())
    before = sorted(tmp_path.rglob("*"))
    store.compact()
    assert sorted(tmp_path.rglob("*")) == before
    assert list(store.records()) == CELLS


def test_an_empty_store_answers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.compact()
    assert store.identities() == {}
    assert list(store.records()) == []
    assert store.table().num_rows == 0
    assert store.query("select count(*) as n from runs where policy = 'clock'").to_pylist() == [
        {"n": 0}
    ]


def test_a_path_with_a_quote_can_be_asked(tmp_path: Path) -> None:
    store = filled(tmp_path / "it's a [store]", 24)
    assert store.query("select count(*) as n from runs").to_pylist() == [{"n": 24}]
