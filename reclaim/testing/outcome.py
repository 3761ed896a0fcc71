"""What a run leaves behind, as far as two runs of the same must agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from reclaim.engine import loop
from reclaim.engine.bind import PLAIN, bind
from reclaim.engine.drive import Driver
from reclaim.engine.resolve import resolve_anew
from reclaim.engine.snapshot import decisions, digest
from reclaim.errors import MachineError
from reclaim.run import RunSpec, build
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script


def drive(trace: Trace, spec: RunSpec, *, compiled: bool) -> Driver:
    """Make a machine that is ready to run a trace, compiled or as plain Python."""
    resolved, following = resolve_anew(
        trace,
        spec.fork_copies,
        spec.policy.cls.SEES_FUTURE,
        spec.rmap.cls.copies_on_move,
        not compiled,
    )
    m, policy = build(trace, spec, resolved)
    m.next_use = following
    span = loop.Span.of(
        np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.int32)
    )
    args = np.zeros(8, np.int64)
    return Driver(trace, m, policy, bind(m, policy, span, args) if compiled else PLAIN, span)


def outcome(text: str, spec: RunSpec, *, compiled: bool) -> dict[str, Any]:
    """Run a script and return digests of the machine, and the error if it could not go on.

    Parameters
    ----------
    text : str
        An event script.
    spec : RunSpec
        On which machine.
    compiled : bool
        As this process compiles; plain Python otherwise.
    """
    error = ""
    driver = drive(parse_script(text), spec, compiled=compiled)
    try:
        driver.run()
    except MachineError as failure:
        error = str(failure)
    return {"digest": digest(driver.m), "decisions": decisions(driver.m), "error": error}
