"""The keys of a configuration: type, default, meaning; everything else is refused.

`configs/reference.yaml` shows every key with its default, docs/reference/config.md explains them;
tests keep the three in step.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from reclaim.contract.param import show


class Section(BaseModel):
    """Keys that must exist, of just these types, and never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _trace_of(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class TraceSection(Section):
    """Which trace is run."""

    path: str | None = Field(None, description="The trace's file; starts at the config's folder.")
    sample: str | None = Field(None, description="Name of a trace that ships with reclaim.")
    workload: str | None = Field(None, description="Name of a workload: a trace that is made.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the workload, such as children: 1000."
    )
    reader: str | None = Field(None, description="Name of the reader; by default it is detected.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the reader, such as partial: true."
    )

    @model_validator(mode="after")
    def _one_source(self) -> TraceSection:
        given = [key for key in ("path", "sample", "workload") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                "give one of path, sample and workload (as in sample: first-run)"
                + (f", not both {given[0]} and {given[1]}" if given else "")
            )
        return self


class Choice(Section):
    """A plugin by name, with its parameters."""

    name: str
    params: dict[str, Any] = Field(default_factory=dict)


def _choices_of(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("name at least one")
    return tuple(choice_of(item) for item in items)


def choice_of(item: object) -> Choice:
    """Return what a name, or a name with its parameters, stands for."""
    if isinstance(item, Choice):
        return item
    if isinstance(item, str):
        return Choice(name=item)
    if isinstance(item, dict) and len(item) == 1:
        name, params = next(iter(item.items()))
        if params is None or isinstance(params, dict):
            return Choice(name=name, params=params or {})
        raise ValueError(
            f"the parameters of '{name}' are a mapping, as in {name}: {{param: value}}, "
            f"not {show(params)}"
        )
    raise ValueError(
        f"each entry is a name or one name with its parameters, as in clock or "
        f"pte_chain: {{line_bytes: 64}}, not {show(item)}"
    )


_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


def _frames_of(value: object) -> object:
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("name at least one size")
    return tuple(_size_of(item) for item in items)


def _size_of(item: object) -> int | str:
    if isinstance(item, int) and not isinstance(item, bool):
        if item < 1:
            raise ValueError(f"{item} frames: a machine has at least 1")
        return item
    match = _PERCENT.fullmatch(item.strip()) if isinstance(item, str) else None
    if match is None:
        raise ValueError(
            "expected a number of frames or a share of the peak live set such as 25%, "
            f"got {show(item)}"
        )
    if float(match[1]) <= 0:
        raise ValueError(f"{item}: a machine has at least 1 frame")
    return f"{match[1]}%"


def pressure_of(value: object) -> object:
    """Return the section that a bare word stands for."""
    return {"mode": value} if isinstance(value, str) else value


Count = Annotated[int, Field(ge=0)]


class PressureSection(Section):
    """When and how many pages are evicted."""

    mode: Literal["exact", "limit", "watermarks"] = Field(
        "exact",
        description="exact: one eviction a fault; limit: up to 32 at a fault; watermarks: a "
        "background reclaimer (kswapd) between low and high, direct reclaim below min.",
    )
    min: Count | None = Field(None, description="Free frames at or below which faults reclaim.")
    low: Count | None = Field(None, description="Free frames below which kswapd wakes.")
    high: Count | None = Field(None, description="Free frames at which kswapd sleeps again.")
    kswapd_every: Annotated[int, Field(ge=1)] = Field(
        32, description="Accesses between two batches of kswapd."
    )
    writeback_accesses: Count = Field(
        0, description="Accesses for which an evicted dirty page is under writeback."
    )

    @model_validator(mode="after")
    def _marks_fit(self) -> PressureSection:
        given = [k for k in ("min", "low", "high") if getattr(self, k) is not None]
        if given and self.mode != "watermarks":
            raise ValueError(f"'{given[0]}' belongs to mode: watermarks, but mode is {self.mode}")
        if 0 < len(given) < 3:
            raise ValueError("give all of min, low and high, or none (then they are derived)")
        marks = [getattr(self, key) for key in given]
        if marks != sorted(set(marks)):
            raise ValueError(f"min < low < high must hold, got {', '.join(map(str, marks))}")
        return self


def _paths_of(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    # Strict mode takes no list for a tuple, and YAML has only lists.
    return tuple(value) if isinstance(value, list) else value


def _costs_of(value: object) -> object:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"expected ns by counter, or the path of a YAML file, got {show(value)}")
    for name, ns in value.items():
        number = isinstance(ns, int | float) and not isinstance(ns, bool) and math.isfinite(ns)
        if not number or ns < 0:
            raise ValueError(f"'{name}' costs a number of ns, at least 0, not {show(ns)}")
    return {name: float(ns) for name, ns in value.items()}


_CHOICES_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "items": {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": {"type": ["object", "null"]},
            },
        ]
    },
}
_SIZE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?\\s*%$"},
    ]
}
_FRAMES_SCHEMA = {"anyOf": [*_SIZE_SCHEMA["anyOf"], {"type": "array", "items": _SIZE_SCHEMA}]}

Size = Annotated[int | str, BeforeValidator(_size_of), WithJsonSchema(_SIZE_SCHEMA)]
Paths = Annotated[tuple[str, ...], BeforeValidator(_paths_of)]
Costs = Annotated[str | dict[str, float], BeforeValidator(_costs_of)]
Choices = Annotated[
    tuple[Choice, ...], BeforeValidator(_choices_of), WithJsonSchema(_CHOICES_SCHEMA)
]


class Config(Section):
    """One comparison: every policy with every rmap at every size, on one trace."""

    trace: Annotated[TraceSection, BeforeValidator(_trace_of)] = Field(
        description="The trace: a path; or path / sample, reader, options; or workload, params."
    )
    policies: Choices = Field((Choice(name="clock"),), description="Policies to compare.")
    rmaps: Choices = Field((Choice(name="anon_vma_chain"),), description="Rmaps to compare.")
    frames: Annotated[
        tuple[int | str, ...], BeforeValidator(_frames_of), WithJsonSchema(_FRAMES_SCHEMA)
    ] = Field(("50%",), description="Memory sizes: frames, or a share of the peak live set.")
    pressure: Annotated[PressureSection, BeforeValidator(pressure_of)] = Field(
        PressureSection(), description="When and how many pages are evicted."
    )
    swap_pages: Count | None = Field(None, description="Swap slots; null: as many as needed.")
    fork_copies: Literal["anon", "all"] = Field(
        "anon", description="Page tables that fork copies: of VMAs with anonymous pages, or all."
    )
    layout: Literal["32-bit", "64-bit"] = Field(
        "64-bit", description="Word size of the kernel whose rmap objects are measured."
    )
    seed: Count = Field(0, description="Seed of everything random.")
    plugins: Paths = Field(
        (), description="Plugin files and folders; start at the config's folder."
    )
    costs: Costs = Field(
        default_factory=dict,
        description="Cost model: ns by counter in place of the defaults, or a YAML file of them.",
    )
    epochs: Count = Field(
        0, description="Equal parts of the trace after which counters are recorded; 0: none."
    )
    check: bool = Field(
        False, description="Check the machine's and the plugins' own state at the end."
    )
