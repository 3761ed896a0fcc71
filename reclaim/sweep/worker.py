"""A worker: a process that does one run after the other, as it is told through a pipe.

It writes nothing. What it finds goes back through the pipe, so that a worker can be killed at any
moment, which is the only way to stop a loop in compiled code. Plugins and compiled pairs stay
loaded from one run to the next; traces are mapped, and so shared with all other workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.errors import ReclaimError

if TYPE_CHECKING:
    from reclaim.plugin.registry import Registry
    from reclaim.sweep.plan import Task
    from reclaim.trace.model import Trace

OPEN_TRACES = 8
"""Traces that a worker keeps mapped."""

TELL_SECONDS = 0.5
"""Between two words of how far a run is."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Setup:
    """What all runs of a worker share.

    Parameters
    ----------
    plugins : tuple of str
        Paths beside the installed plugins.
    costs : str or dict
        The cost model, as the sweep gives it.
    memory_limit : int or None
        Bytes.
    locks : str
        A folder for locks between workers.
    """

    plugins: tuple[str, ...]
    costs: str | dict[str, float]
    memory_limit: int | None
    locks: str


@dataclass(frozen=True)
class Order:
    """One run, in words that a process of its own understands.

    Parameters
    ----------
    identity : str
        Of the run.
    trace : str
        Path of its trace.
    policy, rmap : tuple
        Name or preset, and parameters.
    fields : dict
        The other fields of a `RunSpec`.
    sources : tuple of str
        Source hashes of policy and strategy when the sweep was planned.
    """

    identity: str
    trace: str
    policy: tuple[str, dict[str, Any]]
    rmap: tuple[str, dict[str, Any]]
    fields: dict[str, Any]
    sources: tuple[str, str]


def order_of(task: Task, shared: Mapping[str, Any]) -> Order:
    """Return the order for a run."""
    from reclaim.session import pressure_fields

    cell = task.cell
    return Order(
        identity=task.identity,
        trace=task.trace.path,
        policy=(cell.policy.label, cell.policy.all_params()),
        rmap=(cell.rmap.label, cell.rmap.all_params()),
        fields={
            "frames": cell.frames,
            "seed": cell.seed,
            **pressure_fields(cell.pressure),
            **shared,
        },
        sources=(
            task.provenance["policy"]["source_hash"],
            task.provenance["rmap"]["source_hash"],
        ),
    )


class Runner:
    """Does runs; keeps plugins, costs and traces from one to the next.

    Parameters
    ----------
    setup : Setup
        What all of them share.
    """

    def __init__(self, setup: Setup) -> None:
        # The compiler belongs to the worker, not to the memory of its first run.
        import reclaim.jit.lower  # noqa: F401
        from reclaim.counters import COUNTER_NAMES
        from reclaim.metrics.costs import resolve_costs
        from reclaim.plugin.manager import load_plugins

        self.setup = setup
        self.registry: Registry = load_plugins([Path(path) for path in setup.plugins])
        self.costs = resolve_costs(setup.costs, COUNTER_NAMES)
        self._traces: OrderedDict[str, Trace] = OrderedDict()

    def run(self, order: Order, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Do a run and return its record.

        Raises
        ------
        ReclaimError
            It cannot be done.
        """
        from reclaim.engine.resolve import resolve
        from reclaim.metrics.costs import modelled_time
        from reclaim.run import PluginChoice, RunSpec, run_one

        started = time.perf_counter()
        trace = self._trace(order.trace)
        spec = RunSpec(
            PluginChoice(*self.registry.policies.choose(*order.policy)),
            PluginChoice(*self.registry.rmaps.choose(*order.rmap)),
            **order.fields,
        )
        self._check_sources(order, spec)
        # One finds what follows from the trace alone, the others read it.
        with self._one_at_a_time(trace.content_hash()):
            needs = "lookahead" in spec.policy.cls.needs
            resolve(trace, spec.fork_copies, needs, spec.rmap.cls.copies_on_move)
        record = run_one(trace, spec, progress)
        limit = self.setup.memory_limit
        if limit is not None and record["machine_bytes"] > limit:
            raise ReclaimError(over_memory(limit))
        record["modelled"] = modelled_time(record["phases"], record["counters"], self.costs)
        record["wall_seconds"] = time.perf_counter() - started
        return record

    def _trace(self, path: str) -> Trace:
        from reclaim.trace.stored import StoredTrace

        if path not in self._traces:
            # It was read to the end when the sweep's folder took it in (reclaim.sweep.traces).
            self._traces[path] = StoredTrace(path, checked=True)
            while len(self._traces) > OPEN_TRACES:
                self._traces.popitem(last=False)
        self._traces.move_to_end(path)
        return self._traces[path]

    def _check_sources(self, order: Order, spec: Any) -> None:
        from reclaim.sweep.provenance import source_hash

        for choice, planned in zip((spec.policy, spec.rmap), order.sources, strict=True):
            if source_hash(choice.cls) != planned:
                raise ReclaimError(
                    f"the file of '{choice.cls.name}' was edited after the sweep was planned; "
                    "start the sweep again to run what it is now"
                )

    @contextlib.contextmanager
    def _one_at_a_time(self, name: str) -> Iterator[None]:
        try:
            import fcntl

            folder = Path(self.setup.locks)
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / f"{name}.lock").open("w")
        except (ImportError, OSError):
            yield  # twice the work, the same result
            return
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def over_memory(limit: int) -> str:
    """Return what a run that took too much says, whoever found out."""
    from reclaim.metrics.memory import megabytes

    return f"over memory_limit: it took more than {megabytes(limit)}"


def failure(error: BaseException) -> str:
    """Return what a failed run says: one line, and where a plugin raised it."""
    if isinstance(error, ReclaimError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({frame.filename}:{frame.lineno}, {frame.name})" for frame in last)
    return f"{traceback.format_exception_only(error)[-1].strip()}{where}"


def serve(connection: Connection) -> None:
    """Do what comes through a pipe until it is closed.

    Messages are pairs: out go ("ready", None), ("running", None) once a run's machine is compiled,
    ("at", share) now and then, and ("done", record) or ("failed", message).
    """
    runner = Runner(connection.recv())
    connection.send(("ready", None))
    while True:
        order: Order | None = connection.recv()
        if order is None:
            return
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            now = time.monotonic()
            if done == 0:
                connection.send(("running", None))
            elif now - told >= TELL_SECONDS:
                connection.send(("at", done / max(1, total)))
                told = now

        try:
            record = runner.run(order, progress)
        except (EOFError, BrokenPipeError):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises fails its run alone
            connection.send(("failed", failure(error)))
        else:
            connection.send(("done", record))


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, were it in compiled code then."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Serve the pipe whose number, and the parent's, are the arguments."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    _die_with(int(sys.argv[2]))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
