"""Does each mistake in a sweep give one clear line that says where, before anything runs?"""

from __future__ import annotations

from pathlib import Path

import pytest

from reclaim.config.resolve import Overrides, load_config
from reclaim.config.sweep_file import load_sweep
from reclaim.errors import ConfigError, ReclaimError
from reclaim.sweep.cells import expand
from tests.laboratory import plugins

BASE = "workloads: [doubling]\npolicies: [fifo]\nrmaps: [pte_chain]\n"

SCHEMA = [
    ("framse: 3", "4: unknown key 'framse'. Did you mean 'frames'?"),
    ("frames:\n  - 10%\n  - many", "6: frames.1: expected a number of frames or a share of the"),
    ("frames: 0", "4: frames.0: 0 frames: a machine has at least 1."),
    ("frames: []", "4: frames: name at least one."),
    ("pressure:\n  - exact\n  - {mod: limit}", "6: unknown key 'mod' in 'pressure.1'."),
    ("pressure: {mod: limit}", "4: unknown key 'mod' in 'pressure.0'. Did you mean 'mode'?"),
    ("pressure: exat", "4: pressure.0.mode: expected one of exact, limit, watermarks, got the"),
    ("seeds: [0, -1]", "4: seeds.1: -1 is out of range: at least 0."),
    ("seeds: [a]", "4: seeds.0: expected a whole number, got the text 'a'."),
    ("repeat: 0", "4: repeat: 0 is out of range: at least 1."),
    ("repeat: 2\nseeds: [1]", "5: 'seeds' stands beside 'repeat'; give one of them."),
    ("zip: [[frames, rmap]]", "4: zip.0.1: expected one of workloads, policies, rmaps, frames,"),
    ("zip: frames", "4: zip: expected a list, got the text 'frames'."),
    ("zip: [[frames, seeds], [seeds]]", "4: 'zip' has 'seeds' twice; an axis is walked once."),
    ("exclude:\n  - policy: fifo\n  - polcy: fifo", "6: unknown key 'polcy' in 'exclude.1'. Did"),
    ("exclude: [{}]", "4: exclude.0: says nothing; name at least one of workload, policy"),
    ("exclude: [{pressure: exat}]", "4: exclude.0.pressure.0: expected one of exact, limit,"),
    ("cells:\n  - {policy: lru, rmpa: x}", "5: unknown key 'rmpa' in 'cells.0'. Did"),
    ("cells:\n  - {rmap: pte_chain}", "5: 'cells.0.policy' is missing."),
    ("time_limit: 0", "4: time_limit: "),
    ("time_limit: soon", "4: time_limit: expected a number, got the text 'soon'."),
    ("memory_limit: much", "4: memory_limit: expected bytes, as in 4GiB or 500MB, got the text"),
    ("vars: 3", "4: vars: expected a mapping of names."),
    ("vars: {size: 3}\nframes: ${sise}", "5: there is no variable 'sise'. Did you mean 'size'?"),
    ("frames: ${size}", "4: there is no variable 'size'. There is no 'vars'."),
    ("extends: none.yaml", "4: extends: none.yaml: there is no such config file."),
    ("extends: 3", "4: extends: expected the path of a file, got 3."),
    ("trace: x", "4: a sweep names 'workloads', not 'trace'; a config with a trace is what"),
    ("plugins: [3]", "4: plugins.0: expected a text, got 3."),
    ("check: 1", "4: check: expected true or false, got 1."),
]

NAMES = [
    ("policies:\n  - fifo\n  - clok", "5: there is no policy 'clok'. Did you mean 'clock'?"),
    (
        "policies:\n  - linux_24:\n      batch: 3",
        "5: policy 'linux_24' has no parameter 'batch'.",
    ),
    ("rmaps: [pte_chian]", "3: there is no rmap 'pte_chian'. Did you mean 'pte_chain'?"),
    (
        "rmaps:\n  - pte_chain: {line: [64, x]}",
        "4: rmap 'pte_chain': parameter 'line': expected a whole number, got the text 'x'",
    ),
    ("rmaps: [none_24]", "3: cannot run fifo with none_24: "),
    ("workloads: [doublin]", "3: there is no workload, sample or file 'doublin'. Did you mean"),
    ("workloads: ['no/*.arrow']", "no/*.arrow: no file matches."),
    (
        "workloads:\n  - doubling:\n      rounds: 3\n      page: 4",
        "6: workload 'doubling' has no parameter 'page'. Did you mean 'pages'?",
    ),
    (
        "workloads:\n  - workload: doubling\n    params:\n      rounds: [1, 99]",
        "6: workload 'doubling': parameter 'rounds': 99 is out of range: 1 to 20",
    ),
    ("workloads: [{sample: frist-run}]", "3: there is no sample trace 'frist-run'. Did you"),
    (
        "workloads: [{sample: first-run, reader: arow}]",
        "3: there is no reader 'arow'. Did you mean 'arrow'?",
    ),
    ("frames: [1, 2]\nrepeat: 3\nzip: [[frames, seeds]]", "5: zip: axes that are walked together"),
    ("exclude: [{policy: clok}]", "3: there is no policy 'clok'. Did you mean 'clock'?"),
    (
        "exclude:\n  - rmap: {pte_chain: {lin: 3}}",
        "4: rmap 'pte_chain' has no parameter 'lin'. Did you mean 'line'?",
    ),
    ("exclude: [{workload: doublin}]", "3: there is no workload, sample or file 'doublin'. Did"),
    ("exclude: [{policy: fifo}]", "no run is left: 'exclude' takes all of them."),
    ("cells:\n  - policy: clok", "4: there is no policy 'clok'. Did you mean 'clock'?"),
    ("cells: [{policy: fifo, rmap: x}]", "3: there is no rmap 'x'. Valid: "),
]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "message"), SCHEMA)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, f"{BASE}{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_sweep(str(path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{message}")


@pytest.mark.parametrize(("text", "message"), NAMES)
def test_a_name_that_does_not_exist_is_found_at_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    keys = {line.partition(":")[0] for line in text.splitlines()}
    rest = [line for line in BASE.splitlines() if line.partition(":")[0] not in keys]
    path = written(tmp_path, "\n".join([*rest, text]) + "\n")
    # The lines of NAMES count as if the text began on line 3; where it replaces nothing it is 4.
    later = len(rest) - 2
    with pytest.raises(ReclaimError) as caught:
        expand(load_sweep(str(path)), plugins())
    said = str(caught.value)
    assert "\n" not in said
    line, colon, words = message.partition(": ")
    if line.isdigit():
        assert said.startswith(f"{path}:{int(line) + later}{colon}{words}")
    else:
        assert message in said


def test_several_mistakes_are_a_line_each(tmp_path: Path) -> None:
    path = written(tmp_path, f"{BASE}seds: [1]\nframes: 0\n")
    with pytest.raises(ConfigError) as caught:
        load_sweep(str(path))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "workloads: [doubling]",
            "'policies' is missing: name some, with 'workloads'",
        ),
        ("policies: [fifo]", "'workloads' is missing: names of workloads or samples, or files"),
        ("cells: [{policy: fifo}]", "'workloads' is missing"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"s\.yaml: ") as caught:
        load_sweep(str(written(tmp_path, text + "\n")))
    assert message in str(caught.value)


def test_a_mistake_in_a_file_that_is_extended_is_found_there(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(f"{BASE}\n\nframes: [0]\n")
    path = written(tmp_path, "extends: base.yaml\nrepeat: 2\n")
    with pytest.raises(ConfigError) as caught:
        load_sweep(str(path))
    assert str(caught.value).startswith(f"{base}:6: frames.0: ")


def test_files_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: s.yaml\n")
    path = written(tmp_path, "extends: a.yaml\n")
    with pytest.raises(ConfigError, match=r"extends itself, by way of .*a\.yaml"):
        load_sweep(str(path))


def test_options_are_named_in_messages(tmp_path: Path) -> None:
    path = written(tmp_path, BASE)
    with pytest.raises(ConfigError, match="--set repeat: repeat: expected a whole number"):
        load_sweep(str(path), Overrides(settings={"repeat": "x"}))


def test_each_command_says_whose_file_it_was_given(tmp_path: Path) -> None:
    path = written(tmp_path, BASE)
    with pytest.raises(ConfigError, match="is a sweep, which 'reclaim sweep"):
        load_config(str(path))


def test_an_exclude_that_matches_nothing_is_warned_of(tmp_path: Path) -> None:
    path = written(tmp_path, f"{BASE}exclude:\n  - policy: clock\n")
    (warning,) = expand(load_sweep(str(path)), plugins()).warnings
    assert warning == f"{path}:5: this 'exclude' matches no run (that is left)."
