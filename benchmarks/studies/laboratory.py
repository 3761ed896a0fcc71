"""Runs for studies: a script on a machine with a strategy, in a line."""

from __future__ import annotations

from functools import cache
from typing import Any

from reclaim.contract.param import resolve_params
from reclaim.plugin.manager import load_plugins
from reclaim.plugin.registry import Registry
from reclaim.run import PluginChoice, RunSpec, run_one
from reclaim.trace.model import Trace
from reclaim.trace.script import parse_script

Record = dict[str, Any]
RECLAIM = ("reclaim_referenced", "reclaim_unmap")


@cache
def plugins() -> Registry:
    """Everything that is installed."""
    return load_plugins()


def run(
    script: str | Trace,
    rmap: str,
    policy: str = "clock",
    frames: int | str = 1 << 20,
    **params: Any,
) -> Record:
    """Run a script, or a trace, with a strategy and its parameters; returns the record."""
    strategy = plugins().rmaps.get(rmap)
    trace = parse_script(script) if isinstance(script, str) else script
    return run_one(
        trace,
        RunSpec(
            PluginChoice(plugins().policies.get(policy)),
            PluginChoice(strategy, resolve_params(rmap, strategy.params, params)),
            frames,
        ),
    )


def reclaimed(record: Record, *names: str) -> int:
    """Return the sum of some counters over the walks of reclaim."""
    return sum(record["phases"][phase].get(name, 0) for phase in RECLAIM for name in names)


def visits_a_walk(record: Record) -> float:
    """Return how many links and VMAs a walk of reclaim visited, on average."""
    looked = reclaimed(record, "rmap_links_visited", "rmap_vmas_visited")
    return looked / reclaimed(record, "rmap_walks")
