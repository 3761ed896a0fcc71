"""Runs for tests: a script or a list of pages on a machine, in a line.

`run` is what a user does, with the record as the answer. `watch` keeps the machine, and lets a test
look at it after each event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from reclaim.contract.param import resolve_params
from reclaim.contract.rmap import RmapStrategy
from reclaim.engine import loop
from reclaim.engine.bind import bind
from reclaim.engine.drive import Driver
from reclaim.engine.resolve import resolve
from reclaim.ids import PROT_READ, PROT_WRITE, READ, WRITE
from reclaim.plugin.manager import load_plugins
from reclaim.plugin.registry import Registry
from reclaim.run import PluginChoice, RunSpec, build, run_one
from reclaim.trace import events as ev
from reclaim.trace.model import Trace, TraceMeta
from reclaim.trace.script import parse_script
from reclaim.vm.invariants import broken
from reclaim.vm.machine import Machine

RMAPS = ("pte_chain", "anon_vma_chain", "full_scan")
PLENTY = 4096
"""Frames enough that nothing is evicted unless a script asks for it."""


@cache
def plugins() -> Registry:
    """Everything that is installed."""
    return load_plugins()


@cache
def exact_rmaps(copies_on_move: bool = False) -> tuple[str, ...]:
    """Return the installed strategies whose walk finds every PTE, in the order of their names.

    Those that copy shared pages before a move are a kind of their own: within a kind all are
    interchangeable.
    """
    return tuple(
        sorted(
            cls.name
            for cls in plugins().rmaps.classes()
            if cls.exact and cls.copies_on_move == copies_on_move
        )
    )


def vetoes_merges(name: str) -> bool:
    """Tell whether a strategy may keep two VMAs apart that are alike for the machine."""
    return plugins().rmaps.get(name).may_merge is not RmapStrategy.may_merge


def policy(name: str, **params: Any) -> PluginChoice:
    """Choose a policy, with its defaults where nothing is given."""
    cls = plugins().policies.get(name)
    return PluginChoice(cls, resolve_params(name, cls.params, params))


def rmap(name: str, **params: Any) -> PluginChoice:
    """Choose a reverse map or a preset of one, with its defaults where nothing is given."""
    return PluginChoice(*plugins().rmaps.choose(name, params))


def spec_of(
    strategy: str | PluginChoice, by: str | PluginChoice = "fifo", frames: int = PLENTY, **rest: Any
) -> RunSpec:
    """Name a run; checks every invariant at its end unless told otherwise."""
    chosen = rmap(strategy) if isinstance(strategy, str) else strategy
    who = policy(by) if isinstance(by, str) else by
    return RunSpec(who, chosen, frames, **{"check": True, **rest})


def run(text: str | Trace, strategy: str | PluginChoice, **spec: Any) -> dict[str, Any]:
    """Run a script, or a trace, and return its record."""
    trace = parse_script(text) if isinstance(text, str) else text
    return run_one(trace, spec_of(strategy, **spec))


class _Watched(Driver):
    """A driver that lets somebody look at the machine after each event."""

    after: Callable[[Machine, int], None]
    each: bool

    def _event(self, event: Any, number: int) -> None:
        super()._event(event, number)
        if self.each:
            assert not broken(self.m, self.policy)
        self.after(self.m, int(event["verb"]))


def watch(
    text: str,
    strategy: str | PluginChoice,
    after: Callable[[Machine, int], None] = lambda _m, _verb: None,
    each: bool = False,
    found: list[Any] | None = None,
    **spec: Any,
) -> Machine:
    """Run a script, call `after(machine, verb)` behind each event, and return the machine.

    `each`: every invariant is checked there too. The policy's state is appended to `found`.
    """
    trace = parse_script(text)
    chosen = spec_of(strategy, **spec)
    resolved, following = resolve(
        trace, chosen.fork_copies, chosen.policy.cls.SEES_FUTURE, chosen.rmap.cls.copies_on_move
    )
    m, state = build(trace, chosen, resolved)
    if found is not None:
        found.append(state)
    m.next_use = following
    span = loop.Span.of(
        np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int32)
    )
    driver = _Watched(trace, m, state, bind(m, state, span, np.zeros(8, np.int64)), span)
    driver.after, driver.each = after, each
    driver.run()
    return m


def page_list(
    pages: Sequence[int] | npt.NDArray[np.int64], writes: npt.NDArray[np.bool_] | None = None
) -> Trace:
    """Make the trace of one process that touches these pages, in anonymous private memory."""
    vpn = np.ascontiguousarray(pages, dtype=np.int64)
    op = np.full(len(vpn), READ, dtype=np.uint8)
    if writes is not None:
        op[writes] = WRITE
    whole = ev.event_row(
        0, ev.MMAP, 0, 0, int(vpn.max()) + 1, -1, 0, PROT_READ | PROT_WRITE, line=0
    )
    return Trace(
        asid=np.zeros(len(vpn), dtype=np.int32),
        vpn=vpn,
        op=op,
        nr=np.ones(len(vpn), dtype=np.int32),
        events=ev.event_array([whole]),
        spaces=("p",),
        files=(),
        file_is_shm=(),
        marks=(),
        expects=(),
        meta=TraceMeta(source="generated"),
    )
