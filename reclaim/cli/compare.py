"""`reclaim compare`: reverse maps beside each other, on workloads and as processes multiply."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reclaim.cli import options as o
from reclaim.errors import ConfigError, ReclaimError

if TYPE_CHECKING:
    from reclaim.compare.scaling import Growth

app = typer.Typer(no_args_is_help=True, help="Compare reverse maps: what each weighs and costs.")

OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write records and tables as JSON there as well."),
]
WorkloadOption = Annotated[
    str | None, typer.Option("--workload", metavar="A,B", help="Only these workloads.")
]


@app.command("rmap")
def rmap(
    config: o.ConfigArgument = "rmap-compare",
    workload: WorkloadOption = None,
    only: o.RmapOption = None,
    settings: o.SetOption = None,
    plugins: o.PluginsOption = None,
    out: OutOption = None,
    json: o.JsonOption = False,
) -> None:
    """Run every strategy on every workload, and answer one question a table."""
    from reclaim.cli.progress import steps
    from reclaim.compare.rmaps import compare, open_comparison
    from reclaim.config.comparison import ComparisonConfig, load_as
    from reclaim.metrics.rmap_tables import tables

    overrides = o.overrides(rmap=only, plugins=plugins, settings=settings, workload=workload)
    comparison = open_comparison(load_as(ComparisonConfig, config, overrides))
    records: list[dict[str, Any]] = []
    failures: list[str] = []
    nr = len(comparison.config.workloads) * len(comparison.rmaps)
    with steps(nr) as begins:
        for outcome in compare(comparison, begins):
            if isinstance(outcome, ReclaimError):
                failures.append(str(outcome))
            else:
                records.append(outcome)
    answers = tables(records, comparison.costs) if records else []
    document = {"runs": records, "tables": [table.as_json() for table in answers]}
    if json:
        _dump(document, sys.stdout)
    else:
        from reclaim.cli.rmap_report import console, show

        show(console(), answers)
    if out is not None:
        _write(out, document)
    if failures:
        raise ReclaimError("\n".join(failures))


@app.command("scaling")
def scaling(
    config: o.ConfigArgument = "rmap-scaling",
    only: o.RmapOption = None,
    settings: o.SetOption = None,
    plugins: o.PluginsOption = None,
    out: OutOption = None,
    json: o.JsonOption = False,
) -> None:
    """Fit how each operation's cost grows, beside what the strategy claims; 2 if they disagree."""
    from reclaim.cli.progress import steps
    from reclaim.compare.rmaps import scaling_choices
    from reclaim.compare.scaling import disagreements, study
    from reclaim.config.comparison import ScalingConfig, load_as

    overrides = o.overrides(rmap=only, plugins=plugins, settings=settings)
    study_config = load_as(ScalingConfig, config, overrides)
    sizes = {"processes": study_config.processes, "depth": study_config.depth}
    found: list[Growth] = []
    choices = scaling_choices(study_config)
    with steps(len(choices) * sum(len(part) for part in sizes.values())) as begins:
        for name, strategy, policy in choices:
            found += study(strategy, policy, name, sizes, study_config.pages, begins)
    document = {"growth": [vars(one) for one in found]}
    if json:
        _dump(document, sys.stdout)
    else:
        from reclaim.cli.rmap_report import console, show_growth

        show_growth(console(), found, study_config.tolerance)
    if out is not None:
        _write(out, document)
    if wrong := disagreements(found, study_config.tolerance):
        raise ReclaimError("\n".join(wrong))


def _dump(document: dict[str, Any], file: Any) -> None:
    import json

    json.dump(document, file, allow_nan=False)
    file.write("\n")


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            _dump(document, file)
    except OSError as error:
        raise ConfigError(f"--out {path}: cannot be written: {error.strerror}.") from None
