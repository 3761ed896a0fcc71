"""What plugins have registered, by name. One fresh registry per run of the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from reclaim.contract.param import ParamValue, resolve_params
from reclaim.errors import ConfigError, PluginError, nearest

T = TypeVar("T")


def place_of(cls: type) -> tuple[str, int | None]:
    """Return the file and the first line of a class, as well as they can be known.

    Parameters
    ----------
    cls : type
        A class that a plugin registered.

    Returns
    -------
    (str, int or None)
        ``("<unknown>", None)`` for a class that was not written in a file.
    """
    import inspect  # costs 10 ms; only messages and listings need it

    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None) or "<unknown>"
    try:
        return file, inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return file, None


class Catalog(Generic[T]):
    """Classes of one kind by name, and by the names of their presets.

    Parameters
    ----------
    kind : str
        "policy", "rmap", "workload", "reader" or "observer", for messages.
    plural : str
        The same for several.
    """

    def __init__(self, kind: str, plural: str) -> None:
        self.kind = kind
        self.plural = plural
        self._classes: dict[str, type[T]] = {}
        self._preset_of: dict[str, type[T]] = {}

    def add(self, cls: Any) -> None:
        """Keep a class under its `name`, and under those of its presets.

        Raises
        ------
        PluginError
            A name is taken; the message names both files.
        """
        presets = getattr(cls, "presets", {})
        for name in (cls.name, *presets):
            taken = self._classes.get(name) or self._preset_of.get(name)
            if (taken is not None and taken is not cls) or (name in presets and name == cls.name):
                ours, theirs = place_of(cls), place_of(taken or cls)
                raise PluginError(
                    f"{self.kind} '{name}' is registered twice: in {_at(theirs)} and in "
                    f"{_at(ours)}. Rename one, or load only one of them."
                )
        self._classes[cls.name] = cls
        self._preset_of.update(dict.fromkeys(presets, cls))

    def get(self, name: str) -> type[T]:
        """Return the class of that name, or the one that has a preset of that name.

        Raises
        ------
        PluginError
            There is none; the nearest name is offered.
        """
        if name in self:
            return self._classes.get(name) or self._preset_of[name]
        if not self._classes:
            raise PluginError(
                f"there is no {self.kind} '{name}': no {self.plural} are installed. Install "
                "reclaim with 'pip install .', or name plugin files with --plugins."
            )
        raise PluginError(f"there is no {self.kind} '{name}'.{nearest(name, self.names())}")

    def choose(
        self, name: str, given: Mapping[str, object]
    ) -> tuple[type[T], dict[str, ParamValue], str | None]:
        """Return what a configuration asks for: the class, every parameter, the preset's name.

        Parameters
        ----------
        name : str
            Of a class or a preset.
        given : mapping of str to object
            Parameters that the configuration sets.

        Raises
        ------
        PluginError, ConfigError
            There is none of that name; a parameter that it does not take, or a value other than the
            preset's.
        """
        cls: Any = self.get(name)
        fixed = cls.presets[name] if name in self._preset_of else {}
        owner = f"{self.kind} '{name}'"
        params = resolve_params(owner, cls.params, {**fixed, **given})
        for key, value in fixed.items():
            if params[key] != value:
                raise ConfigError(
                    f"{owner} means {key}: {value}, so it cannot have {key}: {params[key]}. "
                    f"Write {cls.name} with parameters of its own."
                )
        return cls, params, name if name in self._preset_of else None

    def names(self) -> list[str]:
        """Return every name that `get` knows."""
        return [*self._classes, *self._preset_of]

    def __contains__(self, name: str) -> bool:
        return name in self._classes or name in self._preset_of

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        return len(self._classes)

    def classes(self) -> list[type[T]]:
        """Return every class, in order of names."""
        return [self._classes[name] for name in self]


class Registry:
    """All that plugins offer: `policies`, `rmaps`, `workloads`, `readers`, `observers`, each a "
    "`Catalog`.
    """

    def __init__(self) -> None:
        self.policies: Catalog[Any] = Catalog("policy", "policies")
        self.rmaps: Catalog[Any] = Catalog("rmap", "rmaps")
        self.workloads: Catalog[Any] = Catalog("workload", "workloads")
        self.readers: Catalog[Any] = Catalog("reader", "readers")
        self.observers: Catalog[Any] = Catalog("observer", "observers")

    def catalogs(self) -> tuple[Catalog[Any], ...]:
        """Return the catalogs in the order in which listings show them."""
        return (self.policies, self.rmaps, self.workloads, self.readers, self.observers)


def _at(place: tuple[str, int | None]) -> str:
    file, line = place
    return f"{file}:{line}" if line else file
