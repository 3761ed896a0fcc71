"""Do presets of a strategy stand wherever its name may, and are doubtful ones refused?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reclaim.cli.table import table
from reclaim.config.schema import Choice
from reclaim.errors import ConfigError, PluginError
from reclaim.metrics.compare import finding
from reclaim.plugin.manager import load_plugins
from reclaim.session import chosen
from tests.e2e.program import call, fake_engine
from tests.laboratory import plugins, rmap, run

__all__ = ["fake_engine"]

PLUGIN = """\
from reclaim.api import Param, RmapStrategy, hookimpl

class Mine(RmapStrategy):
    name = "mine"
    summary = "Finds something."
    source = "nowhere"
    params = {"line": Param(int, 64, low=8, high=128)}
    presets = {"mine-1.0": {"line": 32}}
    line: int

    def walk(self, m, pfn, visitor):
        pass

@hookimpl
def reclaim_register_rmaps(register):
    register(Mine)
"""


def load(tmp_path: Path, *texts: str) -> Any:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"plugin{number}.py")
        paths[-1].write_text(text)
    return load_plugins(paths, installed=False)


@pytest.mark.parametrize(
    ("name", "given", "line", "preset"),
    [
        ("mine", {}, 64, None),
        ("mine", {"line": 32}, 32, None),
        ("mine-1.0", {}, 32, "mine-1.0"),
        ("mine-1.0", {"line": 32}, 32, "mine-1.0"),
    ],
)
def test_a_preset_sets_params(
    tmp_path: Path, name: str, given: dict[str, int], line: int, preset: str | None
) -> None:
    choice = chosen(load(tmp_path, PLUGIN).rmaps, Choice(name=name, params=given))
    assert (choice.cls.name, choice.params, choice.preset) == ("mine", {"line": line}, preset)
    assert choice.label == name


MISTAKES = [
    ('{"line": 32}', '{"lime": 32}', "preset 'mine-1.0' has no parameter 'lime'. Did you mean"),
    ('{"line": 32}', '{"line": 7}', "preset 'mine-1.0': parameter 'line': 7 is out of range"),
    ('{"line": 32}', "32", "preset 'mine-1.0' is 32, not a dict of param to value"),
    ('{"mine-1.0": {"line": 32}}', '["mine-1.0"]', "`presets` is a dict of name to params"),
    ('"mine-1.0"', '"Mine 1"', "preset 'Mine 1': names are small letters"),
    ('"mine-1.0"', '"mine"', "rmap 'mine' is registered twice"),
]


@pytest.mark.parametrize(("before", "after", "expected"), MISTAKES)
def test_a_wrong_preset_is_refused(tmp_path: Path, before: str, after: str, expected: str) -> None:
    with pytest.raises(PluginError) as caught:
        load(tmp_path, PLUGIN.replace(before, after))
    assert expected in str(caught.value)
    assert "plugin0.py" in str(caught.value)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("name", "preset", "taken"),
    [("other", "mine-1.0", "mine-1.0"), ("other", "mine", "mine")],
)
def test_names_of_plugins_and_presets_must_differ(
    tmp_path: Path, name: str, preset: str, taken: str, turned: bool
) -> None:
    other = PLUGIN.replace('name = "mine"', f'name = "{name}"').replace('"mine-1.0"', f'"{preset}"')
    texts = (other, PLUGIN) if turned else (PLUGIN, other)
    with pytest.raises(PluginError) as caught:
        load(tmp_path, *texts)
    assert f"rmap '{taken}' is registered twice" in str(caught.value)
    assert "plugin0.py" in str(caught.value) and "plugin1.py" in str(caught.value)


def test_the_nearest_name_may_be_a_presets() -> None:
    with pytest.raises(PluginError, match=r"no rmap 'linux-3\.18'\. Did you mean 'linux-3\.19'\?"):
        plugins().rmaps.get("linux-3.18")


def test_what_a_preset_sets_cannot_be_set_again() -> None:
    with pytest.raises(ConfigError) as caught:
        rmap("linux-3.19", reuse="none")
    assert str(caught.value) == (
        "rmap 'linux-3.19' means reuse: degree, so it cannot have reuse: none. Write "
        "anon_vma_chain with parameters of its own."
    )
    assert rmap("linux-3.19", early_exit=False).params["early_exit"] is False


def test_tables_and_the_finding_tell_presets_apart() -> None:
    script = "mmap p 0 4 anon private rw-\nwrite p 0..3\nevict p 0\n"
    records = [run(script, name) for name in ("linux-2.6.34", "linux-6.12", "anon_vma_chain")]
    assert [record["rmap"] for record in records] == ["anon_vma_chain"] * 3
    assert [record["rmap_preset"] for record in records] == ["linux-2.6.34", "linux-6.12", None]
    lines = table(records).splitlines()[2:]
    names = [line.split()[2] for line in lines]
    assert names == ["linux-2.6.34", "linux-6.12", "anon_vma_chain"]
    said = finding(records)
    assert "The 3 rmaps gave identical faults" in said
    assert all(f"{name} looked at" in said for name in names)


def test_presets_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    fake_engine: Callable[..., Any],
) -> None:
    """In YAML, after --rmap, in what `config show` prints, and in `plugins show`."""
    config = tmp_path / "c.yaml"
    config.write_text("trace: {sample: first-run}\nrmaps: [linux-3.7, {linux-3.19: {}}]\n")
    done = call(monkeypatch, capsys, "run", config, "--json")
    assert [run["rmap_preset"] for run in json.loads(done.out)["runs"]] == [
        "linux-3.7",
        "linux-3.19",
    ]
    done = call(monkeypatch, capsys, "run", config, "--rmap", "linux-6.12", "--json")
    assert [run["rmap_preset"] for run in json.loads(done.out)["runs"]] == ["linux-6.12"]

    shown = tmp_path / "shown.yaml"
    shown.write_text(call(monkeypatch, capsys, "config", "show", config).out)
    assert "linux-3.7:\n    index: tree\n    reuse: none" in shown.read_text()
    again = call(monkeypatch, capsys, "config", "show", shown)
    assert again.out == shown.read_text()

    for name in ("anon_vma_chain", "linux-3.19"):
        about = call(monkeypatch, capsys, "plugins", "show", name).out
        assert about.startswith("rmap anon_vma_chain: ")
        assert "  presets\n    linux-2.6.34: index = list, reuse = none\n" in about
    about = call(monkeypatch, capsys, "plugins", "show", "linux-3.20")
    assert about.code == 2
    assert "there is no plugin 'linux-3.20'. Did you mean 'linux-3." in about.err
