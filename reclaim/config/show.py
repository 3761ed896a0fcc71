"""The resolved configuration and the schema, as text for people and editors."""

from __future__ import annotations

import json
from typing import Any

import yaml

from reclaim.config.schema import Choice, Config
from reclaim.config.sweep import AXES, SweepConfig


def as_mapping(config: Config) -> dict[str, Any]:
    """Return every key of a configuration with its value, in the form in which YAML takes it."""
    data = config.model_dump(mode="json")
    data["trace"] = {k: v for k, v in data["trace"].items() if v not in (None, {})}
    for key in ("policies", "rmaps"):
        data[key] = [_entry(choice) for choice in getattr(config, key)]
    return data


def _entry(choice: Choice) -> Any:
    return {choice.name: dict(choice.params)} if choice.params else choice.name


def as_yaml(config: Config) -> str:
    """Return a configuration as YAML that `load_config` reads back to the same."""
    return yaml.safe_dump(as_mapping(config), sort_keys=False, allow_unicode=True)


def json_schema() -> str:
    """Return the JSON Schema of the config file, for editors."""
    schema = Config.model_json_schema()
    for key in ("trace", "pressure", "policies", "rmaps", "plugins"):
        # One word may stand for the section or the list.
        long = schema["properties"][key]
        about = {k: long.pop(k) for k in ("description", "default", "title") if k in long}
        about["description"] = Config.model_fields[key].description
        schema["properties"][key] = {"anyOf": [{"type": "string"}, long], **about}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "reclaim configuration"
    return json.dumps(schema, indent=2)


def sweep_schema() -> str:
    """Return the JSON Schema of a sweep file, for editors.

    ``extends`` and ``vars`` are resolved before the rest is checked, so that only this knows them;
    and any value may be a variable.
    """
    schema = SweepConfig.model_json_schema()
    keys = schema["properties"]
    for key in [*AXES, "plugins"]:
        # One value may stand for a list of one.
        long = keys[key]
        about = {k: long.pop(k) for k in ("description", "default", "title") if k in long}
        one = _items_of(long)
        keys[key] = {"anyOf": [{"type": "string", "pattern": "[$][{]"}, one, long], **about}
    keys["extends"] = {"type": "string", "description": "A sweep whose keys hold unless said here."}
    keys["vars"] = {"type": "object", "description": "Variables: ${name} stands for their value."}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "reclaim sweep"
    return json.dumps(schema, indent=2)


def _items_of(schema: dict[str, Any]) -> dict[str, Any]:
    for part in [schema, *schema.get("anyOf", ())]:
        if "items" in part:
            return dict(part["items"])
    return {}
