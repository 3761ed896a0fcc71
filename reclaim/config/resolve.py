"""File, then options of the command line, then ``--set``: the last word wins."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from reclaim.config.document import Document, parse_value, read_document
from reclaim.config.schema import Config
from reclaim.config.validate import validate
from reclaim.errors import ConfigError, nearest

SHIPPED = "reclaim_configs"
"""Package of the configurations that come with reclaim."""

_SHORT = {"pressure": "mode", "trace": "path"}
"""Sections that may be written as one word, and which of their keys the word is."""


@dataclass(frozen=True)
class Overrides:
    """What the command line says about the config.

    Parameters
    ----------
    trace : str, optional
        ``--trace``.
    policies, rmaps, frames : tuple of str
        ``--policy``, ``--rmap``, ``--frames``, split at commas; empty: as the config says.
    workloads : tuple of str
        ``--workload`` of a comparison.
    plugins : tuple of str
        ``--plugins``, added to the config's.
    settings : mapping of str to object
        ``--set``, values by dotted key.
    """

    trace: str | None = None
    policies: tuple[str, ...] = ()
    rmaps: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


def load_config(source: str, overrides: Overrides | None = None) -> Config:
    """Return the checked configuration of a file and the options that change it.

    Parameters
    ----------
    source : str
        Path of a YAML file, or the name of a config that ships with reclaim (``first-run``).
    overrides : Overrides, optional
        What the command line says.

    Raises
    ------
    ConfigError
        Anything wrong in either; located in the file or at the option.
    """
    document = open_document(source, overrides)
    if "workloads" in document.data and document.data.keys() & {"policies", "cells", "vars"}:
        raise ConfigError(f"{source}: is a sweep, which 'reclaim sweep {source}' runs.")
    for key, command in (("workloads", "rmap"), ("depth", "scaling")):
        if key in document.data:
            raise ConfigError(
                f"{source}: is a comparison of reverse maps, which "
                f"'reclaim compare {command} {source}' runs."
            )
    return validate(document)


def open_document(source: str, overrides: Overrides | None = None) -> Document:
    """Return what a file says, its paths made absolute, and the options that change it.

    Raises
    ------
    ConfigError
        There is no such file, it is not YAML, or an option does not fit it.
    """
    path = find_config(source)
    document = read_document(path)
    _anchor(document.data, path.parent)
    apply(document, overrides or Overrides())
    return document


def find_config(source: str) -> Path:
    """Return the file that a config argument stands for.

    Raises
    ------
    ConfigError
        There is neither such a file nor a shipped config of that name.
    """
    path = Path(source)
    if path.is_file():
        return path
    shipped = shipped_configs()
    if source in shipped:
        return shipped[source]
    if path.is_dir():
        raise ConfigError(f"{source}: is a folder; a config is a YAML file.")
    hint = nearest(source, shipped) if path.suffix not in (".yaml", ".yml") else ""
    raise ConfigError(f"{source}: there is no such config file.{hint}")


def shipped_configs() -> dict[str, Path]:
    """Return the configurations that ship with reclaim, by name."""
    try:
        folder = Path(str(resources.files(SHIPPED)))
    except ModuleNotFoundError:
        return {}
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _anchor(data: dict[str, Any], folder: Path) -> None:
    """Make the paths in a file start at its folder; the schema refuses what is no path."""

    def anchored(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str) else value

    trace = data.get("trace")
    if isinstance(trace, dict) and "path" in trace:
        trace["path"] = anchored(trace["path"])
    elif isinstance(trace, str):
        data["trace"] = anchored(trace)
    workloads = data.get("workloads")
    if isinstance(workloads, list):
        # Most are names; a file of that name beside the config is meant if it is there.
        data["workloads"] = [
            anchored(item) if isinstance(item, str) and (folder / item).is_file() else item
            for item in workloads
        ]
    plugins = data.get("plugins")
    if isinstance(plugins, list):
        data["plugins"] = [anchored(item) for item in plugins]
    elif isinstance(plugins, str):
        data["plugins"] = anchored(plugins)
    if isinstance(data.get("costs"), str):
        data["costs"] = anchored(data["costs"])


def parse_settings(
    texts: Iterable[str], option: str = "--set", example: str = "pressure.mode=limit"
) -> dict[str, object]:
    """Return ``--set`` options as values by dotted key.

    Parameters
    ----------
    texts : iterable of str
        What was given, each ``key=value``.
    option, example : str
        The option and a use of it, for messages.

    Raises
    ------
    ConfigError
        An option without ``=``, or whose value is not YAML.
    """
    settings: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{option} {text}: expected key=value, as in {option} {example}.")
        settings[key.strip()] = parse_value(value, f"{option} {text}")
    return settings


def apply(document: Document, overrides: Overrides) -> None:
    """Write the command line's options into a document, with their names as places."""
    data, places = document.data, document.places

    def put(key: str, value: Any, option: str) -> None:
        data[key] = value
        for stale in [k for k in places if k and k[0] == key]:
            del places[stale]
        places[(key,)] = option

    if overrides.trace is not None:
        put("trace", {"path": overrides.trace}, f"--trace {overrides.trace}")
    for key, names, option in (
        ("policies", overrides.policies, "--policy"),
        ("rmaps", overrides.rmaps, "--rmap"),
        ("workloads", overrides.workloads, "--workload"),
    ):
        if names:
            kept = [entry for name in names for entry in _entries(data.get(key), name)]
            put(key, kept, f"{option} {','.join(names)}")
    if overrides.frames:
        sizes = [int(text) if _is_int(text) else text for text in overrides.frames]
        put("frames", sizes, f"--frames {','.join(overrides.frames)}")
    if overrides.plugins:
        before = data.get("plugins") or []
        before = [before] if isinstance(before, str) else before
        put("plugins", [*before, *overrides.plugins], "--plugins")
    for dotted, value in overrides.settings.items():
        _set(document, dotted, value)


def _is_int(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()


def _entries(listed: Any, name: str) -> list[Any]:
    """Return the config's own entries for a plugin, with their parameters; else the bare name."""
    items = listed if isinstance(listed, list) else [listed]
    same = [item for item in items if item == name or (isinstance(item, dict) and name in item)]
    return same or [name]


def _set(document: Document, dotted: str, value: object) -> None:
    option = f"--set {dotted}"
    parts = dotted.split(".")
    if parts[0] in _SHORT and len(parts) > 1 and isinstance(document.data.get(parts[0]), str):
        document.data[parts[0]] = {_SHORT[parts[0]]: document.data[parts[0]]}
    at: Any = document.data
    for i, part in enumerate(parts[:-1]):
        if isinstance(at, dict) and part not in at:
            at[part] = {}
        at = _step(at, part, option, ".".join(parts[:i]))
        if at is None:
            raise ConfigError(f"{option}: '{'.'.join(parts[: i + 1])}' has no keys of its own.")
    last = parts[-1]
    if isinstance(at, list):
        _step(at, last, option, ".".join(parts[:-1]))
        at[int(last)] = copy.deepcopy(value)
    elif isinstance(at, dict):
        at[last] = copy.deepcopy(value)
    else:
        raise ConfigError(f"{option}: '{'.'.join(parts[:-1])}' has no keys of its own.")
    document.places[tuple(int(p) if p.isdigit() else p for p in parts)] = option


def _step(at: Any, part: str, option: str, where: str) -> Any:
    if isinstance(at, dict):
        return at[part]
    if isinstance(at, list):
        if not part.isdigit() or int(part) >= len(at):
            raise ConfigError(
                f"{option}: '{where}' is a list of {len(at)}; its entries are 0 to {len(at) - 1}."
            )
        return at[int(part)]
    raise ConfigError(f"{option}: '{where}' has no keys of its own.")
