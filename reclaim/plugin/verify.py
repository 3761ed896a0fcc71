"""Does a class keep the contract it claims? Asked when it registers, before anything is compiled.

Every refusal names the plugin, the file, the line, what was given and what the contract has.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

from reclaim.contract.param import Param, resolve_params
from reclaim.contract.policy import AGE_EVERY, NEEDS, SAMPLE_EVERY
from reclaim.errors import ConfigError, PluginError, nearest
from reclaim.jit.kernel import INTERPRET
from reclaim.plugin import kernels
from reclaim.plugin.registry import place_of

NOT_COMPILED = frozenset(
    {
        "new",
        "check",
        "explain",
        "objects",
        "object_bytes",
        "slab_bytes",
        "walk_lines",
        "fixed_bytes",
    }
)
"""Methods of the contracts that stay Python."""

NEED_OF_ACCESSOR = {
    "referenced": "young",
    "was_dirty": "young",
    "next_use": "lookahead",
    "begin_pass": "page_tables",
    "next_mapping": "page_tables",
    "pte_frame": "page_tables",
    "take_young": "page_tables",
    "unmap_one": "page_tables",
}
"""Accessors that answer only a policy which declared the need."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PRESET_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


class _BreachError(Exception):
    """What is wrong, and the line if it is not the class's own."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def verify(cls: type, base: type, kind: str) -> None:
    """Compare a plugin's class with its base class.

    Parameters
    ----------
    cls : type
        The class that registers.
    base : type
        `Policy`, `RmapStrategy`, `Workload`, `TraceReader` or `Observer`; its own public methods
        are the contract.
    kind : str
        "policy", "rmap", "workload", "reader" or "observer", for messages.

    Raises
    ------
    PluginError
        For the first breach found.
    """
    try:
        _declarations(cls, base)
        _params(cls)
        _presets(cls)
        _needs(cls, base)
        _signatures(cls, base)
        _required(cls, base)
        attributes = _fields(cls)
        _new(cls, base)
        _build(cls, base)
        if kind in ("policy", "rmap"):  # the others are ordinary Python
            _names(cls, base, attributes)
    except _BreachError as breach:
        file, line = place_of(cls)
        line = breach.line or line
        name = getattr(cls, "name", None)
        label = name if isinstance(name, str) and name else cls.__name__
        place = f"{file}:{line}" if line else file
        raise PluginError(f"{kind} '{label}' ({place}): {breach}") from None


def _declarations(cls: type, base: type) -> None:
    wanted = [key for key in ("name", "summary", "source") if _declares(base, key)]
    for key in wanted:
        value = getattr(cls, key, None)
        if not isinstance(value, str) or not value.strip():
            raise _BreachError(f'declares no `{key}`: a text, as in {key} = "...".')
    if not _NAME.fullmatch(getattr(cls, "name", "")):
        raise _BreachError("`name` is small letters, digits and _, beginning with a letter.")
    if _declares(base, "results_version"):
        version = getattr(cls, "results_version", None)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise _BreachError(f"`results_version` is a whole number from 1 up, not {version!r}.")
    if _declares(base, "exact") and not isinstance(getattr(cls, "exact", None), bool):
        raise _BreachError("declares no `exact`: True if its walk finds every PTE, else False.")
    moving = getattr(cls, "copies_on_move", None)
    if _declares(base, "copies_on_move") and not isinstance(moving, bool):
        raise _BreachError("`copies_on_move` is True or False.")


def _declares(base: type, key: str) -> bool:
    return key in getattr(base, "__annotations__", {}) or hasattr(base, key)


def _params(cls: type) -> None:
    params = getattr(cls, "params", {})
    if not isinstance(params, Mapping):
        raise _BreachError(f"`params` is a dict of name to Param, not {type(params).__name__}.")
    for name, param in params.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _BreachError(f"parameter {name!r}: names are small letters, digits and _.")
        if not isinstance(param, Param):
            raise _BreachError(f"parameter '{name}' is {param!r}, not a Param(type, default, ...).")
        if param.type not in (int, float, bool, str):
            raise _BreachError(f"parameter '{name}': type is int, float, bool or str.")
        problem = param.problem_with(param.default)
        if problem is not None:
            raise _BreachError(f"parameter '{name}': its default is not allowed: {problem}")


def _presets(cls: type) -> None:
    presets = getattr(cls, "presets", {})
    if not isinstance(presets, Mapping):
        raise _BreachError(f"`presets` is a dict of name to params, not {type(presets).__name__}.")
    for name, values in presets.items():
        if not isinstance(name, str) or not _PRESET_NAME.fullmatch(name):
            raise _BreachError(f"preset {name!r}: names are small letters, digits, _, - and `.`.")
        if not isinstance(values, Mapping):
            raise _BreachError(f"preset '{name}' is {values!r}, not a dict of param to value.")
        try:
            resolve_params(f"preset '{name}'", getattr(cls, "params", {}), values)
        except ConfigError as error:
            raise _BreachError(str(error)) from None


def _needs(cls: type, base: type) -> None:
    if not _declares(base, "needs"):
        return
    needs = getattr(cls, "needs", None)
    if not isinstance(needs, set | frozenset):
        raise _BreachError(
            "declares no `needs`: how it learns of use, as in "
            f"needs = frozenset({{'young'}}). Valid: {', '.join(sorted(NEEDS))}; may be empty."
        )
    for need in needs:
        if need not in NEEDS:
            raise _BreachError(f"there is no need '{need}'.{nearest(str(need), NEEDS)}")
    # `accessed` without the need is allowed: it is also called for reads and writes by descriptor.
    own = kernels.own_methods(cls, base)
    for need, kernel in (("accesses", "accessed"), ("samples", "sampled")):
        if need in needs and kernel not in own:
            raise _BreachError(f"needs '{need}', but has no kernel `{kernel}` to be told of them.")
    if "sampled" in own and "samples" not in needs:
        raise _BreachError("has a kernel `sampled`, which needs 'samples': add it to `needs`.")
    for kernel, param, least in (("age", AGE_EVERY, 0), ("sampled", SAMPLE_EVERY, 1)):
        _rate(cls, kernel, param, least, kernel in own)


def _rate(cls: type, kernel: str, name: str, least: int, has_kernel: bool) -> None:
    """A kernel that is called now and then comes with the parameter that says how often."""
    param = getattr(cls, "params", {}).get(name)
    if param is not None and not has_kernel:
        raise _BreachError(f"parameter '{name}' says how often `{kernel}` is called: it has none.")
    low = param.low if param is not None and param.type is int else None
    if has_kernel and (low is None or low < least):
        raise _BreachError(
            f"has a kernel `{kernel}`, so it has a parameter '{name}' too: Param(int, ..., "
            f"low={least}), the accesses between two calls."
        )


def _signatures(cls: type, base: type) -> None:
    contract = kernels.contract_methods(base)
    for name, method in kernels.own_methods(cls, base).items():
        line = method.__code__.co_firstlineno
        if name in contract:
            problem = kernels.signature_problem(name, method, contract[name])
            if problem is not None:
                raise _BreachError(f"{problem} See docs/reference/contracts.md.", line)
        else:
            meant = kernels.misspelt(name, list(contract))
            if meant is not None:
                raise _BreachError(
                    f"there is no kernel `{name}`. Did you mean `{meant}`? A method of your own "
                    "that only sounds alike begins with _.",
                    line,
                )


def _required(cls: type, base: type) -> None:
    """Refuse a class that lacks a method without a default."""
    own = kernels.own_methods(cls, base)
    for name, method in kernels.contract_methods(base).items():
        if name not in own and kernels.only_raises(method):
            want = ", ".join(["self", *kernels.arguments(method)[0]])
            raise _BreachError(f"has no `{name}({want})`, which has no default.")


def _fields(cls: type) -> set[str]:
    """Return every name that `self` has, after resolving the annotations of the state."""
    kinds = getattr(cls, "field_kinds", None)
    if kinds is None:
        return set(dir(cls))
    try:
        fields = set(kinds())
    except (TypeError, NameError) as error:
        raise _BreachError(f"state: {error}") from None
    return fields | set(dir(cls)) | {"_block"}


def _new(cls: type, base: type) -> None:
    """Compare the arguments of `new` with the contract's and with the declared parameters."""
    ours, theirs = vars(cls).get("new"), vars(base).get("new")
    if ours is None or theirs is None:
        return
    if not isinstance(ours, classmethod):
        raise _BreachError("`new` is a classmethod: put @classmethod above it.")
    _takes_params(cls, "new", ours.__func__, theirs.__func__)


def _build(cls: type, base: type) -> None:
    """Compare the arguments of `build` with the contract's and with the declared parameters."""
    if (theirs := vars(base).get("build")) is not None:
        _takes_params(cls, "build", kernels.own_methods(cls, base)["build"], theirs)


def _takes_params(cls: type, name: str, ours: Any, theirs: Any) -> None:
    line = plain_line(ours)
    got, open_ended = kernels.arguments(ours)
    want, _ = kernels.arguments(theirs)
    params = list(getattr(cls, "params", {}))
    missing = [name for name in (*want, *params) if name not in got]
    extra = [name for name in got if name not in want and name not in params]
    if (missing and not open_ended) or extra or [n for n in got if n in want] != want:
        raise _BreachError(
            f"`{name}` takes ({', '.join(got)}), the contract has ({', '.join([*want, *params])}): "
            "what it is given, then each declared parameter.",
            line,
        )


def plain_line(function: Any) -> int | None:
    """Return the first line of a function, None if it was not written in Python."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code.co_firstlineno if code is not None else None


def _names(cls: type, base: type, attributes: set[str]) -> None:
    """Refuse names that do not exist, in the kernels and in the module's functions they use."""
    seen: set[types.FunctionType] = set()
    contract = kernels.contract_methods(base)
    waiting = [
        (f"kernel `{name}`", method, attributes, name in contract and name not in NOT_COMPILED)
        for name, method in kernels.own_methods(cls, base).items()
        if not name.startswith("__")
    ]
    needs = typing.cast("set[str]", getattr(cls, "needs", NEEDS))
    while waiting:
        who, function, known, compiled = waiting.pop(0)
        if function in seen:
            continue
        seen.add(function)
        unknown = kernels.unknown_name(function, known)
        if unknown is not None:
            raise _BreachError(_unknown_message(who, unknown[0], function, known), unknown[1])
        for name, value in kernels.globals_used(function).items():
            used = kernels.plain(value)
            if used is None:
                continue
            need = NEED_OF_ACCESSOR.get(used.__name__)
            if need is not None and need not in needs and used.__module__ != cls.__module__:
                raise _BreachError(
                    f"{who} calls `{name}`, which needs '{need}': add it to `needs`.",
                    function.__code__.co_firstlineno,
                )
            if used.__module__ != cls.__module__:
                continue
            if compiled and value is used and not INTERPRET:
                raise _BreachError(
                    f"{who} calls `{name}`, an ordinary function: put @kernel above it (from "
                    "reclaim.api import kernel).",
                    used.__code__.co_firstlineno,
                )
            waiting.append((f"function `{name}`", used, set(), compiled))


def _unknown_message(
    who: str, name: str, function: types.FunctionType, attributes: set[str]
) -> str:
    owner, dot, attribute = name.rpartition(".")
    if dot and owner in function.__code__.co_varnames:
        hint = nearest(attribute, [a for a in attributes if not a.startswith("_")])
        return f"{who} uses `{name}`, which is no annotated field or method of the class.{hint}"
    if dot:
        return f"{who} uses `{name}`, which does not exist."
    return (
        f"{who} uses `{name}`, which is not defined in the file or imported."
        f"{_close(name, function)}"
    )


def _close(name: str, function: types.FunctionType) -> str:
    hint = nearest(name, [key for key in function.__globals__ if not key.startswith("__")])
    return hint if "Did you mean" in hint else " Import it from reclaim.api?"
