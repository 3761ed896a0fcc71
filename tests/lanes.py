"""Small kernels in both lanes: plain Python, and compiled as the engine compiles its entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reclaim.jit.kernel import BOUNDSCHECK, INTERPRET


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function compiled with the options of an entry; itself where nothing is compiled."""
    if INTERPRET:
        return function
    from numba import njit

    import reclaim.jit.lower  # noqa: F401 - teaches numba what kernels and handles are

    return njit(_nrt=False, boundscheck=BOUNDSCHECK, error_model="numpy")(function)


def both(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return a function as plain Python, and compiled if this process compiles."""
    return [function] if INTERPRET else [function, compiled(function)]
