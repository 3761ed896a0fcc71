"""Does the executor share work out well, and say truly how far it is?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from reclaim.cli.sweep_progress import state_line, worker_lines
from reclaim.config.sweep_file import load_sweep
from reclaim.engine import resolve as resolving
from reclaim.errors import ReclaimError, StoreError
from reclaim.sweep.execute import Progress, _Queue, execute
from reclaim.sweep.plan import SHARED, Plan, Task, choose, make_plan
from reclaim.sweep.pool import Doing, Worker, died
from reclaim.sweep.words import duration
from reclaim.sweep.worker import Order, Runner, Setup, failure, order_of
from reclaim.trace import stored
from tests.laboratory import plugins


def planned(folder: Path, **changes: Any) -> Plan:
    said = {
        "workloads": [{"page_pattern": {"pages": 50, "accesses": 2_000}}],
        "policies": ["fifo", "clock"],
        "rmaps": ["pte_chain"],
        "frames": [10, 20],
        "repeat": 2,
    }
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in (said | changes).items() if v is not None}))
    return choose(make_plan(load_sweep(str(path)), plugins(), folder / "out"), {})


def standing(nr: int) -> list[Worker]:
    """Workers without processes."""
    return [cast(Worker, SimpleNamespace(number=i + 1, pairs=set())) for i in range(nr)]


def taken(queue: _Queue, worker: Worker, workers: list[Worker]) -> Task:
    task = queue.next_for(worker, workers)
    assert task is not None
    worker.pairs.add(task.pair)
    return task


def test_a_worker_keeps_to_its_pair_then_takes_a_fresh_one_then_helps(tmp_path: Path) -> None:
    plan = planned(tmp_path, policies=["fifo", "clock", "lru"])
    queue = _Queue(plan.todo)
    one, two = workers = standing(2)
    assert taken(queue, one, workers).pair[0] == "fifo"
    assert taken(queue, two, workers).pair[0] == "clock"
    assert [taken(queue, one, workers).pair[0] for _ in range(3)] == ["fifo"] * 3
    assert [taken(queue, one, workers).pair[0] for _ in range(4)] == ["lru"] * 4
    # Nothing of its own is left, and nothing fresh.
    assert taken(queue, one, workers).pair[0] == "clock"
    assert [taken(queue, two, workers).pair[0] for _ in range(2)] == ["clock"] * 2
    assert queue.next_for(one, workers) is None
    assert len(queue) == 0


class Memory:
    """A store that forgets."""

    def __init__(self, full_after: int = 1000) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.full_after = full_after

    def append(self, record: Mapping[str, Any]) -> None:
        if len(self.records) == self.full_after:
            raise StoreError("disk full")
        self.records.append(record)


def test_every_run_is_kept_under_its_identity_and_says_all(tmp_path: Path) -> None:
    plan, store = planned(tmp_path), Memory()
    told: list[tuple[int, str | None]] = []

    def report(state: Progress, task: Task | None, message: str | None) -> None:
        if task is not None:
            told.append((state.done, message))

    summary = execute(plan, store, tmp_path / "out", 2, report)
    assert (summary.done, summary.failures, summary.accesses) == (8, (), 16_000)
    assert told == [(n, None) for n in range(1, 9)]
    assert {r["identity"] for r in store.records} == {task.identity for task in plan.tasks}
    for record in store.records:
        assert record["status"] == "done"
        assert record["workload"] == "page_pattern"
        assert record["workload_params"]["pages"] == 50
        assert record["provenance"]["policy"]["name"] == record["policy"]
        assert record["machine"]["numba"]
        assert record["modelled"]["total_ns"] > 0
        assert record["counters"]["accesses"] == 2_000
        assert record["reproduce"].startswith("reclaim run first-run ")


def runner_of(plan: Plan, folder: Path) -> tuple[Runner, list[Order]]:
    shared = {key: getattr(plan.sweep.config, key) for key in SHARED}
    orders = [order_of(task, shared) for task in plan.todo]
    return Runner(Setup((), {}, None, str(folder / "locks"))), orders


def test_all_sizes_and_policies_resolve_a_trace_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A trace that was never seen, or what an earlier test found would be read.
    plan = planned(tmp_path, seeds=[time.time_ns() % 10**9], repeat=None)
    runner, orders = runner_of(plan, tmp_path)
    resolved, opened = [], []
    run, source = resolving._run, stored.StoredTrace
    monkeypatch.setattr(resolving, "_run", lambda *args: resolved.append(1) or run(*args))
    monkeypatch.setattr(
        stored, "StoredTrace", lambda path, **how: opened.append(path) or source(path, **how)
    )
    for order in orders:
        runner.run(order, lambda _done, _total: None)
    assert (len(orders), len(resolved), len(opened)) == (4, 1, 1)


def test_a_plugin_that_was_edited_since_the_plan_is_not_run(tmp_path: Path) -> None:
    runner, (order, *_) = runner_of(planned(tmp_path), tmp_path)
    edited = replace(order, sources=("another", order.sources[1]))
    with pytest.raises(ReclaimError, match="the file of 'fifo' was edited after the sweep was"):
        runner.run(edited, lambda _done, _total: None)


def test_a_store_that_is_full_ends_it_and_leaves_no_worker(tmp_path: Path) -> None:
    import psutil

    plan, store = planned(tmp_path), Memory(full_after=3)
    with pytest.raises(StoreError, match="disk full"):
        execute(plan, store, tmp_path / "out", 2)
    assert len(store.records) == 3
    words = [child.cmdline() for child in psutil.Process().children()]
    assert not [one for one in words if "reclaim.sweep.worker" in one]


def test_the_time_left_goes_by_accesses_and_leaves_compiling_out() -> None:
    state = Progress(total=4, weight=4_000)
    assert state.seconds_left is None
    state.accesses = state.finished_weight = 1_000
    state.busy_seconds = 2.0
    assert state.seconds_left == pytest.approx(6.0)
    state.workers = standing(2)
    for worker in state.workers:
        worker.doing = None
    assert state.seconds_left == pytest.approx(3.0)


def test_the_state_is_said_in_words(tmp_path: Path) -> None:
    task = planned(tmp_path).tasks[0]
    state = Progress(total=20, weight=100, done=3, failed=1)
    idle, new, compiling, running = standing(4)
    now = time.monotonic()
    for worker, ready, doing in (
        (idle, True, None),
        (new, False, None),
        (compiling, True, Doing(task, now)),
        (running, True, Doing(task, now, running=now - 70, share=0.25)),
    ):
        worker.ready, worker.doing = ready, doing
    state.workers = [running, compiling, new, idle]
    assert state_line(state).startswith("4 of 20 runs, 1 failed, 0 M accesses/s, ")
    lines = worker_lines(state)
    assert lines[:2] == ["  1  idle", "  2  starting"]
    assert lines[2] == "  3  fifo / pte_chain / 10 / page_pattern / 0  compiling or loading"
    assert lines[3].endswith("1 min 10 s  25%")


def test_words() -> None:
    assert [duration(s) for s in (0.25, 12.4, 61, 3_725)] == [
        "0.2 s",
        "12 s",
        "1 min 1 s",
        "1 h 2 min",
    ]
    assert died(-11) == "the worker process was killed by SIGSEGV"
    assert died(3) == "the worker process ended with exit code 3"
    assert failure(MemoryError()) == "out of memory"
    assert failure(StoreError("as it is")) == "as it is"
