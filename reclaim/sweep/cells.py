"""A sweep's axes become cells: one for each run, every name in it checked.

Nothing is opened or made here; a glob is the only thing that looks at the disk.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from reclaim.config.document import Key
from reclaim.config.schema import Choice, PressureSection, TraceSection
from reclaim.config.sweep import AXES, COORDINATES, CellSection, ExcludeSection, params_product
from reclaim.config.sweep_file import Sweep, is_glob
from reclaim.contract.param import resolve_params
from reclaim.errors import ReclaimError, nearest
from reclaim.opening import samples, settle
from reclaim.plugin.pairs import check_pairs
from reclaim.plugin.registry import Catalog, Registry
from reclaim.run import PluginChoice

AXIS_OF = dict(zip(COORDINATES, AXES, strict=True))

Axes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Cell:
    """One run of a sweep, every parameter said.

    Parameters
    ----------
    workload : TraceSection
        What happens: a file, a sample, or a workload with all its parameters.
    policy, rmap : PluginChoice
        Who is evicted, and how PTEs are found.
    frames : int or str
        Memory, as the sweep says it.
    pressure : PressureSection
        When pages are evicted.
    seed : int
        Of everything random, the workload included.
    """

    workload: TraceSection
    policy: PluginChoice
    rmap: PluginChoice
    frames: int | str
    pressure: PressureSection
    seed: int

    @property
    def workload_name(self) -> str:
        """What a user calls the trace."""
        section = self.workload
        return str(section.workload or section.sample or section.path)

    @property
    def label(self) -> str:
        """The run in a few words."""
        name = Path(self.workload_name).name
        return f"{self.policy.label} / {self.rmap.label} / {self.frames} / {name} / {self.seed}"


@dataclass(frozen=True)
class Expansion:
    """The cells of a sweep in the order of its axes, and what is odd about it."""

    cells: tuple[Cell, ...]
    warnings: tuple[str, ...]


def expand(sweep: Sweep, registry: Registry) -> Expansion:
    """Return every run that a sweep asks for.

    Raises
    ------
    ReclaimError
        A name, a parameter or a file that does not exist; axes of unequal lengths walked together;
        a policy with a strategy that cannot serve it. Each with file and line.
    """
    found = _Expander(sweep, registry)
    cells = found.product() + found.explicit()
    kept, warnings = found.without_excluded(cells)
    if not kept:
        raise sweep.wrong((), "no run is left: 'exclude' takes all of them.")
    found.check(kept)
    return Expansion(tuple(kept), tuple(warnings))


class _Expander:
    def __init__(self, sweep: Sweep, registry: Registry) -> None:
        self.sweep = sweep
        self.config = sweep.config
        self.registry = registry
        config = sweep.config
        self.axes: Axes = {
            "workloads": self._workloads(config.workloads or (), ("workloads",)),
            "policies": self._choices(registry.policies, config.policies or (), ("policies",)),
            "rmaps": self._choices(registry.rmaps, config.rmaps, ("rmaps",)),
            "frames": config.frames,
            "pressure": config.pressure,
            "seeds": config.all_seeds,
        }

    # ---- the values of an axis ----------------------------------------------------------------

    def _choices(
        self, catalog: Catalog[Any], entries: Iterable[Choice], key: Key
    ) -> list[PluginChoice]:
        found = []
        for i, entry in enumerate(entries):
            for params in params_product(entry.params):
                self._check_params(catalog, entry.name, params, (*key, i))
                found.append(PluginChoice(*catalog.choose(entry.name, params)))
        return found

    def _check_params(
        self, catalog: Catalog[Any], name: str, params: Mapping[str, Any], key: Key
    ) -> None:
        """Raise at the place of the very parameter that is wrong."""
        self._located(key, lambda: catalog.choose(name, {}))
        for param, value in params.items():
            at = (*key, name, param)
            self._located(at, lambda p=param, v=value: catalog.choose(name, {p: v}))

    def _located(self, key: Key, attempt: Any) -> Any:
        try:
            return attempt()
        except ReclaimError as error:
            raise self.sweep.wrong(key, str(error)) from None

    def _workloads(self, entries: Iterable[TraceSection], key: Key) -> list[TraceSection]:
        return [
            section
            for i, entry in enumerate(entries)
            for section in self._sections(entry, (*key, i))
        ]

    def _sections(self, entry: TraceSection, key: Key) -> Iterable[TraceSection]:
        for path in self._paths(entry, key):
            named = entry.model_copy(update={"path": path})
            name = named.workload or (path if path and path in self.registry.workloads else None)
            if name is not None:
                declared = self._located(key, lambda n=name: self.registry.workloads.get(n)).params
                for param, value in entry.params.items():
                    at = (*key, "params" if entry.workload else name, param)
                    for one in value if isinstance(value, list) else [value]:
                        self._located(
                            at,
                            lambda p=param, v=one, n=name, d=declared: resolve_params(
                                f"workload '{n}'", d, {p: v}
                            ),
                        )
            for params in params_product(entry.params):
                yield self._settled(named.model_copy(update={"params": params}), key)

    def _paths(self, entry: TraceSection, key: Key) -> list[str | None]:
        if entry.path is None or not is_glob(entry.path) or Path(entry.path).exists():
            return [entry.path]
        matched = sorted(glob.glob(entry.path, recursive=True))  # noqa: PTH207 - may be absolute
        if not matched:
            raise self.sweep.wrong(key, f"{entry.path}: no file matches.")
        return list(matched)

    def _settled(self, section: TraceSection, key: Key) -> TraceSection:
        settled: TraceSection = self._located(key, lambda: settle(section, self.registry))
        if settled.sample is not None and settled.sample not in samples():
            hint = nearest(settled.sample, samples())
            raise self.sweep.wrong(key, f"there is no sample trace '{settled.sample}'.{hint}")
        if settled.path is not None and not Path(settled.path).exists():
            known = {*samples(), *self.registry.workloads}
            raise self.sweep.wrong(
                key,
                f"there is no workload, sample or file '{settled.path}'."
                f"{nearest(settled.path, known)}",
            )
        if settled.reader is not None:
            self._located(key, lambda: self.registry.readers.get(settled.reader))
        return settled

    # ---- combinations -------------------------------------------------------------------------

    def product(self) -> list[Cell]:
        """Return the combinations of the axes, those of a zip walked together."""
        if self.config.policies is None:
            return []
        group_of: dict[str, tuple[str, ...]] = {
            axis: group for group in self.config.zip for axis in group
        }
        for i, group in enumerate(self.config.zip):
            lengths = {axis: len(self.axes[axis]) for axis in group}
            if len(set(lengths.values())) > 1:
                said = ", ".join(f"{axis} has {n}" for axis, n in lengths.items())
                raise self.sweep.wrong(
                    ("zip", i), f"zip: axes that are walked together are equally long, but {said}."
                )
        groups = list(dict.fromkeys(group_of.get(axis, (axis,)) for axis in AXES))
        steps = [
            [
                dict(zip(group, values, strict=True))
                for values in zip(*(self.axes[axis] for axis in group), strict=True)
            ]
            for group in groups
        ]
        return [
            _cell({axis: value for part in parts for axis, value in part.items()})
            for parts in product(*steps)
        ]

    def explicit(self) -> list[Cell]:
        """Return the runs of `cells`."""
        found = []
        for i, section in enumerate(self.config.cells):
            values = self._of_cell(section, ("cells", i))
            found += [
                _cell(dict(zip(AXES, combined, strict=True)))
                for combined in product(*(values[axis] for axis in AXES))
            ]
        return found

    def _of_cell(self, section: CellSection, key: Key) -> Axes:
        said = section.model_fields_set
        values = dict(self.axes)
        if section.workload is not None:
            values["workloads"] = self._workloads(section.workload, (*key, "workload"))
        values["policies"] = self._choices(self.registry.policies, section.policy, (*key, "policy"))
        if section.rmap is not None:
            values["rmaps"] = self._choices(self.registry.rmaps, section.rmap, (*key, "rmap"))
        for coordinate in ("frames", "pressure", "seed"):
            if coordinate in said and getattr(section, coordinate) is not None:
                values[AXIS_OF[coordinate]] = getattr(section, coordinate)
        return values

    def without_excluded(self, cells: list[Cell]) -> tuple[list[Cell], list[str]]:
        """Return the cells that no `exclude` takes, and a warning for each that takes none."""
        warnings = []
        for i, section in enumerate(self.config.exclude):
            self._check_exclude(section, ("exclude", i))
            kept = [cell for cell in cells if not _matches(section, cell)]
            if len(kept) == len(cells):
                place = self.sweep.document.place(("exclude", i))
                warnings.append(f"{place}: this 'exclude' matches no run (that is left).")
            cells = kept
        return cells, warnings

    def _check_exclude(self, section: ExcludeSection, key: Key) -> None:
        for coordinate, catalog in (
            ("policy", self.registry.policies),
            ("rmap", self.registry.rmaps),
        ):
            for entry in getattr(section, coordinate) or ():
                for params in params_product(entry.params):
                    self._check_params(catalog, entry.name, params, (*key, coordinate))
        known = {*samples(), *self.registry.workloads}
        named = {_name(section) for section in self.axes["workloads"]}
        for entry in section.workload or ():
            name = _name(entry)
            if name not in known | named and not is_glob(name) and not Path(name).exists():
                raise self.sweep.wrong(
                    (*key, "workload"),
                    f"there is no workload, sample or file '{name}'.{nearest(name, known | named)}",
                )

    def check(self, cells: Iterable[Cell]) -> None:
        """Raise for a policy and a strategy that cannot run together."""
        pairs = {(cell.policy.cls, cell.rmap.cls): None for cell in cells}
        known = (self.registry.policies.classes(), self.registry.rmaps.classes())
        for policy, rmap in pairs:
            try:
                check_pairs([policy], [rmap], known)
            except ReclaimError as error:
                raise self.sweep.wrong(
                    ("rmaps",),
                    f"{error} Or leave the pair out: exclude: "
                    f"[{{policy: {policy.name}, rmap: {rmap.name}}}].",
                ) from None


def _cell(values: Mapping[str, Any]) -> Cell:
    return Cell(*(values[axis] for axis in AXES))


def _name(section: TraceSection) -> str:
    return str(section.workload or section.sample or section.path)


def _has(params: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        params.get(name) in (value if isinstance(value, list) else [value])
        for name, value in wanted.items()
    )


def _is(choice: PluginChoice, entry: Choice) -> bool:
    return entry.name in (choice.label, choice.cls.name) and _has(choice.all_params(), entry.params)


def _is_workload(cell: Cell, entry: TraceSection) -> bool:
    name = _name(entry)
    same = cell.workload_name == name or (is_glob(name) and Path(cell.workload_name).match(name))
    return same and _has(cell.workload.params, entry.params)


def _matches(section: ExcludeSection, cell: Cell) -> bool:
    """Tell whether a cell has, in each key that the section says, one of its values."""
    tests: tuple[tuple[Any, Callable[[Any], bool]], ...]
    tests = (
        (section.workload, lambda wanted: any(_is_workload(cell, one) for one in wanted)),
        (section.policy, lambda wanted: any(_is(cell.policy, one) for one in wanted)),
        (section.rmap, lambda wanted: any(_is(cell.rmap, one) for one in wanted)),
        (section.frames, lambda wanted: cell.frames in wanted),
        (section.pressure, lambda wanted: cell.pressure.mode in wanted),
        (section.seed, lambda wanted: cell.seed in wanted),
    )
    return all(wanted is None or matches(wanted) for wanted, matches in tests)
