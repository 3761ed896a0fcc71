"""Does a comparison of two stores find what moved, and nothing where nothing did?"""

from __future__ import annotations

from pathlib import Path

import pytest

from reclaim.results.diff import Difference, diff
from reclaim.store import Store
from tests.records import Record, failed, record


def differ(path: Path, a: list[Record], b: list[Record]) -> Difference:
    stores = Store(path / "a"), Store(path / "b")
    for store, records in zip(stores, (a, b), strict=True):
        for one in records:
            store.append(one)
    return diff(*stores)


def test_stores_with_the_same_counts_are_the_same(tmp_path: Path) -> None:
    a = [record(seed=seed, seconds=1.0 + seed / 100) for seed in range(3)]
    b = [one | {"seconds": 1.01 * one["seconds"], "started": "later"} for one in reversed(a)]
    found = differ(tmp_path, a, b)
    assert found.same
    assert (found.equal, found.moved, found.broken) == (3, [], [])
    assert [panel.overall.verdict for panel in found.times.values()] == ["no difference shown"]


def test_other_numbers_from_other_code_have_moved(tmp_path: Path) -> None:
    a = [record(seed=seed, counters={"misses": 100 + seed}) for seed in range(4)]
    b = [record(seed=s, counters={"misses": 90 + s}, version="2") for s in range(4)]
    found = differ(tmp_path, a, b)
    (moved,) = found.moved
    assert moved.name == "loop, 8 frames, fifo, pte_chain"
    assert (moved.because, moved.seeds, list(moved.counts)) == (("code",), 4, ["misses"])
    how = moved.counts["misses"]
    assert (how.base_mean, how.other_mean, how.verdict) == (101.5, 91.5, "lower")
    assert how.base == str(tmp_path / "a")
    assert (found.equal, found.same, found.broken) == (0, False, [])


def test_other_numbers_from_the_same_code_and_trace_are_told_apart(tmp_path: Path) -> None:
    found = differ(tmp_path, [record()], [record(counters={"evictions": 1})])
    (broken,) = found.broken
    assert list(broken.counts) == ["evictions"]


def test_another_trace_is_named(tmp_path: Path) -> None:
    found = differ(tmp_path, [record()], [record(counters={"misses": 1}, trace_hash="ab")])
    assert [one.because for one in found.moved] == [("trace",)]


def test_only_some_seeds_may_move(tmp_path: Path) -> None:
    a = [record(seed=seed) for seed in range(3)]
    found = differ(tmp_path, a, [*a[:2], record(seed=2, counters={"misses": 1})])
    assert (found.equal, len(found.moved), found.moved[0].seeds) == (2, 1, 3)


def test_where_a_trace_lies_does_not_matter(tmp_path: Path) -> None:
    def at(folder: str) -> Record:
        one = record(workload=f"{folder}/t.arrow")
        one["config"] |= {"reader": None, "options": {"at": folder}}
        return one

    found = differ(
        tmp_path, [at("/home/a")], [at("/srv/b") | {"trace_hash": at("/home/a")["trace_hash"]}]
    )
    assert found.same
    assert found.equal == 1


def test_runs_in_one_alone_and_other_endings_are_named(tmp_path: Path) -> None:
    a = [record(), record(seed=1), failed(seed=2), failed(seed=3)]
    b = [record(), record(frames=16), record(seed=2), failed(seed=3)]
    found = differ(tmp_path, a, b)
    assert found.only_a == ["loop, 8 frames, fifo, pte_chain, seed 1"]
    assert found.only_b == ["loop, 16 frames, fifo, pte_chain, seed 0"]
    (otherwise,) = found.ended_otherwise
    assert otherwise.startswith("loop, 8 frames, fifo, pte_chain, seed 2: failed in ")
    assert found.equal == 1


def test_counts_that_one_version_does_not_know_have_not_moved(tmp_path: Path) -> None:
    found = differ(tmp_path, [record()], [record(counters={"quarks": 3})])
    assert (found.same, found.equal) == (True, 1)


def timed(seconds: list[float], **rest: Record) -> list[Record]:
    return [record(seed=seed, frames=frames) | {"seconds": value * frames} | rest
            for frames in (8, 16, 32)
            for seed, value in enumerate(seconds)]  # fmt: skip


@pytest.mark.parametrize(
    ("b", "verdict"),
    [
        ([1.5, 1.52, 1.49], "higher"),
        ([0.6, 0.61, 0.59], "lower"),
        ([1.02, 1.03, 1.04], "no difference shown"),
    ],
)
def test_time_differs_only_beyond_its_noise(tmp_path: Path, b: list[float], verdict: str) -> None:
    found = differ(tmp_path, timed([1.0, 1.01, 0.99]), timed(b))
    assert found.same
    (panel,) = found.times.values()
    assert panel.overall.verdict == verdict
    assert panel.overall.n == 3


def test_a_noisy_machine_raises_the_floor(tmp_path: Path) -> None:
    found = differ(tmp_path, timed([1.0, 1.4, 0.7]), timed([1.3, 1.8, 0.9]))
    assert found.floor > 0.5
    assert [panel.overall.verdict for panel in found.times.values()] == ["no difference shown"]


@pytest.mark.parametrize(
    ("seconds", "counters", "timed"),
    [(9.0, {}, True), (9.0, {"misses": 1}, False), (0.04, {}, False)],
)
def test_only_equal_work_that_took_a_while_is_timed(
    tmp_path: Path, seconds: float, counters: dict[str, int], timed: bool
) -> None:
    a, b = record(seconds=1.0), record(seconds=seconds, counters=counters)
    assert bool(differ(tmp_path, [a], [b]).times) == timed


def test_other_machines_are_named(tmp_path: Path) -> None:
    found = differ(tmp_path, [record()], [record(machine={"cpu": "6502"})])
    assert found.machines == ("6502", "Z80")
    assert found.same
