"""Modelled time: what the counted work would take, by a table of ns per count.

The table is `costs.yaml` beside this file, each entry with the basis of its number; a config may
put others in its place. Times are for reading beside the counts, and never change one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from reclaim.errors import ConfigError, nearest

BASES = ("measured", "published", "assumed")
LABEL = "modelled from counts by the cost model, not measured"
RMAP_COUNTERS = frozenset(
    {
        "rmap_walks",
        "rmap_links_visited",
        "rmap_vmas_visited",
        "rmap_tree_steps",
        "ptes_probed",
        "rmap_links_added",
        "rmap_links_removed",
        "rmap_slots_searched",
        "rmap_objects_allocated",
        "rmap_objects_freed",
        "vma_lookups",
        "locks",
        "trylocks",
    }
)
"""What a reverse map costs, among all that is counted."""


@dataclass(frozen=True)
class Cost:
    """What one count of a counter takes.

    Parameters
    ----------
    ns : float
        Nanoseconds.
    basis : str
        "measured", "published", "assumed", or "given" by the config.
    source : str
        Where the number comes from.
    """

    ns: float
    basis: str
    source: str


@cache
def default_costs() -> dict[str, Cost]:
    """Return the cost model that ships with reclaim, by counter."""
    text = Path(__file__).with_name("costs.yaml").read_text(encoding="utf-8")
    return {name: Cost(**entry) for name, entry in yaml.safe_load(text).items()}


def resolve_costs(
    given: str | Mapping[str, float], counter_names: Collection[str]
) -> dict[str, Cost]:
    """Return the default cost model with the config's numbers in place of its own.

    Parameters
    ----------
    given : str or mapping of str to float
        The config's `costs`: ns by counter, or the path of a YAML file of them.
    counter_names : collection of str
        Every counter there is.

    Raises
    ------
    ConfigError
        A counter that does not exist, a number that is none, a file that cannot be read.
    """
    where = given if isinstance(given, str) else "costs"
    entries: Mapping[str, Any] = _read(given) if isinstance(given, str) else given
    costs = dict(default_costs())
    for name, entry in entries.items():
        if name not in counter_names:
            raise ConfigError(
                f"{where}: there is no counter '{name}'.{nearest(str(name), counter_names)}"
            )
        costs[name] = _cost(where, name, entry)
    return costs


def _read(path: str) -> Mapping[str, Any]:
    try:
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the cost model: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(entries, dict):
        raise ConfigError(f"{path}: a cost model is a mapping of counter to ns.")
    return entries


def _cost(where: str, name: str, entry: Any) -> Cost:
    basis, source = "given", where
    if isinstance(entry, dict):
        unknown = set(entry) - {"ns", "basis", "source"}
        if unknown or "ns" not in entry:
            raise ConfigError(
                f"{where}: '{name}' has the keys ns, basis and source, not "
                f"{', '.join(map(str, entry))}."
            )
        basis, source = str(entry.get("basis", basis)), str(entry.get("source", source))
        entry = entry["ns"]
    number = isinstance(entry, int | float) and not isinstance(entry, bool)
    if not number or not math.isfinite(entry) or entry < 0:
        raise ConfigError(f"{where}: '{name}' costs a number of ns, at least 0, not {entry!r}.")
    return Cost(float(entry), basis, source)


def modelled_time(
    phases: Mapping[str, Mapping[str, int]],
    counters: Mapping[str, int],
    costs: Mapping[str, Cost],
) -> dict[str, Any]:
    """Return the modelled time of a run, by phase.

    Parameters
    ----------
    phases : mapping of str to (mapping of str to int)
        Counters by phase.
    counters : mapping of str to int
        Counters over all phases; what no phase holds (plain accesses) is charged to "access".
    costs : mapping of str to Cost
        The cost model.

    Returns
    -------
    dict
        `label`, `total_ns` (float), `by_phase` (phase -> ns) and `rmap_by_phase` (phase -> ns of
        the work on the reverse map alone: walks, probes, links and locks, no device and no trap).
    """
    by_phase = {phase: time_of(work, costs) for phase, work in phases.items()}
    charged = {name: sum(work.get(name, 0) for work in phases.values()) for name in counters}
    rest = {name: n - charged[name] for name, n in counters.items()}
    by_phase = {"access": time_of(rest, costs), **by_phase}
    rmap = {
        phase: time_of({name: n for name, n in work.items() if name in RMAP_COUNTERS}, costs)
        for phase, work in phases.items()
    }
    return {
        "label": LABEL,
        "total_ns": sum(by_phase.values()),
        "by_phase": by_phase,
        "rmap_by_phase": {phase: ns for phase, ns in rmap.items() if ns},
    }


def time_of(work: Mapping[str, int], costs: Mapping[str, Cost]) -> float:
    """Return the modelled time of some counted work, in ns."""
    return float(sum(n * costs[name].ns for name, n in work.items() if name in costs))
