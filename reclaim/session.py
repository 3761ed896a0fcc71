"""One use of the program: config, plugins and trace brought together, and every run done in order.

The command line and `reclaim.run` are thin over this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.errors import ReclaimError
from reclaim.opening import open_section
from reclaim.plugin.manager import load_plugins
from reclaim.plugin.pairs import check_pairs
from reclaim.plugin.registry import Catalog, Registry

if TYPE_CHECKING:
    from reclaim.config.schema import Choice, Config, PressureSection
    from reclaim.metrics.costs import Cost
    from reclaim.metrics.memory import Estimate
    from reclaim.run import PluginChoice, RunSpec
    from reclaim.trace.model import Trace
    from reclaim.trace.statistics import TraceStatistics

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Session:
    """What all runs of a config share.

    Parameters
    ----------
    config : Config
        The resolved configuration.
    registry : Registry
        What the installed and the named plugins offer.
    trace : Trace
        The opened trace.
    costs : mapping of str to Cost
        The cost model.
    """

    config: Config
    registry: Registry
    trace: Trace
    costs: Mapping[str, Cost]


def check_plugins(config: Config, registry: Registry) -> tuple[list[PluginChoice], ...]:
    """Return the config's policies and rmaps with all their parameters.

    Raises
    ------
    PluginError, ConfigError
        A plugin that does not exist, a parameter that it does not take, or a policy and an rmap
        that cannot run together.
    """
    policies = [chosen(registry.policies, choice) for choice in config.policies]
    rmaps = [chosen(registry.rmaps, choice) for choice in config.rmaps]
    check_pairs(
        [choice.cls for choice in policies],
        [choice.cls for choice in rmaps],
        (registry.policies.classes(), registry.rmaps.classes()),
    )
    return policies, rmaps


def chosen(catalog: Catalog[Any], choice: Choice) -> PluginChoice:
    """Return the plugin that a config names, with all its parameters.

    Raises
    ------
    PluginError, ConfigError
        It does not exist, or does not take a parameter.
    """
    from reclaim.run import PluginChoice

    return PluginChoice(*catalog.choose(choice.name, choice.params))


def open_session(config: Config) -> Session:
    """Load the plugins, the cost model and the trace that a config names.

    Everything cheap is checked before the trace is read.

    Raises
    ------
    ReclaimError
        Whatever is wrong with any of them.
    """
    from reclaim.counters import COUNTER_NAMES
    from reclaim.metrics.costs import resolve_costs

    registry = load_plugins([Path(path) for path in config.plugins])
    check_plugins(config, registry)
    costs = resolve_costs(config.costs, COUNTER_NAMES)
    trace = open_section(config.trace, registry, config.seed)
    return Session(config, registry, trace, costs)


def plan(session: Session) -> list[RunSpec]:
    """Return every run of the config: sizes innermost, so that a pair is compiled once."""
    from reclaim.run import RunSpec

    config = session.config
    policies, rmaps = check_plugins(config, session.registry)
    return [
        RunSpec(
            policy=policy,
            rmap=rmap,
            frames=frames,
            **pressure_fields(config.pressure),
            swap_pages=config.swap_pages,
            fork_copies=config.fork_copies,
            seed=config.seed,
            layout=config.layout,
            check=config.check,
            epochs=config.epochs,
        )
        for policy in policies
        for rmap in rmaps
        for frames in config.frames
    ]


def pressure_fields(section: PressureSection) -> dict[str, Any]:
    """Return what a config's section of pressure says, as fields of a `RunSpec`."""
    fields = section.model_dump()
    return {"pressure": fields.pop("mode"), **fields}


def largest(specs: Sequence[RunSpec], numbers: TraceStatistics, *, in_memory: bool) -> Estimate:
    """Return the memory that the largest of some runs will take."""
    from reclaim.metrics.memory import estimate

    estimates = [
        estimate(
            frames=_frames(spec.frames, numbers.touched_pages),
            pages=numbers.touched_pages,
            leaves=numbers.touched_leaves,
            rows=numbers.rows,
            lookahead="lookahead" in spec.policy.cls.needs,
            in_memory=in_memory,
        )
        for spec in specs
    ]
    return max(estimates, key=lambda one: one.total)


def _frames(frames: int | str, footprint: int) -> int:
    if isinstance(frames, int):
        return frames
    return max(1, int(footprint * float(frames.rstrip("%")) / 100))


def execute(
    session: Session,
    specs: Sequence[RunSpec],
    progress: Callable[[int, RunSpec], Progress | None] = lambda _index, _spec: None,
) -> Iterator[dict[str, Any] | ReclaimError]:
    """Do the runs one after the other.

    A run that fails fails alone: its error is yielded in its place, and the next one starts.

    Parameters
    ----------
    session : Session
        From `open_session`.
    specs : sequence of RunSpec
        From `plan`.
    progress : callable
        Called with the index and the spec of each run; returns what `run_one` reports to.

    Yields
    ------
    dict or ReclaimError
        The record of each run with its modelled time, or why there is none.
    """
    from reclaim.metrics.costs import modelled_time
    from reclaim.run import run_one

    for index, spec in enumerate(specs):
        try:
            record = run_one(session.trace, spec, progress(index, spec))
        except ReclaimError as error:
            yield error
            continue
        record["modelled"] = modelled_time(record["phases"], record["counters"], session.costs)
        yield record


def run_config(source: str, changes: Mapping[str, object]) -> list[dict[str, Any]]:
    """Do every run of a config and return the records; the first failure is raised."""
    from reclaim.config.resolve import Overrides, load_config

    session = open_session(load_config(source, Overrides(settings=changes)))
    records = []
    for outcome in execute(session, plan(session)):
        if isinstance(outcome, ReclaimError):
            raise outcome
        records.append(outcome)
    return records
