"""The traces of a sweep, each decoded or made once, as files that all workers map.

Beside each file stands a small JSON document with what planning needs to know of it, so that a
sweep that is taken up again opens no trace. Both are named by what the trace was made from; an edit
of a workload or a newer file gives another name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reclaim.errors import ConfigError
from reclaim.sweep.provenance import source_hash

if TYPE_CHECKING:
    from reclaim.config.schema import TraceSection
    from reclaim.plugin.registry import Registry

FOLDER = "traces"
_VERSION = 1


@dataclass(frozen=True)
class SweepTrace:
    """A trace that is ready to be mapped.

    Parameters
    ----------
    path : str
        An Arrow file.
    content_hash : str
        Of what happens in it.
    rows, accesses, touched_pages, touched_leaves : int
        As `reclaim.trace.statistics` counts them.
    """

    path: str
    content_hash: str
    rows: int
    accesses: int
    touched_pages: int
    touched_leaves: int


def trace_key(section: TraceSection, seed: int, registry: Registry) -> str:
    """Return a hash of what a trace is made from.

    Parameters
    ----------
    section : TraceSection
        A settled section.
    seed : int
        Of a workload; files and samples have none.
    registry : Registry
        Workloads.
    """
    source: dict[str, Any]
    if section.workload is not None:
        cls: Any = registry.workloads.get(section.workload)
        source = {
            "workload": section.workload,
            "params": section.params,
            "seed": seed,
            "results_version": cls.results_version,
            "source_hash": source_hash(cls),
        }
    else:
        source = {"file": _file_state(section), "reader": section.reader, **section.options}
    text = json.dumps([_VERSION, source], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _file_state(section: TraceSection) -> list[Any]:
    from reclaim.opening import sample_path

    path = sample_path(section.sample) if section.sample else Path(str(section.path))
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if "%p" in path.name:
        files = sorted(path.parent.glob(path.name.replace("%p", "*")))
    states = [(str(file.resolve()), file.stat()) for file in files]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]


def ready(section: TraceSection, seed: int, registry: Registry, folder: Path) -> SweepTrace | None:
    """Return a trace that lies in the folder already, or None."""
    beside = folder / f"{trace_key(section, seed, registry)}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        found = SweepTrace(**json.loads(beside.read_text()))
        if Path(found.path).is_file():
            return found
    return None


def prepare(section: TraceSection, seed: int, registry: Registry, folder: Path) -> SweepTrace:
    """Return a trace, made or decoded into the folder if it is not there.

    Parameters
    ----------
    section : TraceSection
        A settled section.
    seed : int
        Of a workload.
    registry : Registry
        Readers and workloads.
    folder : Path
        Where the files lie. A trace that can be mapped where it is stays there.

    Raises
    ------
    ReclaimError
        The trace cannot be read or made, or the folder not written.
    """
    found = ready(section, seed, registry, folder)
    if found is not None:
        return found
    from reclaim.opening import open_section
    from reclaim.trace.statistics import statistics
    from reclaim.trace.stored import StoredTrace
    from reclaim.trace.writing import write_trace

    trace = open_section(section, registry, seed)
    key = trace_key(section, seed, registry)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(trace, StoredTrace) and trace.mapped:
            path = str(Path(trace.meta.path).resolve())
        else:
            path = str((folder / f"{key}.arrow").resolve())
            # Another sweep may be writing the same trace.
            own = f"{path}.{os.getpid()}"
            write_trace(trace, own)
            Path(own).replace(path)
        numbers = statistics(trace)
        made = SweepTrace(
            path=path,
            content_hash=trace.content_hash(),
            rows=numbers.rows,
            accesses=numbers.accesses,
            touched_pages=numbers.touched_pages,
            touched_leaves=numbers.touched_leaves,
        )
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, suffix=".tmp") as file:
            json.dump(asdict(made), file)
        Path(file.name).replace(folder / f"{key}.json")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot write it: {error.strerror}.") from None
    return made
