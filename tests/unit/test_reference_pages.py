"""Do the reference pages of configuration and commands name everything there is?"""

from __future__ import annotations

import re
from pathlib import Path

from reclaim.cli import main as program
from reclaim.config.comparison import ComparisonConfig, ScalingConfig
from reclaim.config.schema import Config, PressureSection, TraceSection
from reclaim.store.columns import TYPES, flatten
from tests.records import record

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def test_every_key_has_its_row() -> None:
    rows = set(re.findall(r"^\| `([a-z_.]+)` \|", (PAGES / "config.md").read_text(), re.M))
    keys = {
        *Config.model_fields,
        *(f"trace.{key}" for key in TraceSection.model_fields),
        *(f"pressure.{key}" for key in PressureSection.model_fields),
        *ComparisonConfig.model_fields,
        *ScalingConfig.model_fields,
    }
    assert rows == keys


def test_every_workload_has_its_row() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \|", (PAGES / "workloads.md").read_text(), re.M)
    files = (PAGES.parents[1] / "plugins" / "workloads").glob("[a-z]*.py")
    assert sorted(rows) == sorted(path.stem for path in files)


def test_every_policy_has_its_row() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \|", (PAGES / "policies.md").read_text(), re.M)
    files = (PAGES.parents[1] / "plugins" / "policies").glob("[a-z]*.py")
    assert sorted(rows) == sorted(path.stem for path in files)


def test_every_column_of_results_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [\w, ]+ \|", (PAGES / "results.md").read_text(), re.M)
    assert rows == list(TYPES)
    counted = set(re.findall(r"^\| `(\w+)` \|", (PAGES / "counters.md").read_text(), re.M))
    assert set(flatten(record())) <= {*rows, *counted}


def test_every_command_and_option_of_run_is_explained() -> None:
    page = (PAGES / "commands.md").read_text()
    for command in program.app.registered_commands:
        assert f"reclaim {command.name}" in page
    for group in program.app.registered_groups:
        assert group.typer_instance is not None
        assert f"reclaim {group.name}" in page
        for command in group.typer_instance.registered_commands:
            name = command.name or command.callback.__name__
            assert f"reclaim {group.name} {name}" in page
    from reclaim.cli import options

    for value in vars(options).values():
        for meta in getattr(value, "__metadata__", ()):
            for option in getattr(meta, "param_decls", None) or ():
                assert f"`{option}" in page, option
