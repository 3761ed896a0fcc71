"""Errors that a user may meet, shown as one clear message and exit code 2.

A message says what was given, where, what was expected, the nearest valid name, and what to do.
Anything that is not a `ReclaimError` is a bug of ours and may show its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class ReclaimError(Exception):
    """A mistake in what the user gave us; `str(error)` is the whole message."""


class ConfigError(ReclaimError):
    """A configuration file or a `--set` that does not fit the schema."""


class PluginError(ReclaimError):
    """A plugin that breaks its contract, found before it is compiled."""


class TraceError(ReclaimError):
    """A trace, script or log that cannot be read."""


class MachineError(ReclaimError):
    """A run that cannot go on: out of memory, an access outside every VMA, a failed `expect`."""


class StoreError(ReclaimError):
    """A store of results that cannot be opened, written or asked."""


def located(path: str | Path, line: int | None, text: str) -> str:
    """Return `text` behind the place it speaks of, as compilers write it.

    Parameters
    ----------
    path : str or Path
        The file.
    line : int or None
        1-based line, or None where the file has no lines.
    text : str
        The message.
    """
    return f"{path}:{line}: {text}" if line else f"{path}: {text}"


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest valid name, else the list of valid names.

    Parameters
    ----------
    name : str
        What was given.
    valid : iterable of str
        What would have been accepted.
    """
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Valid: {', '.join(names)}." if names else ""
