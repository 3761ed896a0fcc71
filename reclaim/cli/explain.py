"""`reclaim explain`: a policy step by step, as a table or a page to step through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ConfigError

if TYPE_CHECKING:
    from reclaim.explain import Step

WIDTH = 100


def explain(
    policy: Annotated[str, typer.Argument(metavar="POLICY|FILE", help="A policy.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames of memory.")] = 3,
    pages: Annotated[
        str | None, typer.Option("--pages", metavar="'1 2 3'", help="Pages that a process reads.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="An event script.")
    ] = None,
    strategy: Annotated[
        str, typer.Option("--rmap", metavar="NAME", help="The rmap strategy.")
    ] = "pte_chain",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page to step through.")
    ] = None,
    plugins: o.PluginsOption = None,
) -> None:
    """Step through accesses: hit or fault, who had to go, and how the lists stand."""
    if (pages is None) == (script is None):
        raise ConfigError("explain: give either --pages '1 2 3 4 1 2' or --script FILE.")
    o.set_lane(interpret=True, boundscheck=False, traceback=False)
    from reclaim.explain import explain as steps_of
    from reclaim.explain import pages_script
    from reclaim.plugin.pairs import check_pairs
    from reclaim.run import PluginChoice, RunSpec
    from reclaim.testing.conformance import find

    registry, found = find(policy, [Path(path) for path in plugins or ()])
    policies = [own for kind, own in found if kind == "policy"]
    if not policies:
        raise ConfigError(f"explain: '{policy}' is no policy.")
    rmap = PluginChoice(*registry.rmaps.choose(strategy, {}))
    check_pairs([policies[0].cls], [rmap.cls])
    text = pages_script(pages) if pages is not None else _read(script)
    steps = steps_of(text, RunSpec(policies[0], rmap, frames), str(script or "--pages"))
    faults = sum(step.result == "fault" for step in steps)
    accesses = sum(step.result != "" for step in steps)
    title = f"{policies[0].label}, {frames} frames: {accesses} accesses, {faults} faults"
    if html is None:
        _print(title, steps)
        return
    try:
        html.write_text(page(title, steps), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--html {html}: cannot be written: {error.strerror}.") from None
    print(f"{html}: {title}")


def _read(path: Path | None) -> str:
    assert path is not None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--script {path}: cannot be read: {error}.") from None


def page(title: str, steps: list[Step]) -> str:
    """Return the page: data as JSON, which a script puts in place as text, never as markup."""
    import json
    from dataclasses import asdict
    from importlib import resources

    data = json.dumps({"title": title, "steps": [asdict(step) for step in steps]})
    template = resources.files("reclaim").joinpath("cli/stepper.html").read_text("utf-8")
    # Within <script> only `<` could end it or begin a comment.
    return template.replace("@DATA@", data.replace("<", "\\u003c"))


def _print(title: str, steps: list[Step]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = list(dict.fromkeys(name for step in steps for name in step.lists))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "", "", "gone", *names, "used", "words"):
        table.add_column(name, overflow="fold")
    for number, step in enumerate(steps, start=1):
        words = [f"{where}={value}" for where, value in step.words.items()]
        cells: list[Any] = [str(number), step.what, step.result, " ".join(step.gone)]
        cells += [" ".join(step.lists.get(name, ())) for name in names]
        cells += [" ".join(step.young), " ".join(words)]
        style = "bold" if step.result == "fault" else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console = Console(width=WIDTH, highlight=False)
    console.print(table)
    console.print(Text(f"{title}. Lists from front to back: the next victim is last."))
