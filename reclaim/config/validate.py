"""A document against the schema, with every mistake in plain words at its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from reclaim.config.document import Document, Key
from reclaim.config.schema import Config, PressureSection, TraceSection
from reclaim.contract.param import show
from reclaim.errors import ConfigError, nearest

_MODELS: dict[Key, type[BaseModel]] = {
    (): Config,
    ("trace",): TraceSection,
    ("pressure",): PressureSection,
}

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of keys to values",
    "mapping_type": "a mapping",
}


M = TypeVar("M", bound=BaseModel)


def validate(document: Document) -> Config:
    """Return the configuration that a document describes.

    Raises
    ------
    ConfigError
        One line for each mistake, in the order of the document.
    """
    return validate_as(document, Config, _MODELS)


def validate_as(document: Document, model: type[M], sections: Mapping[Key, type[BaseModel]]) -> M:
    """Return a document as a model.

    Parameters
    ----------
    document : Document
        What was written.
    model : type
        What it must be.
    sections : mapping of Key to type
        The model at each place that has keys of its own, the whole included: names are offered from
        there.

    Raises
    ------
    ConfigError
        One line for each mistake, in the order of the document.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        items = error.errors(include_url=False)
        lines = [_message(document, dict(item), sections) for item in items]
        raise ConfigError("\n".join(lines)) from None


def _message(
    document: Document, error: Mapping[str, Any], sections: Mapping[Key, type[BaseModel]]
) -> str:
    key: Key = tuple(error["loc"])
    kind = error["type"]
    dotted = ".".join(str(part) for part in key)
    place = document.place(key)
    if kind == "extra_forbidden":
        model = sections.get(key[:-1])
        inside = f" in '{'.'.join(str(part) for part in key[:-1])}'" if len(key) > 1 else ""
        hint = nearest(str(key[-1]), model.model_fields) if model else ""
        return f"{place}: unknown key '{key[-1]}'{inside}.{hint}"
    if kind == "missing":
        return f"{place}: '{dotted}' is missing.{_MISSING.get(dotted, '')}"
    return f"{place}: {dotted}: {_problem(kind, error)}."


_MISSING = {"trace": " Give a path, or 'trace: {sample: first-run}'; or use --trace NAME."}


def _problem(kind: str, error: Mapping[str, Any]) -> str:
    given = error["input"]
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {show(given)}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        choices = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        hint = nearest(str(given), choices)
        listed = f"expected one of {', '.join(choices)}, got {show(given)}"
        return f"{listed}.{hint.removesuffix('?')}?" if "Did you" in hint else listed
    if kind == "greater_than_equal":
        return f"{given} is out of range: at least {error['ctx']['ge']}"
    return str(error["msg"])
