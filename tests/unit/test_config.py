"""Do file, options and --set become one complete configuration, and does the reference tell all?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from reclaim.config.comparison import ComparisonConfig, ScalingConfig, load_as
from reclaim.config.document import parse_document, parse_value
from reclaim.config.resolve import Overrides, load_config, parse_settings
from reclaim.config.schema import Config, PressureSection
from reclaim.config.show import as_mapping, as_yaml, json_schema
from reclaim.config.sweep_file import load_sweep
from reclaim.errors import ConfigError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "configs" / "reference.yaml"


def config(tmp_path: Path, text: str, **overrides: Any) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(str(path), Overrides(**overrides))


def test_the_reference_shows_every_key_with_its_default() -> None:
    written = parse_document(REFERENCE.read_text(), "reference.yaml").data
    assert list(written) == list(Config.model_fields)
    assert list(written["pressure"]) == list(PressureSection.model_fields)
    resolved = load_config(str(REFERENCE))
    assert resolved == Config.model_validate({"trace": resolved.trace.model_dump()})


def test_the_reference_explains_every_key() -> None:
    lines = REFERENCE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line and line[0] not in "# " and ":" in line:
            assert lines[number - 1].startswith("#"), f"no comment above {line!r}"


def test_every_shipped_config_is_valid() -> None:
    others = {"rmap-compare": ComparisonConfig, "rmap-scaling": ScalingConfig}
    for path in (ROOT / "configs").glob("*.yaml"):
        if path.stem in ("reference-sweep", "study-policies"):
            load_sweep(str(path))
        elif path.stem in others:
            load_as(others[path.stem], str(path))
        else:
            load_config(str(path))


def test_what_is_shown_reads_back_to_the_same(tmp_path: Path) -> None:
    first = config(
        tmp_path,
        "trace: a.script\npolicies: [{clock: {bits: 2}}, fifo]\nframes: [10, 12.5%]\n"
        "pressure: {mode: watermarks, min: 1, low: 2, high: 3}\ncosts: {swap_ins: 1e6}\n",
    )
    assert config(tmp_path, as_yaml(first)) == first
    assert as_mapping(first)["policies"] == [{"clock": {"bits": 2}}, "fifo"]


def test_paths_of_a_file_start_at_its_folder(tmp_path: Path) -> None:
    got = config(
        tmp_path, "trace: a.script\nplugins: [p.py]\ncosts: c.yaml\n", plugins=("here.py",)
    )
    assert got.trace.path == str(tmp_path / "a.script")
    assert got.plugins == (str(tmp_path / "p.py"), "here.py")
    assert got.costs == str(tmp_path / "c.yaml")


def test_short_forms(tmp_path: Path) -> None:
    got = config(tmp_path, "trace: t\npolicies: lru\nrmaps: pte_chain\nframes: 7\npressure: limit")
    assert [c.name for c in got.policies] == ["lru"]
    assert got.frames == (7,)
    assert got.pressure.mode == "limit"


def test_options_replace_the_config_and_keep_its_parameters(tmp_path: Path) -> None:
    got = config(
        tmp_path,
        "trace: t\npolicies: [{clock: {bits: 2}}, lru]\nframes: [1, 2]\npressure: limit\n",
        policies=("clock", "opt"),
        frames=("5", "50%"),
        trace="other",
        settings=parse_settings(
            ["pressure.kswapd_every=8", "seed=4", "policies.0.clock.bits=3", "epochs=2"]
        ),
    )
    assert [(c.name, dict(c.params)) for c in got.policies] == [("clock", {"bits": 3}), ("opt", {})]
    assert got.frames == (5, "50%")
    assert got.trace.path == "other"
    assert (got.pressure.mode, got.pressure.kswapd_every) == ("limit", 8)
    assert (got.seed, got.epochs) == (4, 2)


def test_set_reaches_sections_that_the_file_does_not_have(tmp_path: Path) -> None:
    assert (
        config(tmp_path, "trace: t", settings={"pressure.mode": "limit"}).pressure.mode == "limit"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e6", 1e6),
        ("0x10", 16),
        ("1_000", 1000),
        ("010", 10),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("null", None),
        ("[1, a]", [1, "a"]),
        (".5", 0.5),
        ("25%", "25%"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    got = parse_value(text)
    assert got == value
    assert type(got) is type(value)


def test_lines_are_remembered() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - c: 2\n", "f")
    assert document.place(("b", 1, "c")) == "f:4"
    assert document.place(("b", 0)) == "f:3"
    assert document.place(("b",)) == "f:2"
    assert document.place(("b", 1, "c", "deeper")) == "f:4"


def test_the_json_schema_has_every_key_and_its_text() -> None:
    schema = json.loads(json_schema())
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False
    for key, entry in schema["properties"].items():
        assert entry.get("description"), key


def test_shipped_configs_are_found_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("reclaim_configs")
    monkeypatch.chdir(tmp_path)
    assert load_config("first-run").trace.sample == "first-run"
    with pytest.raises(
        ConfigError, match=r"there is no such config file\. Did you mean 'first-run'"
    ):
        load_config("first_run")


def test_yaml_of_the_reference_is_ordinary_yaml() -> None:
    assert yaml.safe_load(REFERENCE.read_text())["pressure"]["mode"] == "exact"
