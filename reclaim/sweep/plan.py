"""What a sweep will do: which runs, in which order, which of them are done, what they will take.

A run's identity is a hash of all that its counts follow from: the cell with every parameter, the
content of its trace, and the results version and source of each plugin. What is in the store under
the same identity need not be run again.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.errors import ConfigError
from reclaim.metrics.memory import Estimate, estimate
from reclaim.run import PluginChoice, frames_of
from reclaim.sweep.cells import Cell, expand
from reclaim.sweep.provenance import MACHINE_VERSION, plugin
from reclaim.sweep.traces import FOLDER, SweepTrace, prepare, ready

if TYPE_CHECKING:
    from reclaim.config.schema import Config
    from reclaim.config.sweep import SweepConfig
    from reclaim.config.sweep_file import Sweep
    from reclaim.plugin.registry import Registry

ACCESSES_PER_SECOND = 8e6
"""What one worker does, where no record says better; faults and reclaim included."""

SECONDS_PER_RUN = 0.05
"""Of a run beside its accesses: the machine made, the record written."""

SHARED = ("swap_pages", "fork_copies", "layout", "epochs", "measure", "check")
"""Keys of a sweep that all of its runs share and that name them."""


@dataclass(frozen=True)
class Task:
    """One run, as a worker takes it and as the store will know it.

    Parameters
    ----------
    identity : str
        64 hexadecimal digits.
    cell : Cell
        Which run.
    trace : SweepTrace
        Its trace, ready.
    config : dict
        The cell with every parameter, JSON values.
    provenance : dict
        The plugins' code.
    """

    identity: str
    cell: Cell
    trace: SweepTrace
    config: dict[str, Any]
    provenance: dict[str, Any]

    @property
    def pair(self) -> tuple[str, str]:
        """What is compiled for it: policy and strategy."""
        return self.cell.policy.cls.name, self.cell.rmap.cls.name


@dataclass(frozen=True)
class Plan:
    """A whole sweep, before anything runs.

    Parameters
    ----------
    sweep : Sweep
        The checked file.
    tasks : tuple of Task
        Every run, pair by pair, within a pair trace by trace.
    warnings : tuple of str
        What is odd.
    seconds : float
        Expected, of one worker doing what is to do.
    todo : tuple of Task
        What the store does not have.
    """

    sweep: Sweep
    tasks: tuple[Task, ...]
    warnings: tuple[str, ...]
    todo: tuple[Task, ...] = ()
    seconds: float = 0.0

    def expecting(self, rates: Mapping[str, float]) -> Plan:
        """Return the plan with the time that it will take, as `expected_seconds` has it."""
        return replace(self, seconds=expected_seconds(self.todo, rates))

    @property
    def largest(self) -> Estimate:
        """Memory of the run that takes most."""
        return max(map(_memory, self.todo or self.tasks), key=lambda one: one.total)


def _entry(choice: PluginChoice) -> dict[str, Any]:
    return {"name": choice.cls.name, "preset": choice.preset, "params": choice.all_params()}


def config_of(cell: Cell, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolved cell: every parameter of everything, JSON values."""
    section = cell.workload
    return {
        "workload": cell.workload_name,
        "workload_params": dict(section.params),
        "reader": section.reader,
        "options": dict(section.options),
        "policy": _entry(cell.policy),
        "rmap": _entry(cell.rmap),
        "frames": cell.frames,
        "pressure": cell.pressure.model_dump(),
        "seed": cell.seed,
        **shared,
    }


def identity_of(
    config: Mapping[str, Any], trace_hash: str, provenance: Mapping[str, Mapping[str, Any] | None]
) -> str:
    """Return the identity of a run: 64 hexadecimal digits.

    Parameters
    ----------
    config : mapping
        From `config_of`. What only says where the trace lies is left out.
    trace_hash : str
        Of the trace's content.
    provenance : mapping
        Of each plugin, from `reclaim.sweep.provenance.plugin`; None where there is none.
    """
    named = {key: value for key, value in config.items() if key not in ("reader", "options")}
    if Path(str(named["workload"])).is_absolute():
        named["workload"] = Path(named["workload"]).name
    code = {
        kind: found and [found["results_version"], found["source_hash"]]
        for kind, found in provenance.items()
        if kind != "workload"  # all that it does is in the trace
    }
    parts = {"config": named, "trace": trace_hash, "code": code, "machine": MACHINE_VERSION}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def make_plan(
    sweep: Sweep,
    registry: Registry,
    folder: Path,
    spare: Path | None = None,
    begins: Callable[[int, int], object] = lambda _done, _total: None,
) -> Plan:
    """Expand a sweep and make its traces; what the store has is not looked at yet.

    Parameters
    ----------
    sweep : Sweep
        From `load_sweep`.
    registry : Registry
        Plugins.
    folder : Path
        The output folder, whose traces are used.
    spare : Path, optional
        Where traces are made that are not there, in place of the folder: a dry run leaves nothing.
    begins : callable
        Called with the traces that are ready and those there are.

    Raises
    ------
    ReclaimError
        Whatever is wrong with the sweep or its traces.
    """
    expansion = expand(sweep, registry)
    shared = {key: getattr(sweep.config, key) for key in SHARED}
    traces = _traces(expansion.cells, registry, folder, spare, begins)
    tasks: dict[str, Task] = {}
    for cell in expansion.cells:
        trace = traces[_trace_name(cell)]
        config = config_of(cell, shared)
        section = cell.workload
        made_by = registry.workloads.get(section.workload) if section.workload else None
        provenance = {
            "policy": plugin(cell.policy.cls),
            "rmap": plugin(cell.rmap.cls),
            "workload": plugin(made_by) if made_by else None,
        }
        identity = identity_of(config, trace.content_hash, provenance)
        tasks.setdefault(identity, Task(identity, cell, trace, config, provenance))
    warnings = list(expansion.warnings)
    if len(tasks) < len(expansion.cells):
        twice = len(expansion.cells) - len(tasks)
        warnings.append(f"{twice} runs stand in the sweep more than once and are done once.")
    return Plan(sweep, tuple(ordered(tasks.values())), tuple(warnings))


def _trace_name(cell: Cell) -> tuple[str, int]:
    seed = cell.seed if cell.workload.workload else 0
    return cell.workload.model_dump_json(), seed


def _traces(
    cells: Iterable[Cell],
    registry: Registry,
    folder: Path,
    spare: Path | None,
    begins: Callable[[int, int], object],
) -> dict[tuple[str, int], SweepTrace]:
    wanted = {_trace_name(cell): cell for cell in cells}
    found = {}
    for i, (name, cell) in enumerate(wanted.items()):
        begins(i, len(wanted))
        known = ready(cell.workload, cell.seed, registry, folder / FOLDER)
        found[name] = known or prepare(
            cell.workload, cell.seed, registry, (spare or folder) / FOLDER
        )
    return found


def ordered(tasks: Iterable[Task]) -> list[Task]:
    """Return runs so that each pair comes once, and within it each trace once."""
    listed = list(tasks)
    pairs = {pair: i for i, pair in enumerate(dict.fromkeys(task.pair for task in listed))}
    paths = {path: i for i, path in enumerate(dict.fromkeys(task.trace.path for task in listed))}
    return sorted(listed, key=lambda task: (pairs[task.pair], paths[task.trace.path]))


def choose(
    plan: Plan, known: Mapping[str, str], *, force: bool = False, only: str | None = None
) -> Plan:
    """Return the plan with what is to do.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    known : mapping of str to str
        Identity to status of what the store has.
    force : bool
        Whether to do again what is done.
    only : str, optional
        ``FAILED``: nothing but runs that have failed; else the first digits of an identity.

    Raises
    ------
    ConfigError
        `only` is neither.
    """
    if only is None:
        todo = [task for task in plan.tasks if force or known.get(task.identity) != "done"]
    elif only.upper() == "FAILED":
        todo = [task for task in plan.tasks if known.get(task.identity) == "failed"]
    else:
        todo = [task for task in plan.tasks if task.identity.startswith(only.lower())]
        if not todo:
            raise ConfigError(
                f"--only {only}: no run of this sweep has an identity that begins so. Give FAILED, "
                "or the first digits of an identity."
            )
    return replace(plan, todo=tuple(todo))


def expected_seconds(tasks: Sequence[Task], rates: Mapping[str, float]) -> float:
    """Return what one worker will take for some runs.

    Parameters
    ----------
    tasks : sequence of Task
        The runs.
    rates : mapping of str to float
        Accesses per second of policies, from records; "" for all of them.
    """
    usual = rates.get("", ACCESSES_PER_SECOND)
    return sum(
        SECONDS_PER_RUN + task.trace.accesses / rates.get(task.pair[0], usual) for task in tasks
    )


def _memory(task: Task) -> Estimate:
    frames, trace = task.cell.frames, task.trace
    return estimate(
        frames=frames_of(frames, trace.touched_pages),
        pages=trace.touched_pages,
        leaves=trace.touched_leaves,
        rows=trace.rows,
        lookahead="lookahead" in task.cell.policy.cls.needs,
        in_memory=False,
    )


def reproduce(task: Task, config: SweepConfig | Config) -> str:
    """Return a shell command that does one run of a sweep, and nothing else."""
    cell = task.cell
    section = cell.workload.model_dump(exclude_defaults=True)
    settings: dict[str, Any] = {
        "trace": section,
        "policies": [{cell.policy.label: cell.policy.all_params()}],
        "rmaps": [{cell.rmap.label: cell.rmap.all_params()}],
        "frames": [cell.frames],
        "pressure": cell.pressure.model_dump(exclude_defaults=True) or {"mode": "exact"},
        "seed": cell.seed,
        "swap_pages": config.swap_pages,
        "fork_copies": config.fork_copies,
        "layout": config.layout,
        "epochs": config.epochs,
        "check": config.check,
    }
    words = ["reclaim", "run", "first-run"]
    words += [f"--plugins={path}" for path in config.plugins]
    for key, value in settings.items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    return shlex.join(words)


def about(plan: Plan) -> list[str]:
    """Return what a sweep is, in lines for people."""
    tasks = plan.tasks
    counts = {
        "policies": len({json.dumps(t.config["policy"]) for t in tasks}),
        "rmaps": len({json.dumps(t.config["rmap"]) for t in tasks}),
        "sizes": len({t.cell.frames for t in tasks}),
        "workloads": len(
            {json.dumps(t.config["workload_params"]) + t.config["workload"] for t in tasks}
        ),
        "seeds": len({t.cell.seed for t in tasks}),
    }
    axes = ", ".join(f"{n} {name}" for name, n in counts.items())
    traces = {t.trace.path: t.trace.accesses for t in tasks}
    accesses = Counter(t.trace.path for t in plan.todo)
    total = sum(traces[path] * n for path, n in accesses.items())
    return [
        f"{len(tasks):,} runs: {axes}; {len({t.pair for t in tasks})} pairs, {len(traces)} traces",
        f"to do: {len(plan.todo):,} runs, {total:,} accesses",
    ]
