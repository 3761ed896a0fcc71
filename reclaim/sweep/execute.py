"""Doing the runs of a sweep in worker processes on this machine, each record stored as it comes.

A run is in the store whole or not at all, under its identity, so that a sweep that is killed and
started again goes on where it was. Only this process writes. A worker that is killed, or dies,
fails the run that it was at; another takes its place.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reclaim.errors import MachineError
from reclaim.sweep.plan import SHARED, Plan, Task, reproduce
from reclaim.sweep.pool import PREPARE_SECONDS, Worker, connections, died
from reclaim.sweep.provenance import machine
from reclaim.sweep.traces import FOLDER
from reclaim.sweep.worker import Setup, order_of, over_memory

if TYPE_CHECKING:
    from reclaim.config.schema import Config
    from reclaim.config.sweep import SweepConfig

TICK_SECONDS = 0.25
"""Between two looks at the limits, and at the clock."""


class Sink(Protocol):
    """What executing needs of a store."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Put a record on disk."""


@dataclass
class Progress:
    """How far a sweep is.

    Parameters
    ----------
    total : int
        Runs to do.
    workers : list of Worker
        Who does them.
    weight : int
        Accesses of all runs to do.
    """

    total: int
    weight: int
    workers: list[Worker] = field(default_factory=list)
    done: int = 0
    failed: int = 0
    accesses: int = 0
    finished_weight: int = 0
    loop_seconds: float = 0.0
    busy_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Accesses a second, all workers together."""
        return self.accesses / max(self.elapsed, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Expected; None before anything is known."""
        underway = sum(w.doing.share * w.doing.task.trace.accesses for w in self.workers if w.doing)
        if not self.accesses:
            return None
        # Compiling is not among it: it comes at the beginning, and would be taken for the rule.
        each = self.busy_seconds / self.accesses
        left = max(0.0, self.weight - self.finished_weight - underway)
        return left * each / max(1, len(self.workers))


Report = Callable[[Progress, Task | None, str | None], object]
"""Called with the state and, where a run has just ended, the run and why it failed (None: done)."""


@dataclass(frozen=True)
class Failure:
    """A run that failed."""

    task: Task
    message: str
    command: str


@dataclass(frozen=True)
class Summary:
    """What a sweep has come to."""

    done: int
    failures: tuple[Failure, ...]
    seconds: float
    loop_seconds: float
    accesses: int


class _Queue:
    """Runs that wait, pair by pair; a worker keeps to a pair until none of it waits."""

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        self.waiting: dict[tuple[str, str], deque[Task]] = {}
        for task in tasks:
            self.waiting.setdefault(task.pair, deque()).append(task)

    def __len__(self) -> int:
        return sum(map(len, self.waiting.values()))

    def next_for(self, worker: Worker, workers: list[Worker]) -> Task | None:
        """Return what a worker shall do: of its pair, else of a fresh one, else helping out."""
        if not self.waiting:
            return None
        bound = [pair for pair in self.waiting if pair in worker.pairs]
        others = {pair for other in workers if other is not worker for pair in other.pairs}
        fresh = [pair for pair in self.waiting if pair not in others]
        choices = bound or fresh or list(self.waiting)
        # Of those to help with, the one that has most left; of the rest, the first.
        pair = choices[0] if bound or fresh else max(choices, key=lambda p: len(self.waiting[p]))
        task = self.waiting[pair].popleft()
        if not self.waiting[pair]:
            del self.waiting[pair]
        return task


class _Execution:
    def __init__(self, plan: Plan, store: Sink, folder: Path, jobs: int, report: Report) -> None:
        self.plan = plan
        self.store = store
        self.jobs = jobs
        self.report = report
        config = plan.sweep.config
        self.config = config
        self.shared = {key: getattr(config, key) for key in SHARED}
        self.setup = Setup(
            plugins=tuple(str(Path(path).resolve()) for path in config.plugins),
            costs=config.costs,
            memory_limit=config.memory_limit,
            locks=str(folder / FOLDER),
        )
        self.queue = _Queue(plan.todo)
        self.state = Progress(
            total=len(plan.todo), weight=sum(task.trace.accesses for task in plan.todo)
        )
        self.failures: list[Failure] = []
        self.numbers = 0

    # ---- workers ------------------------------------------------------------------------------

    def _hire(self) -> None:
        """Have as many workers as there is work for."""
        busy = sum(worker.doing is not None for worker in self.state.workers)
        while len(self.state.workers) < min(self.jobs, busy + len(self.queue)):
            taken = {worker.number for worker in self.state.workers}
            number = next(n for n in range(1, self.jobs + 1) if n not in taken)
            self.state.workers.append(Worker(number, self.setup))

    def _give(self) -> None:
        for worker in self.state.workers:
            if worker.ready and worker.doing is None:
                task = self.queue.next_for(worker, self.state.workers)
                if task is not None:
                    worker.give(task, order_of(task, self.shared))

    def _drop(self, worker: Worker) -> None:
        worker.kill()
        self.state.workers.remove(worker)

    @contextlib.contextmanager
    def _staff(self) -> Iterator[None]:
        """End the workers when the work is done, or at once if anything goes wrong."""
        try:
            yield
            for worker in self.state.workers:
                worker.dismiss()
            for worker in self.state.workers:
                worker.gone(2.0)
        finally:
            for worker in self.state.workers:
                with contextlib.suppress(OSError):
                    worker.kill()
            self.state.workers.clear()

    # ---- the sweep ----------------------------------------------------------------------------

    def run(self) -> Summary:
        state = self.state
        with self._staff():
            while len(self.queue) or any(worker.doing for worker in state.workers):
                self._hire()
                self._give()
                ready = set(wait(connections(state.workers), TICK_SECONDS))
                for worker in [w for w in state.workers if w.connection in ready]:
                    self._hear(worker)
                self._check_limits()
                self.report(state, None, None)
        return Summary(
            state.done, tuple(self.failures), state.elapsed, state.loop_seconds, state.accesses
        )

    def _hear(self, worker: Worker) -> None:
        kind, content = worker.receive()
        doing = worker.doing
        if kind == "ready":
            worker.ready = True
        elif kind == "died":
            self._drop(worker)
            if doing is not None:
                self._fail(doing.task, died(content), time.monotonic() - doing.began)
            elif not worker.ready:
                raise MachineError(f"a worker cannot start: {died(content)}")
        elif doing is None:
            return
        elif kind == "running":
            doing.running = time.monotonic()
        elif kind == "at":
            doing.share = content
        else:
            worker.doing = None
            # The worker goes on while the record is written.
            self._give()
            if kind == "done":
                self._keep(doing.task, content)
            else:
                self._fail(doing.task, content, time.monotonic() - doing.began)

    def _check_limits(self) -> None:
        now = time.monotonic()
        for worker in list(self.state.workers):
            doing = worker.doing
            problem = None
            if doing is not None and self.config.time_limit is not None:
                limit = self.config.time_limit
                if doing.running is not None and now - doing.running > limit:
                    problem = f"over time_limit: it ran for more than {limit:g} s"
                elif doing.running is None and now - doing.began > limit + PREPARE_SECONDS:
                    problem = f"it was not ready to run after {limit + PREPARE_SECONDS:g} s"
            if doing is not None and problem is None and self.config.memory_limit is not None:
                limit_bytes = self.config.memory_limit
                if worker.own_bytes() - doing.bytes_before > limit_bytes:
                    problem = over_memory(limit_bytes)
            if doing is not None and problem is not None:
                self._drop(worker)
                self._fail(doing.task, problem, now - doing.began)

    # ---- records ------------------------------------------------------------------------------

    def _keep(self, task: Task, record: dict[str, Any]) -> None:
        named = naming(task, self.config, record["wall_seconds"])
        self.store.append({**record, **named, "status": "done", "error": None})
        self.state.done += 1
        self.state.accesses += record["counters"]["accesses"]
        self.state.loop_seconds += record["seconds"]
        self.state.busy_seconds += record["wall_seconds"] - record["bind_seconds"]
        self._ended(task, None)

    def _fail(self, task: Task, message: str, seconds: float) -> None:
        named = naming(task, self.config, seconds)
        self.store.append({**named, "status": "failed", "error": message})
        self.failures.append(Failure(task, message, named["reproduce"]))
        self.state.failed += 1
        self._ended(task, message)

    def _ended(self, task: Task, message: str | None) -> None:
        self.state.finished_weight += task.trace.accesses
        self.report(self.state, task, message)


def naming(task: Task, config: SweepConfig | Config, seconds: float) -> dict[str, Any]:
    """Return what every record says of its run.

    Parameters
    ----------
    task : Task
        The run.
    config : SweepConfig or Config
        What asked for it.
    seconds : float
        What it took.
    """
    cell = task.cell
    started = datetime.now(UTC).timestamp() - seconds
    return {
        "identity": task.identity,
        "workload": cell.workload_name,
        "workload_params": dict(cell.workload.params),
        "policy": cell.policy.cls.name,
        "policy_preset": cell.policy.preset,
        "policy_params": cell.policy.all_params(),
        "rmap": cell.rmap.cls.name,
        "rmap_preset": cell.rmap.preset,
        "rmap_params": cell.rmap.all_params(),
        "frames_given": cell.frames,
        "pressure": cell.pressure.mode,
        "seed": cell.seed,
        "trace_hash": task.trace.content_hash,
        "config": task.config,
        "provenance": task.provenance,
        "machine": machine(),
        "reproduce": reproduce(task, config),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
        "wall_seconds": seconds,
    }


def execute(
    plan: Plan,
    store: Sink,
    folder: Path,
    jobs: int,
    report: Report = lambda _state, _task, _message: None,
) -> Summary:
    """Do what a plan has to do.

    Parameters
    ----------
    plan : Plan
        From `choose`.
    store : Sink
        Where records go, one at a time.
    folder : Path
        The output folder.
    jobs : int
        Worker processes, at least 1.
    report : callable
        Told how far it is, several times a second.

    Raises
    ------
    ReclaimError
        A record cannot be written. What was stored stays; the run is to be done again.
    """
    return _Execution(plan, store, folder, jobs, report).run()
