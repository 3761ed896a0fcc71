"""Which strategies live side by side: `pte_chain` first, and others of those that are installed.

The oracle sees the first, which never vetoes a merge. The others are drawn from every strategy
whose walk is exact, each with params drawn from what it declares. Compiled lanes pay some six
seconds for each strategy that is new to them, so each of them knows a few, and not the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from reclaim.contract.param import Param
from reclaim.jit.kernel import BOUNDSCHECK, INTERPRET
from reclaim.run import PluginChoice
from tests import laboratory

FIRST = "pte_chain"
MOST_COMPILED = 4
"""Strategies of a compiled lane besides the first."""

Pick = Callable[[Sequence[Any]], Any]


def others(whole: bool = INTERPRET) -> list[str]:
    """Return the strategies that this lane may compare with the first, all of them if `whole`.

    Compiled lanes keep those that other tests compile anyway.
    """
    names = [name for name in laboratory.exact_rmaps() if name != FIRST]
    if whole:
        return names
    known = [name for name in laboratory.RMAPS if name != FIRST]
    rest = [name for name in names if name not in known]
    room = MOST_COMPILED - len(known)
    step = math.ceil(len(rest) / room)
    return known + rest[int(BOUNDSCHECK) % max(step, 1) :: max(step, 1)]


def values_of(param: Param) -> Sequence[Any]:
    """Return the values of a param worth trying: its choices; numbers without stay as they are."""
    if param.type is bool:
        return (False, True)
    return param.choices or (param.default,)


def chosen(name: str, pick: Pick) -> PluginChoice:
    """Choose a strategy, each of its params picked among its values."""
    params = laboratory.plugins().rmaps.get(name).params
    return laboratory.rmap(name, **{key: pick(values_of(params[key])) for key in params})
