"""From entry points and paths to a registry: find, import, look over, register.

Nothing here is global: each call makes a pluggy manager of its own, so that a plugin loaded for one
run (or one test) is not there in the next.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from reclaim.errors import PluginError, ReclaimError, nearest
from reclaim.plugin import spec
from reclaim.plugin.markers import ENTRY_POINT_GROUP, PROJECT
from reclaim.plugin.registry import Catalog, Registry
from reclaim.plugin.source import find_sources, load_source

_HOOK_PREFIX = "reclaim_"
_MARK = f"{PROJECT}_impl"  # pluggy sets this attribute on what `hookimpl` decorates


def load_plugins(paths: Iterable[Path] = (), *, installed: bool = True) -> Registry:
    """Return a registry of everything that the installed plugins and those at `paths` offer.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders named by the config or by ``--plugins``.
    installed : bool
        Whether the entry-point group ``reclaim.plugins`` is loaded too.

    Raises
    ------
    PluginError
        A plugin cannot be imported, breaks a contract, or takes a name that is taken.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(spec)
    if installed:
        for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
            _add(manager, entry.name, entry.value, entry.load)
    for path in paths:
        for source in find_sources(path):
            _add(manager, source.stem, str(source), partial(load_source, source))
    registry = Registry()
    _register_all(manager, registry)
    return registry


def _add(manager: pluggy.PluginManager, name: str, where: str, load: Callable[[], Any]) -> None:
    try:
        module = load()
    except ReclaimError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(_import_message(name, where, error)) from error
    check_module(name, module)
    if manager.is_registered(module):
        return  # named twice: by two entry points, or by a path given again
    # Two files may share a stem; pluggy's own names must differ.
    manager.register(module, name=f"{name} ({where})")


def _import_message(name: str, where: str, error: BaseException) -> str:
    """Say which line of the plugin could not be run, and why."""
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}:{error.lineno}"
        reason = f"SyntaxError: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        inner = [frame for frame in frames if not _is_machinery(frame.filename)]
        place = f"{inner[-1].filename}:{inner[-1].lineno}" if inner else where
        reason = traceback.format_exception_only(error)[-1].strip()
    return f"plugin '{name}' ({where}) cannot be imported: {place}: {reason}"


def _is_machinery(filename: str) -> bool:
    here = Path(__file__).parent
    inside_reclaim = Path(filename).parent == here
    return inside_reclaim or "importlib" in filename or filename.startswith("<frozen")


def check_module(name: str, module: ModuleType) -> None:
    """Refuse what pluggy would silently ignore in a plugin module.

    Parameters
    ----------
    name : str
        What the plugin is called: its entry point or file.
    module : module
        The imported plugin.

    Raises
    ------
    PluginError
        A hook that does not exist or has other arguments, a `reclaim_*` function without the
        marker, a module that implements no hook.
    """
    hooks = {key: value for key, value in vars(spec).items() if key.startswith(_HOOK_PREFIX)}
    found = 0
    for key, value in vars(module).items():
        marked = hasattr(value, _MARK)
        if not inspect.isfunction(value) or not (marked or key.startswith(_HOOK_PREFIX)):
            continue
        if not marked and value.__module__ != module.__name__:
            continue  # imported from elsewhere, not meant as a hook
        who = _who(name, value)
        if key not in hooks:
            raise PluginError(f"{who}: there is no hook '{key}'.{nearest(key, hooks)}")
        if not marked:
            raise PluginError(
                f"{who}: '{key}' is not marked, so it would never be called. Put @hookimpl above "
                "it (from reclaim.api import hookimpl)."
            )
        given = list(inspect.signature(value).parameters)
        wanted = list(inspect.signature(hooks[key]).parameters)
        if given != wanted:
            raise PluginError(
                f"{who}: hook '{key}' takes ({', '.join(given)}), the contract has "
                f"({', '.join(wanted)})."
            )
        found += 1
    if not found:
        raise PluginError(
            f"plugin '{name}' ({getattr(module, '__file__', module.__name__)}) implements no hook, "
            f"so it offers nothing. It needs at least one of {', '.join(sorted(hooks))}, marked "
            "with @hookimpl."
        )


def _who(name: str, function: Any) -> str:
    code = function.__code__
    return f"plugin '{name}' ({code.co_filename}:{code.co_firstlineno})"


def _register_all(manager: pluggy.PluginManager, registry: Registry) -> None:
    """Call each plugin's hooks, naming the plugin if one fails."""
    from reclaim.contract.observer import Observer
    from reclaim.contract.policy import Policy
    from reclaim.contract.reader import TraceReader
    from reclaim.contract.rmap import RmapStrategy
    from reclaim.contract.workload import Workload

    offers = (
        ("reclaim_register_policies", registry.policies, Policy),
        ("reclaim_register_rmaps", registry.rmaps, RmapStrategy),
        ("reclaim_register_workloads", registry.workloads, Workload),
        ("reclaim_register_readers", registry.readers, TraceReader),
        ("reclaim_register_observers", registry.observers, Observer),
    )
    for hook_name, catalog, base in offers:
        hook = getattr(manager.hook, hook_name)
        for implementation in reversed(hook.get_hookimpls()):
            who = _who(implementation.plugin_name.split(" (")[0], implementation.function)
            try:
                implementation.function(register=_registrar(catalog, base, who))
            except ReclaimError:
                raise
            except Exception as error:
                reason = traceback.format_exception_only(error)[-1].strip()
                raise PluginError(f"{who}: '{hook_name}' failed: {reason}") from error


def _registrar(catalog: Catalog[Any], base: type, who: str) -> Callable[[Any], None]:
    from reclaim.plugin.verify import verify

    def register(cls: Any) -> None:
        if not isinstance(cls, type):
            hint = " Give the class itself, without parentheses." if isinstance(cls, base) else ""
            given = f"{type(cls).__name__}(...)" if hint else repr(cls)
            raise PluginError(
                f"{who}: register takes a subclass of {base.__name__}, not {given}.{hint}"
            )
        if not issubclass(cls, base) or cls is base:
            raise PluginError(
                f"{who}: {cls.__name__} was registered as a {catalog.kind}, but is no "
                f"subclass of {base.__name__}."
            )
        verify(cls, base, catalog.kind)
        catalog.add(cls)

    return register
