"""Importing a plugin from a file or folder, so that what runs is what is on disk.

A module's name carries the hash of its source: two versions of a file never share a name in
`sys.modules`, in pickles or in the names of compiled machines. Byte code is neither read nor
written, because it is matched by time stamp and size and would hide an edit of the same second.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from reclaim.errors import PluginError

PREFIX = "reclaim_path_plugin"


class _FreshLoader(SourceFileLoader):
    """Compiles the source each time it is imported."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def find_sources(path: Path) -> list[Path]:
    """Return what a `plugins` path stands for.

    Parameters
    ----------
    path : Path
        A Python file; a package whose ``__init__.py`` has the hooks, which is one plugin; or
        another folder, whose every ``*.py`` that does not begin with ``_`` is a plugin.

    Raises
    ------
    PluginError
        Nothing is there, or nothing in it is Python.
    """
    if path.is_dir():
        package = path / "__init__.py"
        if package.is_file() and "reclaim_register_" in package.read_text(encoding="utf-8"):
            return [path]
        found = sorted(p for p in path.glob("*.py") if not p.name.startswith("_"))
        if not found:
            raise PluginError(f"{path}: this plugin folder holds no Python file (*.py).")
        return found
    if not path.exists():
        raise PluginError(
            f"{path}: there is no such plugin file or folder (paths in a config start at its "
            "folder, those of --plugins at the current one)."
        )
    if path.suffix != ".py":
        raise PluginError(f"{path}: a plugin is a Python file (*.py) or a folder of them.")
    return [path]


def load_source(path: Path) -> ModuleType:
    """Import one plugin found by `find_sources` under a name with its content's hash.

    Parameters
    ----------
    path : Path
        A Python file or package folder.

    Returns
    -------
    module
        The module, also in `sys.modules`. Whatever its code raises passes through.
    """
    path = path.resolve()
    is_package = path.is_dir()
    files = sorted(path.rglob("*.py")) if is_package else [path]
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(path.parent)}\0{len(content)}\0".encode() + content)
    stem = re.sub(r"\W", "_", path.stem)
    name = f"{PREFIX}_{stem}_{digest.hexdigest()}"
    already = sys.modules.get(name)
    origin = path / "__init__.py" if is_package else path
    if already is not None and already.__file__ == str(origin):
        return already
    spec = importlib.util.spec_from_file_location(
        name,
        origin,
        loader=_FreshLoader(name, str(origin)),
        submodule_search_locations=[str(path)] if is_package else None,
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
