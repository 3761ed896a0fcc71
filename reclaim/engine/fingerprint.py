"""What names a compiled machine: a hash of everything that its machine code was made from.

The engine is hashed by its files. Plugins are hashed as they lie in memory, which is what will be
compiled: the byte code of methods and kernels, and what the names in it stand for. So it does not
matter where a plugin comes from (a file, an installed package, a notebook), how it got at a number
(an import, the environment), or whether its file was edited since it was imported.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from reclaim.jit.handle import Handle
from reclaim.jit.kernel import BOUNDSCHECK, INTERPRET

# What the machine code is made from, below the package's folder.
_SOURCES = ("jit", "kit", "vm", "contract", "engine")
_SOURCE_FILES = ("ids.py", "rows.py", "counters.py", "trace/events.py")

# Hashed elsewhere (the engine; versions), and large.
_KNOWN = frozenset({"reclaim", "numpy", "numba", "llvmlite"}) | sys.stdlib_module_names
_BOOKKEEPING = frozenset({"_kinds", "_offsets", "_words", "_ready", "_dispatchers"})
_CONSTANTS = (bool, int, float, complex, str, bytes, np.generic, type(None))


def _hash_files() -> bytes:
    root = Path(__file__).parents[1]
    hasher = hashlib.blake2b(digest_size=16)
    files = [path for folder in _SOURCES for path in sorted((root / folder).glob("*.py"))]
    for path in [*files, *(root / name for name in _SOURCE_FILES)]:
        hasher.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    hasher.update(repr((INTERPRET, BOUNDSCHECK)).encode())
    return hasher.digest()


# Read when the engine is imported, not when it is first used: an edit in between would be hashed
# and not run.
_ENGINE = _hash_files()


def engine_hash() -> bytes:
    """Hash the sources of the engine and how this process runs them."""
    return _ENGINE


@cache
def _compiler_hash() -> bytes:
    """Hash versions and processor: a cache folder may be shared between machines."""
    import llvmlite
    import numba
    from llvmlite import binding

    cpu = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version)
    return hashlib.blake2b(repr((versions, platform.machine(), cpu)).encode()).digest()


class _Reader:
    """Feeds a hash with classes and functions, and with all that their code names."""

    def __init__(self, start: bytes) -> None:
        self.hasher = hashlib.blake2b(start, digest_size=16)
        self.seen: set[object] = set()

    def word(self, *parts: object) -> None:
        for part in parts:
            self.hasher.update(repr(part).encode() + b"\0")

    def handle(self, handle: Handle) -> None:
        """Read the class of a handle and of the handles within it."""
        self.handle_class(type(handle))
        for name, kind in type(handle).field_kinds().items():
            self.word(name, kind)
            if kind == "handle":
                self.handle(getattr(handle, name))

    def handle_class(self, cls: type) -> None:
        """Read the constants and methods of a handle's class and its bases."""
        for base in cls.__mro__:
            self.word(base.__module__, base.__qualname__)
            if base in self.seen or _known(base):
                continue
            self.seen.add(base)
            for name, value in sorted(vars(base).items()):
                if not name.startswith("__") and name not in _BOOKKEEPING:
                    self.value(name, value, frozenset())

    def value(self, name: str, value: Any, names: frozenset[str]) -> None:
        """Read what a name stands for, in code that also uses `names`."""
        if isinstance(value, _CONSTANTS):
            self.word(name, value)
        elif isinstance(value, np.ndarray):
            self.word(name, value.dtype, value.shape)
            self.hasher.update(value.tobytes())
        elif isinstance(value, tuple):
            self.word(name, len(value))
            for item in value:
                self.value(name, item, names)
        elif isinstance(value, types.ModuleType):
            if value.__name__.partition(".")[0] not in _KNOWN:
                self.globals(vars(value), names)
        elif isinstance(value, type):
            if issubclass(value, Handle):
                self.handle_class(value)
        else:
            inner = _function_in(value)
            if inner is not None and not _known(inner):
                self.word(name, getattr(value, "cold", False))
                self.function(inner)

    def globals(self, known: Mapping[str, Any], names: frozenset[str]) -> None:
        """Read those of a module's names that some code uses."""
        for name in sorted(names & known.keys()):
            self.value(name, known[name], names - {name})

    def function(self, function: types.FunctionType) -> None:
        """Read a function's code, and what its names, closure and defaults stand for."""
        self.word(function.__module__, function.__qualname__)
        if function in self.seen:
            return
        self.seen.add(function)
        self.word(getattr(function, "__reclaim_cold__", False))
        names = frozenset(self.code(function.__code__))
        self.globals(function.__globals__, names)
        for default in function.__defaults__ or ():
            self.value("default", default, names)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            self.value(name, cell.cell_contents, names)

    def code(self, code: types.CodeType) -> set[str]:
        """Read byte code and constants, not where they stand; return the names it uses."""
        self.word(code.co_code, code.co_names, code.co_varnames, code.co_freevars)
        names = set(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                names |= self.code(constant)
            else:
                text = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
                self.word(text)
        return names


def _known(value: Any) -> bool:
    return str(value.__module__).partition(".")[0] in _KNOWN


def _function_in(value: Any) -> types.FunctionType | None:
    """Return the function behind a kernel, a method, or a function that numba compiles."""
    for attribute in ("func", "py_func", "__func__"):
        value = getattr(value, attribute, value)
    return value if isinstance(value, types.FunctionType) else None


def code_hash(*handles: Handle) -> str:
    """Return the hash that names the compiled code of some plugins' states.

    Parameters
    ----------
    *handles : Handle
        The strategy; for a pair, the policy too.
    """
    reader = _Reader(engine_hash() + _compiler_hash())
    for handle in handles:
        reader.handle(handle)
    return reader.hasher.hexdigest()
