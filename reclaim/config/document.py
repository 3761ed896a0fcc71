"""YAML that remembers where each value was written.

Read as YAML 1.2 core: `true` and `false` are the only booleans (`on`, `no` are texts), `1e6` is a
number, nothing is a date. A key that stands twice is refused, because YAML would silently keep the
second one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reclaim.errors import ConfigError, located

Key = tuple[str | int, ...]
"""Where a value stands in a document: keys of mappings, indices of lists."""


@dataclass
class Document:
    """A mapping and where its parts come from.

    Parameters
    ----------
    data : dict
        What was written.
    places : dict of Key to str
        ``file:line`` or the command-line option of each value.
    origin : str
        The file, for what has no place of its own.
    """

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    origin: str = "<config>"

    def place(self, key: Key) -> str:
        """Return where a value was written, or what is around it."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.places:
                return self.places[key[:end]]
        return self.origin


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F_]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
        r"|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    return int(text, 16) if text.startswith("0x") else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def read_document(path: Path) -> Document:
    """Return the YAML mapping in a file.

    Raises
    ------
    ConfigError
        The file is missing or no text, is not YAML, repeats a key, or is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the config: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: a config is UTF-8 text (YAML).") from None
    return parse_document(text, str(path))


def parse_document(text: str, origin: str) -> Document:
    """Return the YAML mapping in a text; `origin` names it in messages."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        at = text[: error.position].count("\n") + 1
        raise ConfigError(located(origin, at, f"not YAML: {error.reason}.")) from None
    try:
        root = loader.get_single_node()
        document = Document(origin=origin)
        if root is None:
            return document
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(located(origin, 1, "a config is a mapping of keys to values."))
        document.data = _build(loader, root, (), document)
        return document
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(
            located(origin, line, f"not YAML: {error.problem or error.context}.")
        ) from None
    finally:
        loader.dispose()


def parse_value(text: str, origin: str = "--set") -> Any:
    """Return the YAML value in a text, as ``--set key=value`` gives it."""
    try:
        return parse_document(f"value: {text}", origin).data["value"]
    except ConfigError as error:
        # One option has no lines to speak of.
        raise ConfigError(str(error).replace(f"{origin}:1: ", f"{origin}: ")) from None


def _build(loader: _Loader, node: yaml.Node, key: Key, document: Document) -> Any:
    document.places[key] = f"{document.origin}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = _name(name_node, document)
            if name in built:
                first = document.places[(*key, name)].rsplit(":", 1)[1]
                line = name_node.start_mark.line + 1
                raise ConfigError(
                    located(
                        document.origin,
                        line,
                        f"key '{name}' stands here a second time (first on line {first}). "
                        "Keep one.",
                    )
                )
            built[name] = _build(loader, value_node, (*key, name), document)
            # A mapping starts on the line after its key; people look for the key.
            document.places[(*key, name)] = f"{document.origin}:{name_node.start_mark.line + 1}"
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*key, i), document) for i, item in enumerate(node.value)]
    return loader.construct_object(node)


def _name(node: yaml.Node, document: Document) -> str:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(located(document.origin, line, "a key is a word."))
    return str(node.value)
