"""The one decorator that marks compiled functions, and the few that have no Python twin.

A `Kernel` is inert: it remembers a function and its options. numba meets it in `reclaim.jit.lower`,
when a machine is bound. Called from Python it runs as plain Python, on the same arrays, which is
what `--interpret`, the checks and a debugger use.

How the process runs is settled once, by the environment, before numba is imported:
``RECLAIM_INTERPRET=1`` runs everything as Python, ``RECLAIM_BOUNDSCHECK=1`` compiles with bounds
checks. Both are part of what names a compiled machine on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

P = ParamSpec("P")
R = TypeVar("R")

INTERPRET = os.environ.get("RECLAIM_INTERPRET", "") not in ("", "0")
BOUNDSCHECK = os.environ.get("RECLAIM_BOUNDSCHECK", "") not in ("", "0")


class Kernel(Generic[P, R]):
    """A function that numba compiles into whoever calls it.

    Parameters
    ----------
    func : callable
        Arguments are integers, handles; no Python objects, no new arrays.
    cold : bool
        Not forced inline: faults, forks, everything that does not run per access.
    """

    def __init__(self, func: Callable[P, R], cold: bool) -> None:
        self.func = func
        self.cold = cold
        self.dispatcher: Any = None
        self.__doc__ = func.__doc__
        self.__name__ = func.__name__
        self.__module__ = func.__module__
        self.__wrapped__ = func

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.func(*args, **kwargs)


@overload
def kernel(func: Callable[P, R]) -> Callable[P, R]: ...
@overload
def kernel(*, cold: bool) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def kernel(func: Callable[P, R] | None = None, *, cold: bool = False) -> Any:
    """Mark a function as a kernel; in an interpreting process return it unchanged."""

    def mark(func: Callable[P, R]) -> Callable[P, R]:
        return func if INTERPRET else Kernel(func, cold)

    return mark if func is None else mark(func)


def cold(method: Callable[P, R]) -> Callable[P, R]:
    """Mark a method of a handle that is not worth inlining at every call."""
    method.__reclaim_cold__ = True  # type: ignore[attr-defined]
    return method


class Native:
    """A function whose compiled body is written for LLVM in `reclaim.jit.lower`, by name."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.__doc__ = func.__doc__
        self.__name__ = func.__name__

    def __call__(self, *args: Any) -> Any:
        return self.func(*args)


def native(func: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that has a hand-written compiled twin of the same name."""
    return func if INTERPRET else cast("Callable[P, R]", Native(func))


@native
def U(i: int) -> int:  # noqa: N802 - reads as a cast at every subscript
    """Return `i` as an unsigned subscript: no test for a negative index is compiled."""
    return i


@native
def prefetch(array: Any, i: int) -> None:
    """Ask the processor for the cache line of ``array[i]``; `i` may be any integer."""


@native
def prefetch_either(first: bool, a: Any, i: int, b: Any, j: int) -> None:
    """Ask for the cache line of ``a[i]`` if `first`, else that of ``b[j]``, without a branch."""
