"""Who wrote what: kernels of a plugin watched as they run as plain Python.

Before and after each kernel of a policy or a strategy the machine's arrays are compared, column by
column, but for those that are the plugin's to write. What the machine does on its behalf in between
(a walk's visitor, `referenced`, `unmap_one`) is the machine's own and left out. What `select` names
is looked at before the machine acts upon it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from reclaim import api, rows
from reclaim.contract.policy import Policy
from reclaim.contract.rmap import RmapStrategy
from reclaim.ids import LEAF_PTES
from reclaim.plugin.kernels import contract_methods, plain
from reclaim.plugin.verify import NEED_OF_ACCESSOR, NOT_COMPILED
from reclaim.vm.machine import Machine


class Breach(NamedTuple):
    """A promise that was not kept.

    Parameters
    ----------
    check : str
        Which, by its name.
    text : str
        How.
    """

    check: str
    text: str


class BreachError(Exception):
    """Carries a breach out of a running machine."""

    def __init__(self, check: str, text: str) -> None:
        super().__init__(text)
        self.breach = Breach(check, text)


def _columns(first: str, last: str) -> tuple[str, ...]:
    """Return the names of `reclaim.rows` from one to another, in the order in which they stand."""
    names = [name for name in vars(rows) if name.isupper()]
    return tuple(names[names.index(first) : names.index(last) + 1])


_VMA: tuple[str, ...] = ("VMA_LEFT", "VMA_RIGHT", "VMA_PARENT", "VMA_START", "VMA_LAST", "VMA_MAX")
_VMA += ("VMA_FLAGS", "VMA_SPACE", "VMA_FILE", "VMA_PGOFF", "VMA_NEXT", "VMA_PREV")
_LAYOUT: dict[str, tuple[int, tuple[str, ...]]] = {
    "live": (1, _columns("NOW", "MEASURE")),  # first: it says how much of the others is in use
    "frame": (rows.FRAME_WORDS, _columns("FRAME_HEAD", "FRAME_W1")),
    "page": (rows.PAGE_WORDS, _columns("PAGE_FRAME", "PAGE_EVICTED_AT")),
    "leaf": (rows.LEAF_WORDS, _columns("LEAF_SPACE", "LEAF_USED")),
    "space": (rows.SPACE_WORDS, _columns("SPACE_ROOT", "SPACE_RESUME")),
    "vma": (rows.VMA_WORDS, _VMA),
    "file": (rows.FILE_WORDS, _columns("FILE_ROOT", "FILE_NR_PAGES")),
}
"""Arrays whose columns have names: words of a row, and the names of the first of them. Words behind
those are the strategy's, or nobody's."""

_IN_USE = {
    "page": (rows.NR_PAGES, rows.PAGE_WORDS),
    "leaf": (rows.LEAF_TOP, rows.LEAF_WORDS),
    "vma": (rows.VMA_TOP, rows.VMA_WORDS),
    "pte": (rows.LEAF_TOP, LEAF_PTES),
    "node": (rows.NODE_TOP, rows.NODE_ENTRIES),
}
_WHOLE = ("pte", "node", "free", "removals", "writeback", "work", "next_use")
_POLICY_MAY = ("FRAME_NEXT", "FRAME_PREV", "FRAME_W0", "FRAME_W1")
_STRATEGY_MAY = ("FRAME_HEAD",)
_BEHIND = {"space": rows.SPACE_R0, "vma": rows.VMA_R0, "file": rows.FILE_R0}


class Guard:
    """Watches the kernels of one plugin on one machine.

    Parameters
    ----------
    m : Machine
        Between kernels.
    plugin : Policy or RmapStrategy
        Whose kernels; they are wrapped in this object alone, its class stays as it is.
    """

    def __init__(self, m: Machine, plugin: Any) -> None:
        self.m = m
        self.plugin = plugin
        self.is_policy = isinstance(plugin, Policy)
        self.may = _POLICY_MAY if self.is_policy else _STRATEGY_MAY
        self.running: list[str] = []
        self.before: dict[str, bytes] = {}
        base = Policy if self.is_policy else RmapStrategy
        for name in contract_methods(base):
            if name not in NOT_COMPILED:
                method = getattr(plugin, name)
                plugin.__dict__[name] = self._watched(name, method)
        if not self.is_policy:
            visitors: tuple[Any, ...] = (m.referencer, m.unmapper, m.looker)
            for visitor in visitors:
                visitor.__dict__["visit"] = self.machines_own(visitor.visit)

    def _watched(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if self.running:
                return method(*args)
            self.running.append(name)
            self._take()
            try:
                result = method(*args)
                self._look()
            finally:
                self.running.pop()
            if name == "select":
                self._named(int(result), int(args[1]), args[2])
            return result

        return call

    def machines_own(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of the machine that plugins call: what it writes is not theirs."""

        def call(*args: Any) -> Any:
            if not self.running:
                return function(*args)
            self._look()
            result = function(*args)
            self._take()
            return result

        return call

    # ---- columns

    def _kept(self, name: str) -> Any:
        """Return what a kernel may not change of an array, as far as it is in use."""
        array = getattr(self.m, name)
        live = self.m.live
        if name in _IN_USE:
            top, words = _IN_USE[name]
            array = array[: int(live[top]) * words]
        if name not in _LAYOUT:
            return array
        words, names = _LAYOUT[name]
        table = array.reshape(-1, words)
        if name == "live":
            return table[: len(names)]
        if name == "frame":
            return table[:, [k for k, column in enumerate(names) if column not in self.may]]
        # A policy has no words of its own there; a strategy has those behind the machine's.
        return table if self.is_policy else table[:, : _BEHIND.get(name, words)]

    def _take(self) -> None:
        for name in (*_LAYOUT, *_WHOLE):
            self.before[name] = self._kept(name).tobytes()

    def _look(self) -> None:
        for name in (*_LAYOUT, *_WHOLE):
            now = self._kept(name)
            if now.tobytes() != self.before[name]:
                before = np.frombuffer(self.before[name], now.dtype).reshape(now.shape)
                raise BreachError("writes_only_its_own", self._words(name, now, before))

    def _words(self, name: str, now: Any, before: Any) -> str:
        at = tuple(int(k) for k in np.argwhere(now != before)[0])
        change = f"was {before[at]}, is {now[at]}"
        if name not in _LAYOUT:
            return f"`{self.running[0]}` wrote {name}[{at[0]}] ({change})"
        _, names = _LAYOUT[name]
        if name == "live":
            return f"`{self.running[0]}` wrote {names[at[0]]} of the machine ({change})"
        if name == "frame":
            names = tuple(column for column in names if column not in self.may)
        column = names[at[1]] if at[1] < len(names) else f"{name.upper()}_R{at[1] - len(names)}"
        return f"`{self.running[0]}` wrote {column} of {name} {at[0]} ({change})"

    # ---- victims

    def _named(self, nr: int, nr_wanted: int, victims: Any) -> None:
        if not 0 <= nr <= nr_wanted:
            raise BreachError("distinct_victims", f"`select` returned {nr}, asked for {nr_wanted}")
        named = [int(pfn) for pfn in victims[:nr]]
        for pfn in named:
            if not 0 <= pfn < self.m.nr_frames:
                raise BreachError("owned_victims", f"`select` named {pfn}, which is no frame")
            row = self.m.frame[pfn * rows.FRAME_WORDS : (pfn + 1) * rows.FRAME_WORDS]
            flags = int(row[rows.FRAME_FLAGS])
            if flags & rows.FRAME_OWNED:
                continue
            why = "holds no page" if row[rows.FRAME_PAGE] < 0 else "is not the policy's"
            why = "is locked" if flags >= rows.FRAME_LOCK else why
            raise BreachError("owned_victims", f"`select` named frame {pfn}, which {why}")
        if len(set(named)) < nr:
            raise BreachError("distinct_victims", f"`select` named {named}: a frame twice")


@contextmanager
def accessors_watched(guard: Guard) -> Iterator[None]:
    """While this lasts, what plugins call of the machine's own is not blamed on them."""
    own = {id(getattr(api, name)): getattr(api, name) for name in NEED_OF_ACCESSOR}
    replaced: list[tuple[types.ModuleType, str, Any]] = []
    package = type(guard.plugin).__module__.split(".")[0]
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if not name.startswith("reclaim.kit.") and name.split(".")[0] != package:
            continue
        for key, value in list(vars(module).items()):
            if id(value) in own and plain(value) is not None:
                replaced.append((module, key, value))
    try:
        for module, key, value in replaced:
            setattr(module, key, guard.machines_own(value))
        yield
    finally:
        for module, key, value in replaced:
            setattr(module, key, value)
