"""Runs of one configuration, kept as a sweep would keep them: under the same identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.errors import ReclaimError
from reclaim.opening import settle
from reclaim.sweep.cells import Cell
from reclaim.sweep.execute import Sink, naming
from reclaim.sweep.plan import SHARED, Task, config_of, identity_of
from reclaim.sweep.provenance import plugin
from reclaim.sweep.traces import FOLDER, prepare

if TYPE_CHECKING:
    from reclaim.run import RunSpec
    from reclaim.session import Session

Outcome = Mapping[str, Any] | ReclaimError


def keep(
    session: Session,
    specs: Sequence[RunSpec],
    outcomes: Iterable[Outcome],
    store: Sink,
    folder: Path,
) -> None:
    """Put the outcomes of runs into a store.

    Parameters
    ----------
    session : Session
        What the runs shared.
    specs : sequence of RunSpec
        The runs.
    outcomes : iterable of dict or ReclaimError
        Of each: its record, or why it failed.
    store : Sink
        Where they go.
    folder : Path
        The store's, beside whose records the trace will lie.

    Raises
    ------
    ReclaimError
        A record, or the trace, cannot be written.
    """
    config, registry = session.config, session.registry
    section = settle(config.trace, registry)
    trace = prepare(section, config.seed, registry, folder / FOLDER)
    made_by = registry.workloads.get(section.workload) if section.workload else None
    for spec, outcome in zip(specs, outcomes, strict=True):
        cell = Cell(section, spec.policy, spec.rmap, spec.frames, config.pressure, spec.seed)
        named = config_of(cell, {key: getattr(spec, key) for key in SHARED})
        provenance = {
            "policy": plugin(spec.policy.cls),
            "rmap": plugin(spec.rmap.cls),
            "workload": plugin(made_by) if made_by else None,
        }
        identity = identity_of(named, trace.content_hash, provenance)
        task = Task(identity, cell, trace, named, provenance)
        if isinstance(outcome, ReclaimError):
            failed = {"status": "failed", "error": str(outcome)}
            store.append({**naming(task, config, 0.0), **failed})
        else:
            seconds = outcome["seconds"] + outcome["bind_seconds"]
            store.append(
                {**outcome, **naming(task, config, seconds), "status": "done", "error": None}
            )
