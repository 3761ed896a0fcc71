"""What can be known of a kernel without compiling it: its arguments, and the names it uses.

A compiler's message about an unknown name or a missing argument runs to a hundred lines and does
not name the plugin. Both are plain to see in the function object.
"""

from __future__ import annotations

import builtins
import difflib
import dis
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


def contract_methods(base: type) -> dict[str, Callable[..., Any]]:
    """Return the methods that a base class defines itself: the kernels of its contract."""
    return {
        name: value
        for name, value in vars(base).items()
        if isinstance(value, types.FunctionType) and not name.startswith("_")
    }


def own_methods(cls: type, base: type) -> dict[str, types.FunctionType]:
    """Return the methods that a plugin's class has beyond its base, inherited ones included."""
    found: dict[str, types.FunctionType] = {}
    for owner in reversed(cls.__mro__[: cls.__mro__.index(base)]):
        for name, value in vars(owner).items():
            if isinstance(value, types.FunctionType):
                found[name] = value
    return found


def arguments(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """Return the names of a method's arguments without `self`, and whether it takes ``**any``."""
    parameters = list(inspect.signature(function).parameters.values())
    names = [p.name for p in parameters if p.kind is not VAR_KEYWORD]
    return names[1:], any(p.kind is VAR_KEYWORD for p in parameters)


def signature_problem(name: str, given: Any, contract: Any) -> str | None:
    """Return how the arguments of a method differ from the contract's, or None.

    Parameters
    ----------
    name : str
        The method.
    given, contract : function
        The plugin's and the contract's version of it.
    """
    got, _ = arguments(given)
    want, open_ended = arguments(contract)
    if got == want or (open_ended and got[: len(want)] == want):
        return None
    missing = [arg for arg in want if arg not in got]
    extra = [arg for arg in got if arg not in want]
    details = ""
    if missing:
        details += f" Missing: {', '.join(missing)}."
    if extra and not open_ended:
        details += f" Not in the contract: {', '.join(extra)}."
    if not missing and not extra:
        details = " The order differs."
    return (
        f"kernel `{name}` takes ({', '.join(got)}), the contract has ({', '.join(want)}).{details}"
    )


def only_raises(method: Callable[..., Any]) -> bool:
    """Return whether a contract's method is a promise without a default: it cannot return."""
    names = {instruction.opname for instruction in dis.get_instructions(method)}
    return "RAISE_VARARGS" in names and not any(name.startswith("RETURN_") for name in names)


def misspelt(name: str, known: list[str]) -> str | None:
    """Return the kernel that a method's name comes close to without being it, or None."""
    if name.startswith("_") or name in known:
        return None
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return close[0] if close else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def plain(value: Any) -> types.FunctionType | None:
    """Return the Python function behind a kernel, method or function, or None."""
    inner = inspect.unwrap(value) if callable(value) else value
    return inner if isinstance(inner, types.FunctionType) else None


def unknown_name(function: types.FunctionType, attributes: set[str]) -> tuple[str, int] | None:
    """Return the first name a kernel uses that does not exist, and its line, or None.

    Parameters
    ----------
    function : function
        A kernel; its first argument is looked at as ``self`` if `attributes` is not empty.
    attributes : set of str
        What `self` has: fields, constants and methods; empty for a function that is no method.

    Returns
    -------
    (str, int) or None
        The name as used (``nex_use``, ``self.hnad``, ``np.zeross``) and its line in the file.
    """
    selves = function.__code__.co_varnames[:1] if attributes else ()
    for code in _codes(function.__code__):
        line = code.co_firstlineno
        before: dis.Instruction | None = None
        for instruction in dis.get_instructions(code):
            line = _line_of(instruction, line)
            wrong = _wrong(instruction, before, function, selves, attributes)
            if wrong is not None:
                return wrong, line
            before = instruction
    return None


def _line_of(instruction: dis.Instruction, line: int) -> int:
    # Until 3.12 `starts_line` is the number, from 3.13 a bool beside `line_number`.
    number = getattr(instruction, "line_number", None) or instruction.starts_line
    return number if isinstance(number, int) and not isinstance(number, bool) else line


def _wrong(
    instruction: dis.Instruction,
    before: dis.Instruction | None,
    function: types.FunctionType,
    selves: tuple[str, ...],
    attributes: set[str],
) -> str | None:
    name = instruction.argval
    if instruction.opname == "LOAD_GLOBAL":
        known = name in function.__globals__ or hasattr(builtins, name)
        return None if known else str(name)
    if before is None or instruction.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
        return None
    if before.opname == "LOAD_GLOBAL":
        owner = function.__globals__.get(before.argval)
        if isinstance(owner, types.ModuleType) and not hasattr(owner, name):
            return f"{before.argval}.{name}"
    elif before.opname.startswith("LOAD_FAST") and before.argval in selves:
        return None if name in attributes else f"{before.argval}.{name}"
    return None


def globals_used(function: types.FunctionType) -> dict[str, Any]:
    """Return what the global names of a kernel stand for; unknown names are left out."""
    names = {
        instruction.argval
        for code in _codes(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname == "LOAD_GLOBAL"
    }
    return {name: function.__globals__[name] for name in names if name in function.__globals__}
