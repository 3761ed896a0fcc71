"""Which trace a config or a command means: a file, a sample that ships, or a generated workload."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.config.schema import TraceSection
from reclaim.contract.param import resolve_params
from reclaim.errors import ConfigError, TraceError, nearest
from reclaim.plugin.registry import Catalog, Registry
from reclaim.trace.builder import TraceBuilder
from reclaim.trace.model import TraceMeta
from reclaim.trace.reading import open_trace

if TYPE_CHECKING:
    from reclaim.trace.model import Trace


def open_section(section: TraceSection, registry: Registry, seed: int) -> Trace:
    """Open, or generate, the trace that a config's section names.

    Parameters
    ----------
    section : TraceSection
        What the config says.
    registry : Registry
        Readers and workloads.
    seed : int
        The config's, for what a workload does at random.

    Raises
    ------
    ReclaimError
        No such file, sample or workload; an option or parameter that does not fit; a trace that
        cannot be read.
    """
    found = settle(section, registry)
    if found.workload is not None:
        return generate(registry.workloads.get(found.workload), found.params, seed)
    path = str(sample_path(found.sample)) if found.sample is not None else str(found.path)
    if not Path(path).exists() and Path(path).name == path.split(".")[0]:
        # A bare word is likelier a name than a file.
        hint = nearest(path, {*samples(), *registry.workloads})
        raise TraceError(f"{path}: no such file or folder, and no sample or workload.{hint}")
    readers = [registry.readers.get(found.reader)] if found.reader else registry.readers.classes()
    for name, value in found.options.items():
        takers = [cls for cls in readers if name in cls.params]
        problems = [cls.params[name].problem_with(value) for cls in takers]
        if takers and all(problems):
            raise ConfigError(f"reader '{takers[0].name}': option '{name}': {problems[0]}")
    return open_trace(path, registry.readers.classes(), found.reader, **found.options)


def settle(section: TraceSection, registry: Registry) -> TraceSection:
    """Return a section whose path is a file, and whose params are complete.

    A path that is no file, but the name of a sample or a workload, means that.

    Raises
    ------
    ReclaimError
        There is no such workload, or a parameter that it does not take.
    """
    path = section.path
    if path is not None and not Path(path).exists() and "%p" not in path:
        if path in samples():
            section = section.model_copy(update={"path": None, "sample": path})
        elif path in registry.workloads:
            section = section.model_copy(update={"path": None, "workload": path})
    if section.workload is None:
        if section.params:
            raise ConfigError(
                f"trace.params: '{next(iter(section.params))}' is a workload's parameter, but "
                f"'{section.path or section.sample}' is a file. A reader takes 'options'."
            )
        return section
    if section.reader is not None or section.options:
        raise ConfigError(
            f"trace: 'reader' and 'options' belong to files, but '{section.workload}' is a "
            "workload. It takes 'params'."
        )
    params = workload_params(registry.workloads, section.workload, section.params)
    return section.model_copy(update={"params": params})


def workload_params(catalog: Catalog[Any], name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a workload; one that it does not take is an error."""
    return resolve_params(f"workload '{name}'", catalog.get(name).params, given)


def generate(cls: Any, params: Mapping[str, Any], seed: int) -> Trace:
    """Return the trace of a workload.

    Parameters
    ----------
    cls : type
        A subclass of `Workload`.
    params : mapping of str to object
        All of its parameters.
    seed : int
        Of everything random.

    Raises
    ------
    ReclaimError
        Parameters that do not fit together, or a workload that writes what cannot be.
    """
    builder = TraceBuilder()
    try:
        cls().build(builder, seed, **params)
    except (ConfigError, TraceError) as error:
        raise type(error)(f"workload '{cls.name}': {error}") from None
    words = [f"{key}={_word(value)}" for key, value in [*params.items(), ("seed", seed)]]
    meta = TraceMeta(
        source="generated",
        command=" ".join([cls.name, *words]),
        extra={
            "workload": cls.name,
            "params": dict(params),
            "seed": seed,
            "results_version": cls.results_version,
        },
    )
    trace = builder.trace(meta)
    # It is asked for at every run, and the columns are large.
    return trace.with_meta(content_hash=trace.content_hash())


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sample_path(name: str) -> Path:
    """Return the file of a trace that ships with reclaim.

    Raises
    ------
    TraceError
        There is no sample of that name.
    """
    found = samples()
    if name not in found:
        raise TraceError(f"there is no sample trace '{name}'.{nearest(name, found)}")
    return found[name]


def samples() -> dict[str, Path]:
    """Return the traces that ship with reclaim, by name."""
    folder = Path(str(resources.files("reclaim"))) / "samples"
    return {path.name.split(".")[0]: path for path in sorted(folder.glob("*.*"))}
