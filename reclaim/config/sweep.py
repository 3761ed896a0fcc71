"""The keys of a sweep: axes, how they are combined, and what all of its runs share.

`configs/reference-sweep.yaml` shows every key with its default, docs/reference/sweep.md explains
them; tests keep the three in step. A plugin's parameter is never a list, so a list in its place is
an axis of that plugin alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from reclaim.config.schema import (
    Choice,
    Costs,
    Count,
    Paths,
    PressureSection,
    Section,
    Size,
    TraceSection,
    choice_of,
    pressure_of,
)
from reclaim.contract.param import show

AXES = ("workloads", "policies", "rmaps", "frames", "pressure", "seeds")
"""Keys whose values are combined, outermost first."""

COORDINATES = ("workload", "policy", "rmap", "frames", "pressure", "seed")
"""The same, as one run has them: keys of `cells` and `exclude`."""

Axis = Literal["workloads", "policies", "rmaps", "frames", "pressure", "seeds"]


def params_product(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the combinations of parameters of which some are lists, the last varying fastest."""
    values = [value if isinstance(value, list) else [value] for value in params.values()]
    return [dict(zip(params, combined, strict=True)) for combined in product(*values)]


def _listed(value: object) -> object:
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError("name at least one")
    return tuple(items)


def _workload_of(value: object) -> object:
    if isinstance(value, dict) and value.keys() & {"path", "sample", "workload"}:
        return value
    if isinstance(value, TraceSection):
        return value
    named = choice_of(value)
    return TraceSection(path=named.name, params=named.params)


def _bytes_of(value: object) -> object:
    units = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]i?b)?", str(value).strip().lower())
    if value is None:
        return None
    if match is None or isinstance(value, bool) or float(match[1]) == 0:
        raise ValueError(f"expected bytes, as in 4GiB or 500MB, got {show(value)}")
    return int(float(match[1]) * units[match[2] or ""])


_ENTRY_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        },
    ]
}
_WORKLOAD_SCHEMA = {
    "anyOf": [
        *_ENTRY_SCHEMA["anyOf"],
        {
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "sample": {"type": "string"},
                "workload": {"type": "string"},
                "params": {"type": "object"},
                "reader": {"type": "string"},
                "options": {"type": "object"},
            },
            "additionalProperties": False,
        },
    ]
}

_List = BeforeValidator(_listed)
Entry = Annotated[Choice, BeforeValidator(choice_of), WithJsonSchema(_ENTRY_SCHEMA)]
Workload = Annotated[TraceSection, BeforeValidator(_workload_of), WithJsonSchema(_WORKLOAD_SCHEMA)]
Pressure = Annotated[PressureSection, BeforeValidator(pressure_of)]
Bytes = Annotated[
    int | None,
    BeforeValidator(_bytes_of),
    WithJsonSchema({"type": ["integer", "string", "null"]}),
]


class CellSection(Section):
    """Runs beside the product: what is not said takes every value of its axis."""

    workload: Annotated[tuple[Workload, ...], _List] | None = Field(
        None, description="Workloads, samples or trace files."
    )
    policy: Annotated[tuple[Entry, ...], _List] = Field(description="Policies.")
    rmap: Annotated[tuple[Entry, ...], _List] | None = Field(None, description="Strategies.")
    frames: Annotated[tuple[Size, ...], _List] | None = Field(None, description="Memory sizes.")
    pressure: Annotated[tuple[Pressure, ...], _List] | None = Field(None, description="Pressures.")
    seed: Annotated[tuple[Count, ...], _List] | None = Field(None, description="Seeds.")


class ExcludeSection(Section):
    """Runs to leave out: those that have, in each key that is said, one of its values."""

    workload: Annotated[tuple[Workload, ...], _List] | None = Field(
        None, description="Workloads by name; with parameters, only runs that have these too."
    )
    policy: Annotated[tuple[Entry, ...], _List] | None = Field(
        None, description="Policies by name; with parameters, only runs that have these too."
    )
    rmap: Annotated[tuple[Entry, ...], _List] | None = Field(
        None, description="Strategies by name or preset."
    )
    frames: Annotated[tuple[Size, ...], _List] | None = Field(
        None, description="Memory sizes as they are written in the axis."
    )
    pressure: Annotated[tuple[Literal["exact", "limit", "watermarks"], ...], _List] | None = Field(
        None, description="Modes of pressure."
    )
    seed: Annotated[tuple[Count, ...], _List] | None = Field(None, description="Seeds.")

    @model_validator(mode="after")
    def _says_something(self) -> ExcludeSection:
        if not self.model_fields_set:
            raise ValueError("says nothing; name at least one of " + ", ".join(COORDINATES))
        return self


class SweepConfig(Section):
    """A study: axes whose values are combined into runs."""

    workloads: Annotated[tuple[Workload, ...], _List] | None = Field(
        None,
        description="Axis: workloads or samples by name, trace files, globs; parameters that are "
        "lists are axes of their own.",
    )
    policies: Annotated[tuple[Entry, ...], _List] | None = Field(
        None, description="Axis: policies; null: only what `cells` lists is run."
    )
    rmaps: Annotated[tuple[Entry, ...], _List] = Field(
        (Choice(name="anon_vma_chain"),), description="Axis: strategies, by name or preset."
    )
    frames: Annotated[tuple[Size, ...], _List] = Field(
        ("50%",), description="Axis: memory, in frames or as a share of the peak live set."
    )
    pressure: Annotated[tuple[Pressure, ...], _List] = Field(
        (PressureSection(),), description="Axis: when and how many pages are evicted."
    )
    seeds: Annotated[tuple[Count, ...], _List] | None = Field(
        None, description="Axis: seeds of everything random; null: as `repeat` says."
    )
    repeat: Annotated[int, Field(ge=1)] = Field(
        1, description="Seeds 0 to N - 1 in place of a list of seeds."
    )
    zip: Annotated[
        tuple[Annotated[tuple[Axis, ...], _List], ...],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field((), description="Groups of axes that are walked together, value by value.")
    cells: Annotated[
        tuple[CellSection, ...],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field((), description="Further runs beside the product.")
    exclude: Annotated[
        tuple[ExcludeSection, ...],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field((), description="Runs to leave out.")
    time_limit: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Seconds that a run may take, compiling aside; then it fails."
    )
    memory_limit: Bytes = Field(
        None, description="Memory that a run may add to its process, as in 4GiB; then it fails."
    )
    swap_pages: Count | None = Field(None, description="Swap slots; null: as many as needed.")
    fork_copies: Literal["anon", "all"] = Field(
        "anon", description="Page tables that fork copies: of VMAs with anonymous pages, or all."
    )
    layout: Literal["32-bit", "64-bit"] = Field(
        "64-bit", description="Word size of the kernel whose rmap objects are measured."
    )
    epochs: Count = Field(0, description="Parts of the trace after which counters are recorded.")
    measure: Count = Field(
        0, description="Mapped frames walked at the end of each eighth; 0: nothing is measured."
    )
    check: bool = Field(False, description="Check the machine's own state at the end of each run.")
    plugins: Paths = Field((), description="Plugin files and folders.")
    costs: Costs = Field(default_factory=dict, description="Cost model: ns by counter.")

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds, listed or counted."""
        return self.seeds if self.seeds is not None else tuple(range(self.repeat))

    def contradiction(self) -> tuple[str, str] | None:
        """Return a key and what is wrong with it beside the others, None where all fit."""
        if self.policies is None and not self.cells:
            return "policies", "is missing: name some, with 'workloads', or list runs in 'cells'"
        cells_need = any(cell.workload is None for cell in self.cells)
        if self.workloads is None and (self.policies is not None or cells_need):
            return "workloads", "is missing: names of workloads or samples, or files"
        if self.seeds is not None and "repeat" in self.model_fields_set:
            return "seeds", "stands beside 'repeat'; give one of them"
        named = [axis for group in self.zip for axis in group]
        twice = next((axis for axis in named if named.count(axis) > 1), None)
        return ("zip", f"has '{twice}' twice; an axis is walked once") if twice else None
