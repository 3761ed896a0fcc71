"""The keys of a comparison of reverse maps, and of a study of how their costs grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from reclaim.config.document import Key
from reclaim.config.resolve import Overrides, open_document
from reclaim.config.schema import (
    Choices,
    Costs,
    Count,
    Paths,
    PressureSection,
    Section,
    Size,
    pressure_of,
)
from reclaim.config.validate import validate_as

M = TypeVar("M", bound=BaseModel)


class ComparisonConfig(Section):
    """Every rmap on every workload, measured."""

    workloads: Choices = Field(
        description="Workloads by name, with their parameters; or names of samples, or trace files."
    )
    rmaps: Choices = Field(description="Strategies to compare, by name or preset.")
    policy: str = Field(
        "clock", description="Who is evicted; strategies that are not exact bring their own."
    )
    frames: Size = Field("50%", description="Memory: frames, or a share of the peak live set.")
    pressure: Annotated[PressureSection, BeforeValidator(pressure_of)] = Field(
        PressureSection(), description="When and how many pages are evicted."
    )
    fork_copies: Literal["anon", "all"] = Field(
        "anon", description="Page tables that fork copies: of VMAs with anonymous pages, or all."
    )
    walks: Annotated[int, Field(ge=1)] = Field(
        1000, description="Mapped frames to walk at the end of each eighth of the trace."
    )
    seed: Count = Field(0, description="Seed of everything random.")
    plugins: Paths = Field((), description="Plugin files and folders.")
    costs: Costs = Field(default_factory=dict, description="Cost model: ns by counter.")


def _ascending(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if list(sizes) != sorted(set(sizes)):
        raise ValueError(f"sizes go upwards, got {', '.join(map(str, sizes))}")
    return sizes


_Sizes = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    Field(min_length=2),
    AfterValidator(_ascending),
]


class ScalingConfig(Section):
    """How the cost of each operation grows."""

    rmaps: Choices = Field(description="Strategies to study, by name or preset.")
    processes: _Sizes = Field(
        (10, 30, 100, 300, 1000, 3000, 10000), description="Children that one process forks."
    )
    depth: _Sizes = Field(
        (5, 10, 20, 50, 100, 200, 500), description="Generations that fork one another."
    )
    pages: Annotated[int, Field(ge=2)] = Field(4, description="Pages of the shared mapping.")
    tolerance: Annotated[float, Field(gt=0)] = Field(
        0.2, description="How far a fitted exponent may lie from the claimed one."
    )
    plugins: Paths = Field((), description="Plugin files and folders.")


def load_as(model: type[M], source: str, overrides: Overrides | None = None) -> M:
    """Return a file as one of the models of this module.

    Parameters
    ----------
    model : type
        `ComparisonConfig` or `ScalingConfig`.
    source : str
        Path of a YAML file, or the name of a config that ships with reclaim.
    overrides : Overrides, optional
        What the command line says.

    Raises
    ------
    ConfigError
        Anything wrong in either; located in the file or at the option.
    """
    document = open_document(source, overrides)
    sections: Mapping[Key, type[BaseModel]] = {(): model, ("pressure",): PressureSection}
    return validate_as(document, model, sections)
