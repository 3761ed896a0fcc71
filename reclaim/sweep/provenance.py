"""Where results come from: the plugins' code, the versions, the machine that counted."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reclaim.plugin.source import PREFIX

MACHINE_VERSION = 1
"""Raised by hand when the machine itself counts otherwise than before, for the same input."""


@cache
def source_hash(cls: type) -> str:
    """Return the hash of the file in which a plugin is written, "" for one without a file.

    Parameters
    ----------
    cls : type
        A class that a plugin registered. Of a plugin that is a package, all files count.
    """
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    hasher = hashlib.sha256(Path(file).read_bytes())
    package = cls.__module__.partition(".")[0]
    if package.startswith(PREFIX):
        # The name of a plugin given by its path carries the hash of all its files.
        hasher.update(package.encode())
    return hasher.hexdigest()


def plugin(cls: Any) -> dict[str, Any]:
    """Return what names the code of a plugin."""
    module = sys.modules.get(cls.__module__)
    return {
        "name": cls.name,
        "file": getattr(module, "__file__", None),
        "source_hash": source_hash(cls),
        "results_version": cls.results_version,
    }


@cache
def machine() -> dict[str, Any]:
    """Return what a record says of the computer and the versions of what it ran."""
    import psutil

    names = ("numba", "llvmlite", "numpy", "reclaim")
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in names},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
