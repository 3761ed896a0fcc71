"""Are records that differ in their seed alone one cell, under a name that tells it from others?"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from reclaim.results.cells import against, cells_of, failures_of
from reclaim.store import Store
from tests.records import Record, failed, record


def table_of(path: Path, *records: Record) -> pa.Table:
    store = Store(path)
    for one in records:
        store.append(one)
    return store.table()


def misses(workload: str, policy: str, seed: int, nr: int, **rest: object) -> Record:
    return record(workload=workload, policy=policy, seed=seed, counters={"misses": nr}, **rest)  # type: ignore[arg-type]


def test_a_cell_has_mean_and_interval_over_its_seeds(tmp_path: Path) -> None:
    runs = [misses("loop", "fifo", seed, 100 + seed) for seed in range(5)]
    (cell,) = cells_of(table_of(tmp_path, *runs, failed(seed=9)))
    found = cell.summary("misses")
    assert found is not None
    assert (cell.workload, cell.policy, cell.frames, cell.nr_seeds) == ("loop", "fifo", "8", 5)
    assert (found.n, found.mean) == (5, 102)
    assert found.half == pytest.approx(2.776 * (2.5 / 5) ** 0.5, rel=1e-3)


def test_a_size_given_in_percent_is_one_cell_though_its_frames_differ(tmp_path: Path) -> None:
    runs = [record(seed=seed, frames=8 + seed) | {"frames_given": "25%"} for seed in range(3)]
    for one in runs:
        one["config"]["frames"] = "25%"
    (cell,) = cells_of(table_of(tmp_path, *runs))
    assert (cell.frames, cell.frames_mean, cell.nr_seeds) == ("25%", 9, 3)


def test_parameters_are_said_where_they_differ(tmp_path: Path) -> None:
    def tuned(policy: str, **params: int) -> Record:
        changed = record(policy=policy, version=str(params)) | {"policy_params": params}
        changed["config"]["policy_params"] = params
        return changed

    cells = cells_of(
        table_of(
            tmp_path, tuned("two_q", k=1, out=5), tuned("two_q", k=2, out=5), tuned("clock", h=1)
        )
    )
    assert [cell.policy for cell in cells] == ["clock", "two_q(k=1)", "two_q(k=2)"]


def test_cells_apart_in_what_has_no_column_are_not_mixed(tmp_path: Path) -> None:
    runs = [record(version=str(slots)) for slots in (1, 2)]
    for slots, one in enumerate(runs):
        one["config"]["swap_pages"] = slots
        one["policy"] = ("fifo", "clock")[slots]
    cells = cells_of(table_of(tmp_path, *runs))
    assert [cell.nr_seeds for cell in cells] == [1, 1]
    assert against(cells, "fifo") == {}


def test_failures_are_told_by_their_message(tmp_path: Path) -> None:
    runs = [failed(seed=0), failed(seed=1), failed("broken", seed=2), record(seed=3)]
    found = {one.error: one for one in failures_of(table_of(tmp_path, *runs))}
    assert {error: one.count for error, one in found.items()} == {
        "out of memory: 8 frames": 2,
        "broken": 1,
    }
    assert found["broken"].reproduce == "reclaim run loop --policy fifo --frames 8"


def test_policies_are_compared_by_trace_size_and_seed(tmp_path: Path) -> None:
    runs = [
        misses(workload, policy, seed, nr)
        for workload, scale in (("loop", 1), ("scan", 100))
        for seed, noise in enumerate((0, 7, 3))
        for policy, nr in (
            ("fifo", scale * (100 + noise)),
            ("clock", scale * (80 + noise)),
            ("lru", scale * (100 + noise) + (noise - 3)),
        )
    ]
    runs.append(misses("loop", "fifo", 9, 1))  # a seed that the others do not have
    found = against(cells_of(table_of(tmp_path, *runs)), "fifo")
    assert sorted(found) == [("clock", "pte_chain"), ("lru", "pte_chain")]
    clock, lru = found["clock", "pte_chain"], found["lru", "pte_chain"]
    assert {one.verdict for one in clock.cells.values()} == {"lower"}
    assert {one.n for one in clock.cells.values()} == {3}
    assert clock.overall.verdict == "lower"
    assert clock.overall.base == "fifo"
    assert {one.verdict for one in lru.cells.values()} == {"no difference shown"}
