"""`reclaim check`: does a policy or a strategy keep its contract?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ConfigError


def check(
    target: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE", help="A policy, a strategy, or a plugin file."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every policy on every strategy, nothing compiled.")
    ] = False,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="A,B", help="Check a policy on these.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="A,B", help="Check a strategy under these.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the scripts.")] = 0,
    events: Annotated[int, typer.Option(min=1, help="Lines of scripts to try.")] = 2000,
    plugins: o.PluginsOption = None,
    json: o.JsonOption = False,
) -> None:
    """Look for events under which a policy or a strategy breaks its contract."""
    if (target is None) != every:
        raise ConfigError("check: name a policy, a strategy or a plugin file, or give --all.")
    # The search runs as plain Python; compiled code is asked in processes of its own.
    o.set_lane(interpret=True, boundscheck=False, traceback=False)
    from reclaim.plugin.manager import load_plugins
    from reclaim.testing import conformance as c
    from reclaim.testing.lanes import LANES

    paths = [Path(path) for path in plugins or ()]
    if every:
        registry = load_plugins(paths)
        groups = [("", None, c.matrix(registry))]
    else:
        assert target is not None
        registry, found = c.find(target, paths)
        others = {"policy": o.words(strategy), "rmap": o.words(policy)}
        groups = [(k, own, c.subjects(registry, k, own, others[k])) for k, own in found]
    lanes = () if every else tuple(LANES)
    settings: dict[str, Any] = {"seed": seed, "events": events, "lanes": lanes}
    if _report(registry, groups, settings, json=json, brief=every):
        raise typer.Exit(1)


def _report(
    registry: Any, groups: list[Any], settings: dict[str, Any], *, json: bool, brief: bool
) -> bool:
    """Run the suites, say how each check ended; tell whether any failed."""
    from reclaim.testing.status import remember
    from reclaim.testing.suite import run_suite

    document: list[dict[str, Any]] = []
    wrong = 0
    for kind, own, subjects in groups:
        ended: dict[str, bool] = {}
        for subject in subjects:
            if not json and not brief:
                print(f"{subject.kind} {subject.label}", flush=True)
            failed = []
            for one in run_suite(registry, subject, **settings):
                document.append({"subject": subject.label, **vars(one)})
                ended[one.check] = ended.get(one.check, True) and one.passed
                failed += [] if one.passed else [one.check]
                if not json and not (brief and one.passed):
                    _print(one)
            wrong += len(failed)
            if brief and not json:
                print(f"{'FAILED' if failed else 'ok':<7}{subject.label}", flush=True)
        if own is not None:
            remember(kind, own.cls, len(ended), [name for name, well in ended.items() if not well])
    if json:
        import json as writer

        print(writer.dumps({"checks": document}, indent=2))
    else:
        print(
            f"{len(document)} checks, {wrong} failed"
            if wrong
            else f"{len(document)} checks, all passed"
        )
    return wrong > 0


def _print(one: Any) -> None:
    import textwrap

    head = f"  {'ok' if one.passed else 'FAILED':<7}{one.check:<21}"
    print(textwrap.fill(one.promise, 100, initial_indent=head, subsequent_indent=" " * 30))
    if one.passed:
        return
    print(textwrap.fill(one.text, 100, initial_indent=" " * 9, subsequent_indent=" " * 9))
    if one.script:
        print(f"         with {one.world}, after{os.linesep}")
        print(textwrap.indent(one.script, " " * 13), flush=True)
