"""`reclaim config`: the configuration as it will be used, and its schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ConfigError, nearest

app = typer.Typer(
    help="Show a resolved configuration, or the schema.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def show(
    config: o.ConfigArgument,
    trace: o.TraceOption = None,
    policy: o.PolicyOption = None,
    rmap: o.RmapOption = None,
    frames: o.FramesOption = None,
    settings: o.SetOption = None,
    plugins: o.PluginsOption = None,
) -> None:
    """Show every key with its value, defaults and plugin parameters included."""
    from reclaim.config.resolve import load_config
    from reclaim.config.show import as_yaml
    from reclaim.opening import settle
    from reclaim.plugin.manager import load_plugins
    from reclaim.plugin.pairs import check_pairs

    resolved = load_config(
        config,
        o.overrides(
            trace=trace, policy=policy, rmap=rmap, frames=frames, plugins=plugins, settings=settings
        ),
    )
    registry = load_plugins([Path(path) for path in resolved.plugins])
    full: dict[str, Any] = {"trace": settle(resolved.trace, registry)}
    for key, catalog in (("policies", registry.policies), ("rmaps", registry.rmaps)):
        full[key] = tuple(
            choice.model_copy(update={"params": catalog.choose(choice.name, choice.params)[1]})
            for choice in getattr(resolved, key)
        )
    check_pairs(
        [registry.policies.get(choice.name) for choice in resolved.policies],
        [registry.rmaps.get(choice.name) for choice in resolved.rmaps],
        (registry.policies.classes(), registry.rmaps.classes()),
    )
    print(as_yaml(resolved.model_copy(update=full)), end="")


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(help="Of which file: run, or sweep.", metavar="KIND")
    ] = "run",
) -> None:
    """Print the JSON Schema of the config file, or with `sweep` that of a sweep."""
    from reclaim.config.show import json_schema, sweep_schema

    schemas = {"run": json_schema, "sweep": sweep_schema}
    if kind not in schemas:
        raise ConfigError(f"there is no schema of '{kind}'.{nearest(kind, schemas)}")
    print(schemas[kind]())
