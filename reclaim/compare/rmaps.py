"""Every strategy on every workload, measured: the runs behind `reclaim compare rmap`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.config.comparison import ComparisonConfig, ScalingConfig
from reclaim.config.schema import TraceSection
from reclaim.counters import COUNTER_NAMES
from reclaim.errors import ConfigError, ReclaimError, nearest
from reclaim.metrics.costs import Cost, resolve_costs
from reclaim.opening import open_section, samples, settle
from reclaim.plugin.manager import load_plugins
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.session import chosen, pressure_fields

if TYPE_CHECKING:
    from reclaim.config.schema import Choice
    from reclaim.plugin.registry import Registry
    from reclaim.trace.model import Trace

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Comparison:
    """What all runs of a comparison share.

    Parameters
    ----------
    config : ComparisonConfig
        The resolved configuration.
    registry : Registry
        What the plugins offer.
    rmaps : tuple of PluginChoice
        The strategies.
    policy : PluginChoice
        Who is evicted, under strategies that are exact.
    costs : mapping of str to Cost
        The cost model.
    """

    config: ComparisonConfig
    registry: Registry
    rmaps: tuple[PluginChoice, ...]
    policy: PluginChoice
    costs: Mapping[str, Cost]

    def workload(self, choice: Choice) -> Trace:
        """Return the trace of a workload."""
        section = TraceSection(path=choice.name, params=choice.params)
        return open_section(section, self.registry, self.config.seed)


def open_comparison(config: ComparisonConfig) -> Comparison:
    """Load what a comparison needs, checking every name before anything runs.

    Raises
    ------
    ReclaimError
        A plugin, a parameter or a cost that does not exist.
    """
    registry = load_plugins([Path(path) for path in config.plugins])
    for choice in config.workloads:
        named = TraceSection(path=choice.name, params=choice.params)
        settled = settle(named, registry)
        if settled.path is not None and not Path(settled.path).exists():
            known = {*samples(), *registry.workloads}
            raise ConfigError(
                f"workloads: there is no workload, sample or file '{choice.name}'."
                f"{nearest(choice.name, known)}"
            )
    return Comparison(
        config,
        registry,
        tuple(chosen(registry.rmaps, choice) for choice in config.rmaps),
        PluginChoice(registry.policies.get(config.policy)),
        resolve_costs(config.costs, COUNTER_NAMES),
    )


def compare(
    comparison: Comparison, progress: Callable[[str], Progress | None] = lambda _what: None
) -> Iterator[dict[str, Any] | ReclaimError]:
    """Do the runs, workload by workload; a run that fails fails alone.

    Parameters
    ----------
    comparison : Comparison
        From `open_comparison`.
    progress : callable
        Called with what is about to run; returns what `run_one` reports to.

    Yields
    ------
    dict or ReclaimError
        The record of each run with its `workload`, or why there is none.
    """
    config = comparison.config
    for choice in config.workloads:
        try:
            trace = comparison.workload(choice)
        except ReclaimError as error:
            yield error
            continue
        for rmap in comparison.rmaps:
            spec = RunSpec(
                _driver(comparison, rmap),
                rmap,
                config.frames,
                **pressure_fields(config.pressure),
                fork_copies=config.fork_copies,
                seed=config.seed,
                measure=config.walks,
            )
            try:
                record = run_one(trace, spec, progress(f"{choice.name}, {rmap.label}"))
            except ReclaimError as error:
                yield type(error)(f"{choice.name}, {rmap.label}: {error}")
                continue
            yield {"workload": choice.name, "workload_params": dict(choice.params), **record}


def _driver(comparison: Comparison, rmap: PluginChoice) -> PluginChoice:
    """Return the policy of a run: a strategy that is not exact names the one that drives it."""
    if rmap.cls.exact or not rmap.cls.driven_by:
        return comparison.policy
    return PluginChoice(comparison.registry.policies.get(rmap.cls.driven_by))


def scaling_choices(config: ScalingConfig) -> Sequence[tuple[str, PluginChoice, PluginChoice]]:
    """Return (name, strategy, policy) of each strategy of a scaling study.

    Raises
    ------
    ReclaimError
        A plugin or parameter that does not exist.
    """
    registry = load_plugins([Path(path) for path in config.plugins])
    policy = PluginChoice(registry.policies.get("fifo"))
    return [(choice.name, chosen(registry.rmaps, choice), policy) for choice in config.rmaps]
