"""Do `results`, `diff` and `load_results` give what a store holds, in every form?"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import reclaim as package
from reclaim.store import Store
from tests.e2e.program import Ended, call
from tests.records import Record, failed, record

Program = Callable[..., Ended]
RUNS = [
    record(
        workload=workload,
        policy=policy,
        frames=frames,
        seed=seed,
        counters={"accesses": 1000, "misses": frames + 10 * len(policy) + seed},
    )
    for workload in ("loop", "a-workload-whose-name-says-quite-a-lot-about-what-it-does-to-memory")
    for policy in ("fifo", "clock")
    for frames in (8, 128)
    for seed in range(3)
]


@pytest.fixture
def reclaim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return lambda *args: call(monkeypatch, capsys, *args)


def stored(path: Path, records: list[Record]) -> Path:
    store = Store(path)
    for one in records:
        store.append(one)
    store.compact()
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return stored(tmp_path / "out", [*RUNS, failed(workload="bad")])


def test_the_table_has_a_line_for_each_cell_and_names_what_failed(
    reclaim: Program, store: Path
) -> None:
    done = reclaim("results", store)
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert max(map(len, lines)) <= 100
    cells = [line.split() for line in lines if line.startswith("loop ")]
    assert [line[1:7] for line in cells] == [
        ["8", "clock", "pte_chain", "3", "5.90", "0.25"],
        ["8", "fifo", "pte_chain", "3", "4.90", "0.25"],
        ["128", "clock", "pte_chain", "3", "17.90", "0.25"],
        ["128", "fifo", "pte_chain", "3", "16.90", "0.25"],
    ]
    assert "1 run failed:\n  1 x out of memory: 8 frames\n      reclaim run bad" in done.out


def test_a_condition_leaves_the_others_out(reclaim: Program, store: Path) -> None:
    out = reclaim("results", store, "--where", "frames = 8 and policy = 'fifo'").out
    assert ("fifo" in out, "clock" in out, "128" in out, "failed" in out) == (True, *[False] * 3)
    assert "no results that meet" in reclaim("results", store, "--where", "frames = 9").out


def test_pressures_are_told_apart(reclaim: Program, tmp_path: Path) -> None:
    runs = [record(pressure=mode, version=mode) for mode in ("exact", "limit")]
    for one in runs:
        one["config"]["pressure"] = one["pressure"]
    out = reclaim("results", stored(tmp_path / "out", runs)).out
    assert [line.split()[1:3] for line in out.splitlines() if line.startswith("loop")] == [
        ["8", "exact"],
        ["8", "limit"],
    ]


def test_a_long_table_is_cut_and_says_so(
    reclaim: Program, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reclaim.cli.results_text.LONG", 3)
    out = reclaim("results", store).out
    assert out.count("pte_chain") == 3
    assert "5 cells more: choose with --where, or give --all." in out
    out = reclaim("results", store, "--all").out
    assert out.count("pte_chain") == 8
    assert "cells more" not in out


def test_policies_beside_a_base(reclaim: Program, store: Path) -> None:
    out = reclaim("results", store, "--base", "fifo").out
    (line,) = [line.split() for line in out.splitlines() if line.startswith("clock ")]
    ratio, low, to, high, *verdicts = line[2:]
    assert 1 < float(low) < float(ratio) < float(high)
    assert (to, verdicts) == ("to", ["0", "4", "0", "higher"])
    assert "x fifo" in out


def test_sql_in_every_form(reclaim: Program, store: Path, tmp_path: Path) -> None:
    sql = (
        "select policy, count(*) as runs, sum(misses) as misses, avg(1.0 / 0) as bad from runs "
        "where status = 'done' group by policy order by policy"
    )
    misses = {
        policy: sum(one["counters"]["misses"] for one in RUNS if one["policy"] == policy)
        for policy in ("clock", "fifo")
    }
    text = reclaim("results", store, "--sql", sql).out.splitlines()
    assert text[0].split() == ["policy", "runs", "misses", "bad"]
    assert text[2].split()[:3] == ["clock", "12", str(misses["clock"])]
    rows = json.loads(reclaim("results", store, "--sql", sql, "--json").out)["rows"]
    assert [(row["policy"], row["misses"], row["bad"]) for row in rows] == [
        (policy, nr, None) for policy, nr in misses.items()
    ]
    table = list(csv.reader(io.StringIO(reclaim("results", store, "--sql", sql, "--csv").out)))
    assert [row[:3] for row in table[1:]] == [[p, "12", str(nr)] for p, nr in misses.items()]
    file = tmp_path / "answer.parquet"
    assert reclaim("results", store, "--sql", sql, "--parquet", file).code == 0
    assert pq.read_table(file)["misses"].to_pylist() == list(misses.values())


def test_many_columns_become_a_block_a_row(reclaim: Program, store: Path) -> None:
    out = reclaim("results", store, "--sql", "select * exclude (record) from runs limit 2").out
    assert len(out.split("\n\n")) == 2
    assert any(line.split() == ["rmap", "pte_chain"] for line in out.splitlines())


def test_exports_hold_everything(reclaim: Program, store: Path, tmp_path: Path) -> None:
    runs = json.loads(reclaim("results", store, "--json").out)["runs"]
    assert {one["identity"]: one for one in runs} == {
        one["identity"]: one for one in [*RUNS, failed(workload="bad")]
    }
    assert json.loads(reclaim("results", store, "--json", "--where", "false").out) == {"runs": []}
    rows = list(csv.DictReader(io.StringIO(reclaim("results", store, "--csv").out)))
    assert len(rows) == 25
    assert {row["policy_params"] for row in rows} == {"{}"}
    file = tmp_path / "all.parquet"
    reclaim("results", store, "--parquet", file, "--where", "status = 'done'")
    assert pq.read_table(file).num_rows == 24


def test_results_in_python(store: Path) -> None:
    table = package.load_results(store, "policy = 'clock' and status = 'done'")
    assert table["misses"].to_pylist() == [
        one["counters"]["misses"]
        for one in sorted(RUNS, key=lambda one: (one["workload"], one["frames"], one["seed"]))
        if one["policy"] == "clock"
    ]


def test_skipped_files_are_named_wherever_results_are_read(reclaim: Program, store: Path) -> None:
    bad = store / "inbox" / "notes.txt"
    bad.write_text("mine")
    said = f"{bad}: skipped: not a file of a store."
    for args in (("results", store), ("results", store, "--json"), ("diff", store, store)):
        assert reclaim(*args).err == f"reclaim: warning: {said}\n" * (1 + (args[0] == "diff"))
    with pytest.warns(UserWarning, match="notes.txt: skipped"):
        package.load_results(store)


def test_diff_says_what_moved_and_exits_with_1(
    reclaim: Program, store: Path, tmp_path: Path
) -> None:
    same = reclaim("diff", store, store)
    assert (same.code, same.err) == (0, "")
    assert "24 runs have equal counts in both; 0 cells moved." in same.out
    moved = [one for one in RUNS if one["frames"] == 8]
    moved[0] = moved[0] | {"counters": moved[0]["counters"] | {"evictions": 7}}
    other = stored(tmp_path / "other", moved)
    done = reclaim("diff", store, other)
    assert done.code == 1
    assert "Counts that had to be equal, since neither trace nor code differs:" in done.out
    assert "  loop, 8 frames, fifo, pte_chain, 3 seeds\n    evictions: " in done.out
    assert f"13 only in {store}:" in done.out
    document = json.loads(reclaim("diff", store, other, "--json").out)
    assert [one["counts"]["evictions"]["pairs"] for one in document["moved"]] == [3]
    assert (document["same"], len(document["only_a"]), document["equal_runs"]) == (False, 13, 11)


def test_reading_results_needs_no_compiler(store: Path) -> None:
    code = (
        "import sys\nfrom reclaim.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numba', 'llvmlite', 'pandas'} & set(sys.modules)))"
    )
    for args in (["results", str(store), "--base", "fifo"], ["diff", str(store), str(store)]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args],
            text=True,
            capture_output=True,
            check=True,
            env=os.environ | {"COVERAGE_PROCESS_START": ""},
            timeout=60,
        )
        assert done.stdout.splitlines()[-1] == "[]"
