"""Two stores beside each other: which cells moved, whether they may, and whether it took longer."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reclaim.stats import Comparison, Panel, compare, compare_cells, noise_floor
from reclaim.store import Store
from reclaim.store.columns import cell_of

Record = Mapping[str, Any]

LEAST_SECONDS = 0.05
"""Shorter runs are not timed: one interruption would be most of what is measured."""

LEAST_FLOOR = 0.05
"""Timings closer than this are never told apart, however quiet the machine seemed."""


@dataclass(frozen=True)
class Run:
    """What is compared of a record."""

    name: str
    seed: int
    status: str
    counts: Mapping[str, int]
    seconds: float | None
    trace: str | None
    code: str
    kind: tuple[str, str]
    machine: str


@dataclass(frozen=True)
class Moved:
    """A cell that is in both stores with other numbers.

    Attributes
    ----------
    name : str
        Workload, frames, policy and rmap.
    counts : dict
        Each count that differs -> its comparison, paired over the seeds.
    because : tuple of str
        What is not the same behind the two: "trace", "code". Empty: nothing is, so that the
        numbers had to be equal.
    seeds : int
        Runs compared.
    """

    name: str
    counts: dict[str, Comparison]
    because: tuple[str, ...]
    seeds: int


@dataclass
class Difference:
    """What moved between two stores.

    Attributes
    ----------
    a, b : str
        Their folders; ratios are b / a.
    equal : int
        Runs that are in both with the same counts.
    moved : list of Moved
        Cells with other counts.
    only_a, only_b : list of str
        Runs that are in one alone.
    ended_otherwise : list of str
        Runs that failed in one and not in the other.
    times : dict
        Policy and rmap -> seconds of the loop, of runs with the same counts.
    floor : float
        Relative difference of seconds that is taken for noise.
    machines : tuple of str
        Processors on which the runs were, if more than one.
    """

    a: str
    b: str
    equal: int = 0
    moved: list[Moved] = field(default_factory=list)
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    ended_otherwise: list[str] = field(default_factory=list)
    times: dict[tuple[str, str], Panel[str]] = field(default_factory=dict)
    floor: float = LEAST_FLOOR
    machines: tuple[str, ...] = ()

    @property
    def broken(self) -> list[Moved]:
        """Cells whose counts had to be equal: same cell, same trace, same code."""
        return [one for one in self.moved if not one.because]

    @property
    def same(self) -> bool:
        """Whether both hold the same runs with the same counts."""
        return not (self.moved or self.only_a or self.only_b or self.ended_otherwise)


def diff(a: Store, b: Store, where: str | None = None) -> Difference:
    """Compare two stores, run by run.

    A run of one is compared with that of the other whose cell is the same: every parameter of
    everything, and the seed. The versions of plugins and the trace's content may differ, and it is
    said where they do.

    Parameters
    ----------
    a, b : Store
        The base, and what is compared with it.
    where : str, optional
        A condition in SQL that records of both meet.
    """
    found = Difference(str(a.path), str(b.path))
    runs = [_runs(store, where) for store in (a, b)]
    found.only_a, found.only_b = (
        [f"{run.name}, seed {run.seed}" for key, run in mine.items() if key not in theirs]
        for mine, theirs in (runs, runs[::-1])
    )
    cells: dict[str, list[tuple[Run, Run]]] = defaultdict(list)
    for key, one in runs[0].items():
        if (two := runs[1].get(key)) is not None:
            cells[key[0]].append((one, two))
    found.machines = tuple(sorted({run.machine for side in runs for run in side.values()}))
    if len(found.machines) == 1:
        found.machines = ()
    for pairs in cells.values():
        _compare_cell(found, pairs)
    _compare_times(found, cells)
    return found


def _runs(store: Store, where: str | None) -> dict[tuple[str, int], Run]:
    return {
        (cell_of(record), record.get("seed") or 0): _run(record) for record in store.records(where)
    }


def _short(record: Record) -> str:
    name = str(record.get("workload"))
    return Path(name).name if Path(name).is_absolute() else name


def _run(record: Record) -> Run:
    policy = str(record.get("policy_preset") or record.get("policy"))
    rmap = str(record.get("rmap_preset") or record.get("rmap"))
    frames = record.get("frames_given", record.get("frames"))
    bytes_ = record.get("rmap_bytes") or {}
    counts = dict(record.get("counters") or {})
    counts |= {f"rmap_{when}_bytes": bytes_[when] for when in ("live", "peak") if when in bytes_}
    return Run(
        name=f"{_short(record)}, {frames} frames, {policy}, {rmap}",
        seed=record.get("seed") or 0,
        status=str(record.get("status")),
        counts=counts,
        seconds=record.get("seconds"),
        trace=record.get("trace_hash"),
        code=_code(record),
        kind=(policy, rmap),
        machine=str((record.get("machine") or {}).get("cpu")),
    )


def _code(record: Record) -> str:
    """Return what names the code behind a record, wherever its files lay."""
    plugins = {
        name: [found.get("results_version"), found.get("source_hash")]
        for name, found in (record.get("provenance") or {}).items()
        if found
    }
    return json.dumps([plugins, (record.get("machine") or {}).get("reclaim")], sort_keys=True)


def _compare_cell(found: Difference, pairs: list[tuple[Run, Run]]) -> None:
    done = []
    for one, two in pairs:
        if one.status != two.status:
            states = f"{one.status} in {found.a}, {two.status} in {found.b}"
            found.ended_otherwise.append(f"{one.name}, seed {one.seed}: {states}")
        elif one.status == "done":
            done.append((one, two))
    # A count that only one of two versions knows has not moved.
    names = [name for name in done[0][0].counts if name in done[0][1].counts] if done else []
    apart = [n for n in names if any(one.counts[n] != two.counts.get(n) for one, two in done)]
    found.equal += sum(
        all(one.counts[name] == two.counts.get(name) for name in names) for one, two in done
    )
    if not apart:
        return
    because = []
    if any(one.trace != two.trace for one, two in done):
        because.append("trace")
    if any(one.code != two.code for one, two in done):
        because.append("code")
    found.moved.append(
        Moved(
            name=done[0][0].name,
            counts={
                name: compare(
                    [(one.counts[name], two.counts[name]) for one, two in done],
                    base=found.a,
                    other=found.b,
                    exact=True,
                )
                for name in apart
            },
            because=tuple(because),
            seeds=len(done),
        )
    )


def _compare_times(found: Difference, cells: Mapping[str, list[tuple[Run, Run]]]) -> None:
    """Compare the seconds of runs that did the same work, by policy and rmap."""
    sides: dict[tuple[str, str], tuple[dict[str, dict[int, float]], ...]] = {}
    repeats: list[list[float]] = []
    for key, pairs in cells.items():
        timed = [
            (one, two)
            for one, two in pairs
            if one.counts == two.counts
            and min(one.seconds or 0.0, two.seconds or 0.0) >= LEAST_SECONDS
        ]
        for side in (0, 1):
            values = {pair[side].seed: float(pair[side].seconds or 0) for pair in timed}
            repeats.append(list(values.values()))
            if timed:
                sides.setdefault(timed[0][0].kind, ({}, {}))[side][key] = values
    found.floor = max(LEAST_FLOOR, noise_floor(repeats) or 0.0)
    for kind, (one_side, other_side) in sides.items():
        panel = compare_cells(one_side, other_side, base=found.a, other=found.b, floor=found.floor)
        if panel is not None:
            found.times[kind] = panel
