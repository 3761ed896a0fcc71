"""A script happens on a machine, kernels as plain Python, and every promise is looked at.

`attempt` is what the conformance checks repeat on thousands of scripts: it answers None, or the
first promise that was not kept.
"""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from reclaim import rows as r
from reclaim.engine.drive import Driver
from reclaim.errors import MachineError, TraceError
from reclaim.ids import NIL
from reclaim.kit.lists import frames_on
from reclaim.run import PluginChoice, RunSpec
from reclaim.testing.guard import Breach, BreachError, Guard, accessors_watched
from reclaim.testing.outcome import drive
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script
from reclaim.vm.invariants import broken

PATIENCE = 1.0
"""Seconds of processor that one event may take as plain Python; most take a millisecond."""


@dataclass(frozen=True)
class World:
    """On what kind of machine a script happens.

    Parameters
    ----------
    frames : int
        Frames of memory.
    pressure : mapping
        The mode and its numbers, as fields of `RunSpec`.
    fork_copies : str
        As in `RunSpec`.
    swap_pages : int or None
        As in `RunSpec`; a machine with few slots may run out of memory by right.
    """

    frames: int = 7
    pressure: Mapping[str, Any] = field(default_factory=lambda: {"pressure": "exact"})
    fork_copies: str = "anon"
    swap_pages: int | None = None

    def spec(self, policy: PluginChoice, rmap: PluginChoice, seed: int = 0) -> RunSpec:
        """Return the run of a policy and a strategy in this world."""
        return RunSpec(
            policy,
            rmap,
            self.frames,
            swap_pages=self.swap_pages,
            fork_copies=self.fork_copies,
            seed=seed,
            **self.pressure,
        )

    def text(self) -> str:
        """Return what a reader of a failure must know to repeat it."""
        numbers = ", ".join(f"{k} {v}" for k, v in self.pressure.items() if k != "pressure")
        mode = f"{self.pressure['pressure']}{f' ({numbers})' if numbers else ''}"
        swap = "" if self.swap_pages is None else f", {self.swap_pages} swap pages"
        return f"{self.frames} frames, pressure {mode}, fork_copies {self.fork_copies}{swap}"


WATERMARKS = {"pressure": "watermarks", "min": 1, "low": 3, "high": 5}
WORLDS = (
    World(7),
    World(7, {"pressure": "limit"}),
    World(9, WATERMARKS),
    World(9, {**WATERMARKS, "kswapd_every": 7, "writeback_accesses": 5}),
    World(14, fork_copies="all"),
    World(14, {"pressure": "limit"}, swap_pages=25),
    World(40),
)
"""All pressures, simplest first."""


class Stage(Driver):
    """A machine that runs as plain Python whatever the process does, one access at a time."""

    def __init__(self, trace: Trace, spec: RunSpec) -> None:
        plain = drive(trace, spec, compiled=False)
        super().__init__(trace, plain.m, plain.policy, plain.bound, plain.span)
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def _rows(self, start: int, row: int, end: int) -> int:
        for one in range(row, end):
            self.before()
            super()._rows(start, one, one + 1)
            self.after()
        return end

    def _event(self, event: Any, number: int) -> None:
        self.before()
        super()._event(event, number)
        self.after()


@contextmanager
def ends_in_time() -> Iterator[Callable[[], None]]:
    """Give a function that starts the clock anew; a breach is raised when it runs out.

    Only the main thread can be interrupted: elsewhere a kernel that loops for ever does so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise BreachError("survives", "a kernel does not come to an end")

    old = signal.signal(signal.SIGVTALRM, over)
    try:
        yield lambda: (signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE), None)[1]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


_SCRIPTS_FAULT = (r.E_NO_VMA, r.E_PROTECTION, r.E_SPACE, r.E_WALK)
"""What a script does that no process could: one that is being shrunk may."""


def owned(m: Any) -> set[int]:
    """Return the frames that the policy has."""
    flags = m.frame.reshape(-1, r.FRAME_WORDS)[: m.nr_frames, r.FRAME_FLAGS]
    return set(np.flatnonzero(flags & r.FRAME_OWNED).tolist())


def look(stage: Stage) -> None:
    """Compare the state of a machine between kernels with its page tables.

    Raises
    ------
    BreachError
        For the first promise that is not kept.
    """
    m, policy = stage.m, stage.policy
    mine = owned(m)
    on_lists: list[int] = []
    for k in range(type(policy).nr_lists):  # type: ignore[attr-defined]
        on_lists += frames_on(m, m.nr_frames + k)
    if len(set(on_lists)) < len(on_lists):
        raise BreachError("own_lists", "a frame is on the policy's lists twice")
    if strangers := sorted(set(on_lists) - mine):
        raise BreachError(
            "own_lists",
            f"the policy's lists hold frame {strangers[0]}, which is not its own: it was removed, "
            "locked or evicted",
        )
    for problem in broken(m, policy):
        who, _, text = problem.partition(": ")
        if who == "policy":
            raise BreachError("own_lists", f"its own `check` says: {text}")
        if who == "strategy":
            raise BreachError("own_structures", f"its own `check` says: {text}")
        check = "walks_find_all" if "the walk finds" in problem else "frames_conserved"
        raise BreachError(check, problem)


def offers_all(stage: Stage) -> None:
    """Ask for victims, one by one, until every frame has been named.

    Raises
    ------
    BreachError
        A frame that the policy has is never named.
    """
    m, policy = stage.m, stage.policy
    waiting = owned(m)
    victims = np.zeros(r.BATCH, dtype=np.int64)
    while waiting:
        if policy.select(m, 1, victims, NIL) == 0:  # type: ignore[attr-defined]
            frames = ", ".join(map(str, sorted(waiting)))
            raise BreachError(
                "offers_all", f"asked again and again, it never names frames {frames}"
            )
        pfn = int(victims[0])
        waiting.remove(pfn)
        m.frame[pfn * r.FRAME_WORDS + r.FRAME_FLAGS] &= ~r.FRAME_OWNED
        policy.evicted(m, pfn)  # type: ignore[attr-defined]


def attempt(
    text: str,
    spec: RunSpec,
    *,
    watches: str = "policy",
    at_end: Callable[[Stage], None] = lambda _stage: None,
) -> Breach | None:
    """Let a script happen.

    Parameters
    ----------
    text : str
        An event script.
    spec : RunSpec
        On which machine.
    watches : str
        "policy" or "rmap": whose kernels are watched.
    at_end : callable
        Looks at the machine when all has happened; may raise `BreachError`.

    Returns
    -------
    Breach or None
        The first promise that was not kept.
    """
    plugin = (spec.policy if watches == "policy" else spec.rmap).cls
    try:
        stage = Stage(parse_script(text), spec)
    except (TraceError, MachineError):
        return None  # no process could do that: a script that is being shrunk
    except Exception as error:  # noqa: BLE001 - raised by `new`
        return Breach("survives", _raised(error, plugin))
    try:
        _happen(stage, watches, at_end)
    except BreachError as error:
        return error.breach
    except MachineError as error:
        code = int(stage.m.live[r.ERROR])
        by_right = code in _SCRIPTS_FAULT or (code == r.E_OOM and spec.swap_pages is not None)
        return None if by_right else Breach("survives", str(error))
    except Exception as error:  # noqa: BLE001 - whatever a kernel raises, it may not
        return Breach("survives", _raised(error, plugin))
    return None


def _happen(stage: Stage, watches: str, at_end: Callable[[Stage], None]) -> None:
    policy: Any = stage.policy
    guard = Guard(stage.m, policy if watches == "policy" else stage.m.rmap)
    stage.after = lambda: look(stage)
    with ends_in_time() as start, accessors_watched(guard):
        stage.before = start
        stage.run()
        start()
        if watches == "policy" and "page_tables" not in policy.needs:
            offers_all(stage)
        at_end(stage)


def _raised(error: Exception, cls: type) -> str:
    """Say what a kernel raised, and where in the plugin's file if it was there."""
    import inspect

    file = inspect.getsourcefile(cls)
    steps = traceback.extract_tb(error.__traceback__)
    inside = [step for step in steps if step.filename == file] or steps
    place = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}"
    return f"{place}: `{inside[-1].name}` raised {type(error).__name__}: {error}"
