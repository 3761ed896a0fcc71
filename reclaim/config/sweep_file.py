"""Reading a sweep: the file, those that it extends, variables, options; then the schema.

Each value keeps the file and line where it was written, wherever it comes from, and paths start at
the folder of the file that names them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from reclaim.config.document import Document, Key, read_document
from reclaim.config.resolve import Overrides, apply, find_config
from reclaim.config.schema import PressureSection, TraceSection
from reclaim.config.sweep import AXES, CellSection, ExcludeSection, SweepConfig
from reclaim.config.validate import validate_as
from reclaim.contract.param import show
from reclaim.errors import ConfigError, nearest

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_MERGED = ("vars", "costs")
_LISTS = (*AXES, "cells", "exclude")


@dataclass(frozen=True)
class Sweep:
    """A checked sweep and where its values were written.

    Parameters
    ----------
    config : SweepConfig
        What it says.
    document : Document
        Places for messages about what only plugins and files can refuse.
    source : str
        The file or the shipped config that was asked for.
    """

    config: SweepConfig
    document: Document
    source: str

    def wrong(self, key: Key, text: str) -> ConfigError:
        """Return an error about a value, at its place."""
        return ConfigError(f"{self.document.place(key)}: {text}")


def load_sweep(source: str, overrides: Overrides | None = None) -> Sweep:
    """Return the checked sweep of a file.

    Parameters
    ----------
    source : str
        Path of a YAML file, or the name of a sweep that ships with reclaim.
    overrides : Overrides, optional
        ``--set`` and ``--plugins``.

    Raises
    ------
    ConfigError
        One line for each mistake, with its place.
    """
    document, folders = _read(find_config(source), ())
    if "trace" in document.data:
        raise ConfigError(
            f"{document.place(('trace',))}: a sweep names 'workloads', not 'trace'; a config with "
            f"a trace is what 'reclaim run {source}' runs."
        )
    changes = overrides or Overrides()
    # What the command line names starts at the current folder.
    for key in changes.settings:
        folders.pop(key, None)
    apply(document, Overrides(settings=changes.settings))
    variables = document.data.pop("vars", {})
    if not isinstance(variables, dict):
        raise ConfigError(f"{document.place(('vars',))}: vars: expected a mapping of names.")
    document.data = {
        key: _filled(value, (key,), variables, document) for key, value in document.data.items()
    }
    _anchor(document.data, folders)
    apply(document, Overrides(plugins=changes.plugins))
    for key in _LISTS:
        _listed(document, key)
    sections = _sections(document.data)
    sweep = Sweep(validate_as(document, SweepConfig, sections), document, source)
    if (wrong := sweep.config.contradiction()) is not None:
        key, text = wrong
        raise sweep.wrong((key,), f"'{key}' {text}.")
    return sweep


def _read(path: Path, chain: tuple[Path, ...]) -> tuple[Document, dict[str, Path]]:
    """Return a file laid over those that it extends, and where each key's paths start."""
    if path.resolve() in chain:
        raise ConfigError(f"{path}: extends itself, by way of {chain[-1]}.")
    document = read_document(path)
    folders = dict.fromkeys(document.data, path.parent)
    below = document.data.pop("extends", None)
    if below is None:
        return document, folders
    where = document.place(("extends",))
    if not isinstance(below, str):
        raise ConfigError(f"{where}: extends: expected the path of a file, got {show(below)}.")
    beside = path.parent / below
    try:
        base_path = beside if beside.is_file() else find_config(below)
    except ConfigError as error:
        raise ConfigError(f"{where}: extends: {error}") from None
    base, base_folders = _read(base_path, (*chain, path.resolve()))
    for key, value in document.data.items():
        old = base.data.get(key)
        if key in _MERGED and isinstance(old, dict) and isinstance(value, dict):
            document.data[key] = old | value
            old_places = {k: v for k, v in base.places.items() if k and k[0] == key}
            document.places = old_places | document.places
    for key, value in base.data.items():
        if key not in document.data:
            document.data[key] = value
            folders[key] = base_folders[key]
            document.places |= {k: v for k, v in base.places.items() if k and k[0] == key}
    return document, folders


def _filled(value: Any, key: Key, variables: Mapping[str, Any], document: Document) -> Any:
    """Return a value with its ``${name}``; one that is nothing else takes the variable's type."""
    if isinstance(value, dict):
        return {k: _filled(v, (*key, k), variables, document) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, (*key, i), variables, document) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def looked_up(match: re.Match[str]) -> Any:
        name = match[1].strip()
        if name not in variables:
            hint = nearest(name, variables) or " There is no 'vars'."
            raise ConfigError(f"{document.place(key)}: there is no variable '{name}'.{hint}")
        return variables[name]

    whole = _VARIABLE.fullmatch(value)
    return looked_up(whole) if whole else _VARIABLE.sub(lambda m: str(looked_up(m)), value)


def _anchor(data: dict[str, Any], folders: Mapping[str, Path]) -> None:
    """Make paths start at the folder of their file; the schema refuses what is no path."""

    def path(value: Any, key: str) -> Any:
        return str(folders[key] / value) if isinstance(value, str) and key in folders else value

    def workload(value: Any, key: str) -> Any:
        if isinstance(value, dict) and "path" in value:
            return {**value, "path": path(value["path"], key)}
        if not isinstance(value, str) or key not in folders:
            return value
        # Most are names; a file of that name beside the config is meant if it is there.
        is_path = "/" in value or is_glob(value) or (folders[key] / value).is_file()
        return path(value, key) if is_path else value

    def each(value: Any, change: Any) -> Any:
        return [change(v) for v in value] if isinstance(value, list) else change(value)

    if "workloads" in data:
        data["workloads"] = each(data["workloads"], lambda v: workload(v, "workloads"))
    for section in ("cells", "exclude"):
        items = data.get(section)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and "workload" in item:
                item["workload"] = each(item["workload"], lambda v, s=section: workload(v, s))
    if "plugins" in data and "plugins" in folders:
        data["plugins"] = each(data["plugins"], lambda v: path(v, "plugins"))
    if isinstance(data.get("costs"), str):
        data["costs"] = path(data["costs"], "costs")


def is_glob(text: str) -> bool:
    """Tell whether a path stands for those that it matches."""
    return any(sign in text for sign in "*?[")


def _listed(document: Document, key: str) -> None:
    """Write a single value as a list of one, places too."""
    value = document.data.get(key)
    if value is None or isinstance(value, list):
        return
    document.data[key] = [value]
    inner = {k: v for k, v in document.places.items() if k[:1] == (key,)}
    document.places |= {(key, 0, *k[1:]): v for k, v in inner.items()}


def _sections(data: Mapping[str, Any]) -> dict[Key, type[BaseModel]]:
    found: dict[Key, type[BaseModel]] = {(): SweepConfig}
    kinds: tuple[tuple[str, type[BaseModel]], ...] = (
        ("workloads", TraceSection),
        ("pressure", PressureSection),
        ("cells", CellSection),
        ("exclude", ExcludeSection),
    )
    for key, model in kinds:
        for i in range(len(data.get(key) or ())):
            found[(key, i)] = model
    return found
