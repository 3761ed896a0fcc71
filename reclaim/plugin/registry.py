"""What plugins have registered, by name. One fresh registry per run of the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from reclaim.errors import PluginError, nearest

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
    """Classes of one kind by name.

    Parameters
    ----------
    kind : str
        "policy", "rmap", "workload" or "reader", for messages.
    plural : str
        The same for several.
    """

    def __init__(self, kind: str, plural: str) -> None:
        self.kind = kind
        self.plural = plural
        self._classes: dict[str, type[T]] = {}

    def add(self, cls: Any) -> None:
        """Keep a class under its `name`.

        Raises
        ------
        PluginError
            The name is taken; the message names both files.
        """
        taken = self._classes.get(cls.name)
        if taken is not None and taken is not cls:
            ours, theirs = place_of(cls), place_of(taken)
            raise PluginError(
                f"{self.kind} '{cls.name}' is registered twice: in {_at(theirs)} and in "
                f"{_at(ours)}. Rename one, or load only one of them."
            )
        self._classes[cls.name] = cls

    def get(self, name: str) -> type[T]:
        """Return the class of that name.

        Raises
        ------
        PluginError
            There is none; the nearest name is offered.
        """
        if name in self._classes:
            return self._classes[name]
        if not self._classes:
            raise PluginError(
                f"there is no {self.kind} '{name}': no {self.plural} are installed. Install "
                "reclaim with 'pip install .', or name plugin files with --plugins."
            )
        raise PluginError(f"there is no {self.kind} '{name}'.{nearest(name, self._classes)}")

    def __contains__(self, name: str) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        return len(self._classes)

    def classes(self) -> list[type[T]]:
        """Return every class, in order of names."""
        return [self._classes[name] for name in self]


class Registry:
    """All that plugins offer: `policies`, `rmaps`, `workloads`, `readers`, each a `Catalog`."""

    def __init__(self) -> None:
        self.policies: Catalog[Any] = Catalog("policy", "policies")
        self.rmaps: Catalog[Any] = Catalog("rmap", "rmaps")
        self.workloads: Catalog[Any] = Catalog("workload", "workloads")
        self.readers: Catalog[Any] = Catalog("reader", "readers")

    def catalogs(self) -> tuple[Catalog[Any], ...]:
        """Return the catalogs in the order in which listings show them."""
        return (self.policies, self.rmaps, self.workloads, self.readers)


def _at(place: tuple[str, int | None]) -> str:
    file, line = place
    return f"{file}:{line}" if line else file
