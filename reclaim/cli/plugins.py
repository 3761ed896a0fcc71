"""`reclaim plugins`: what there is, and what one of them is, needs and takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import PluginError, nearest

if TYPE_CHECKING:
    from reclaim.plugin.registry import Registry

app = typer.Typer(
    help="List plugins, or show one.", invoke_without_command=True, rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def listing(
    context: typer.Context, json: o.JsonOption = False, plugins: o.PluginsOption = None
) -> None:
    """List every policy, rmap strategy, workload, trace reader and observer, or show one."""
    if context.invoked_subcommand is not None:
        context.obj = plugins
        return
    registry = _load(plugins)
    if json:
        _print_json(
            {c.plural: [_about(c.kind, cls) for cls in c.classes()] for c in registry.catalogs()}
        )
        return
    for catalog in registry.catalogs():
        print(f"{catalog.plural}:")
        by_family: dict[str, list[Any]] = {}
        for cls in catalog.classes():
            by_family.setdefault(getattr(cls, "family", ""), []).append(cls)
        for family, classes in sorted(by_family.items()):
            if family:
                print(f" {family}:")
            for cls in classes:
                _print_line(catalog.kind, cls)
    print("* unrealisable for mapped pages: it sees what no kernel can")


@app.command()
def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Name of a policy, rmap, workload, reader or observer.")
    ],
    json: o.JsonOption = False,
    plugins: o.PluginsOption = None,
) -> None:
    """Show one plugin: summary, source, needs, parameters, file."""
    registry = _load([*(context.obj or ()), *(plugins or ())])
    found = [(c.kind, c.get(name)) for c in registry.catalogs() if name in c]
    if not found:
        names = [one for c in registry.catalogs() for one in c.names()]
        raise PluginError(f"there is no plugin '{name}'.{nearest(name, names)}")
    about = [_about(kind, cls) | _more(kind, cls) for kind, cls in found]
    if json:
        _print_json(about)
        return
    for one in about:
        _print_one(one)


def _print_line(kind: str, cls: Any) -> None:
    """Print a plugin's line, and for a policy what it needs and takes, and where it is from."""
    mark = " " if _realisable(kind, cls) else "*"
    print(f"  {cls.name:<15} {mark}{cls.summary}")
    if kind == "policy":
        needs = ", ".join(sorted(cls.needs)) or "nothing"
        params = f"; params {', '.join(cls.params)}" if cls.params else ""
        print(f"    needs {needs}{params}; {cls.source}")


def _realisable(kind: str, cls: Any) -> bool:
    """Tell whether a kernel could have it: hardware reports no hit, and nobody the future."""
    return kind != "policy" or not ({"accesses", "lookahead"} & set(cls.needs))


def _load(paths: list[str] | None) -> Registry:
    from reclaim.plugin.manager import load_plugins

    return load_plugins([Path(path) for path in paths or ()])


def _about(kind: str, cls: Any) -> dict[str, Any]:
    from reclaim.plugin.registry import place_of

    file, line = place_of(cls)
    about: dict[str, Any] = {
        "kind": kind,
        "name": cls.name,
        "summary": cls.summary,
        "source": cls.source,
        "file": file,
        "line": line,
        "params": {name: _param(p) for name, p in getattr(cls, "params", {}).items()},
    }
    if kind in ("policy", "workload"):
        about["family"] = cls.family
    if kind == "policy":
        about["needs"] = sorted(cls.needs)
        about["realisable"] = _realisable(kind, cls)
    if kind == "rmap":
        about["exact"] = cls.exact
        about["presets"] = {name: dict(params) for name, params in cls.presets.items()}
    if kind == "reader":
        about["suffixes"] = list(cls.suffixes)
    elif kind != "observer":
        about["results_version"] = cls.results_version
    return about


def _more(kind: str, cls: Any) -> dict[str, Any]:
    """Return what only `show` says: the essay, and how the contract was last found kept."""
    import inspect
    import sys

    more = {"essay": inspect.getdoc(sys.modules[cls.__module__]) or ""}
    if kind in ("policy", "rmap"):
        from reclaim.testing.status import last_check

        more["contract"] = f"declarations verified; last check: {last_check(kind, cls)}"
    return more


def _param(param: Any) -> dict[str, Any]:
    return {
        "type": param.type.__name__,
        "default": param.default,
        "low": param.low,
        "high": param.high,
        "choices": param.choices,
        "unit": param.unit,
        "text": param.text,
        "range": param.range_text(),
    }


def _print_json(data: object) -> None:
    import json

    print(json.dumps(data, indent=2))


_NEEDS = {
    "page_tables": "walks page tables itself, and unmaps PTE by PTE",
    "samples": "is told of every k-th access, as a processor samples them",
    "young": "asks the reverse map whether a frame was used",
    "accesses": "sees every access; no kernel can for mapped pages",
    "lookahead": "knows the future; no kernel can",
}


def _print_one(about: dict[str, Any]) -> None:
    print(f"{about['kind']} {about['name']}: {about['summary']}")
    print(f"  source  {about['source']}")
    if "needs" in about:
        needs = [f"{need} ({_NEEDS.get(need, '')})" for need in about["needs"]]
        print(f"  needs   {', '.join(needs) or 'nothing'}")
    if "realisable" in about:
        could = "could" if about["realisable"] else "cannot, for mapped pages,"
        print(f"  kernel  {could} have it")
    if "exact" in about:
        print(f"  exact   {'yes' if about['exact'] else 'no'}")
    if "suffixes" in about:
        print(f"  files   {' '.join('*' + suffix for suffix in about['suffixes'])}")
    print(f"  file    {about['file']}:{about['line']}")
    if "contract" in about:
        print(f"  checks  {about['contract']}")
    print("  params" + ("" if about["params"] else "  none"))
    for name, param in about["params"].items():
        allowed = f", {param['range']}" if param["range"] else ""
        print(f"    {name}: {param['type']} = {param['default']}{allowed}")
        if param["text"]:
            print(f"        {param['text']}")
    if about.get("presets"):
        print("  presets")
    for name, params in about.get("presets", {}).items():
        print(f"    {name}: {', '.join(f'{key} = {value}' for key, value in params.items())}")
    if about["essay"]:
        print()
        print(about["essay"])
