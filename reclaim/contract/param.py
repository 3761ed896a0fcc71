"""How a plugin declares a parameter: once, and everything else is derived from it.

Checking of YAML, `reclaim plugins show`, the documentation table and the stored record all read the
same `Param`, so they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from reclaim.errors import ConfigError, nearest

ParamValue = int | float | bool | str

_WORDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}


@dataclass(frozen=True)
class Param:
    """One parameter of a plugin.

    Parameters
    ----------
    type : type
        `int`, `float`, `bool` or `str`.
    default : int, float, bool or str
        The value where a config gives none.
    low, high : float, optional
        Smallest and largest value allowed, both included (numbers only).
    choices : tuple, optional
        The only values allowed.
    unit : str
        What the number counts ("frames", "bytes"), shown beside it.
    text : str
        One sentence: what it changes.
    """

    type: type
    default: ParamValue
    low: float | None = None
    high: float | None = None
    choices: tuple[ParamValue, ...] | None = None
    unit: str = ""
    text: str = ""

    def problem_with(self, value: object) -> str | None:
        """Return what is wrong with `value` in plain words, or None if it is allowed."""
        if not _is_of(self.type, value):
            return f"expected {_WORDS[self.type]}, got {show(value)}"
        if self.choices is not None and value not in self.choices:
            names = [str(choice) for choice in self.choices]
            hint = nearest(str(value), names)
            return f"{show(value)} is none of {', '.join(names)}." + (
                hint if "Did you" in hint else ""
            )
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._range_problem(value)
        return None

    def _range_problem(self, value: int | float) -> str | None:
        if not math.isfinite(value):
            return f"expected a finite number, got {value}"
        if (self.low is None or value >= self.low) and (self.high is None or value <= self.high):
            return None
        return f"{value} is out of range: {self.range_text()}"

    def range_text(self) -> str:
        """Return the allowed values in words, empty where every value of the type will do."""
        unit = f" {self.unit}" if self.unit else ""
        if self.choices is not None:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}{unit}"
        if self.low is not None:
            return f"at least {self.low:g}{unit}"
        if self.high is not None:
            return f"at most {self.high:g}{unit}"
        return ""


def show(value: object) -> str:
    """Return a value as a user wrote it, with its kind where the text alone would mislead."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value}'"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)


def resolve_params(
    owner_name: str, declared: Mapping[str, Param], given: Mapping[str, object]
) -> dict[str, ParamValue]:
    """Return every declared parameter with its given value or its default.

    Parameters
    ----------
    owner_name : str
        Who declares them, for messages: ``"policy 'clock'"``.
    declared : mapping of str to Param
        The plugin's `params`.
    given : mapping of str to object
        What the user gave.

    Returns
    -------
    dict
        In the order of declaration.

    Raises
    ------
    ConfigError
        An unknown name, a wrong type, a value out of range or none of the choices.
    """
    for name, value in given.items():
        if name not in declared:
            hint = nearest(str(name), declared) if declared else " It has no parameters."
            raise ConfigError(f"{owner_name} has no parameter '{name}'.{hint}")
        problem = declared[name].problem_with(value)
        if problem is not None:
            raise ConfigError(f"{owner_name}: parameter '{name}': {problem}")
    return {
        name: _as_type(param, given.get(name, param.default)) for name, param in declared.items()
    }


def _is_of(kind: type, value: object) -> bool:
    # bool is an int to Python, never to somebody who wrote `true`.
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)


def _as_type(param: Param, value: object) -> ParamValue:
    assert isinstance(value, int | float | bool | str)
    return float(value) if param.type is float else value
