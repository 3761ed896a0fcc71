"""What is left of a compiler's message when a plugin's kernel does not compile: one clear line.

numba's own text runs to a hundred lines, most of them ours. What its author needs is the last place
inside their file and the innermost reason; the rest is behind ``--traceback``.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from reclaim.errors import PluginError
from reclaim.jit.handle import Handle

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_AT = re.compile(r"typing of \w+ at (?P<file>\S+) \((?P<line>\d+)\)")
_DULL = re.compile(
    r"^(During:|File |- |Failed in|There are|Rejected|\[|$|Resolution failure|None$)"
)


def _reason(lines: list[str]) -> str:
    for line in lines:
        text = line.strip().removeprefix("- ").strip()
        if text and not _DULL.match(text) and "Failed in nopython" not in text:
            return text.rstrip(":")
    return "it does not compile"


def plugin_error(message: str, handles: list[Handle]) -> PluginError:
    """Return numba's message as one line that names plugin, file, line and reason.

    Parameters
    ----------
    message : str
        numba's text.
    handles : list of Handle
        The strategy, and the policy if there is one.
    """
    text = _COLOUR.sub("", message)
    lines = text.splitlines()
    for handle in handles[::-1]:
        cls = type(handle)
        file = getattr(sys.modules.get(cls.__module__), "__file__", "") or ""
        base = Path(file).name
        for pattern in (_PLACE, _AT):
            places = [match for match in pattern.finditer(text) if Path(match["file"]).name == base]
            if base and places:
                name = getattr(cls, "name", cls.__name__)
                return PluginError(
                    f"{file}:{places[0]['line']}: plugin '{name}' does not compile: "
                    f"{_reason(lines)}. Kernels use integers, arrays and what reclaim.api offers; "
                    "see docs/reference/contracts.md (--traceback shows the compiler's message)."
                )
    return PluginError(f"a kernel does not compile: {_reason(lines)}")


@contextlib.contextmanager
def explained(handles: list[Handle]) -> Iterator[None]:
    """Turn numba's errors inside the body into a `PluginError`."""
    from numba.core.errors import NumbaError

    try:
        yield
    except NumbaError as error:
        if os.environ.get("RECLAIM_TRACEBACK"):
            raise
        raise plugin_error(str(error), handles) from None
