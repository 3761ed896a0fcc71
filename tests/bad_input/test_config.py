"""Does each mistake in a configuration give one clear line that says where?"""

from __future__ import annotations

from pathlib import Path

import pytest

from reclaim.config.resolve import Overrides, load_config, parse_settings
from reclaim.errors import ConfigError

MISTAKES = [
    ("framse: 3", "2: unknown key 'framse'. Did you mean 'frames'?"),
    ("pressure: {mod: exact}", "2: unknown key 'mod' in 'pressure'. Did you mean 'mode'?"),
    ("seed: abc", "2: seed: expected a whole number, got the text 'abc'."),
    ("seed: 1.5", "2: seed: expected a whole number, got 1.5."),
    ("seed: true", "2: seed: expected a whole number, got true."),
    ("seed: -1", "2: seed: -1 is out of range: at least 0."),
    ("check: 1", "2: check: expected true or false, got 1."),
    ("seed: 1\nseed: 2", "3: key 'seed' stands here a second time (first on line 2). Keep one."),
    ("frames: 0", "2: frames: 0 frames: a machine has at least 1."),
    ("frames: -5", "2: frames: -5 frames: a machine has at least 1."),
    ("frames: 0%", "2: frames: 0%: a machine has at least 1 frame."),
    ("frames: [10, many]", "2: frames: expected a number of frames or a share of the"),
    ("frames: []", "2: frames: name at least one size."),
    ("policies: []", "2: policies: name at least one."),
    ("policies: [3]", "2: policies: each entry is a name or one name with its parameters"),
    ("policies: [{clock: 3}]", "2: policies: the parameters of 'clock' are a mapping"),
    ("pressure: exat", "2: pressure.mode: expected one of exact, limit, watermarks, got the text"),
    ("pressure:\n  low: 3", "2: pressure: 'low' belongs to mode: watermarks, but mode is exact."),
    ("pressure: {mode: watermarks, low: 3}", "2: pressure: give all of min, low and high"),
    (
        "pressure: {mode: watermarks, min: 3, low: 2, high: 4}",
        "2: pressure: min < low < high must hold, got 3, 2, 4.",
    ),
    (
        "pressure:\n  mode: exact\n  kswapd_every: 0",
        "4: pressure.kswapd_every: 0 is out of range: at least 1.",
    ),
    ("layout: 16-bit", "2: layout: expected one of 32-bit, 64-bit, got the text '16-bit'."),
    ("plugins: 3", "2: plugins: expected a list, got 3."),
    ("plugins: [3]", "2: plugins.0: expected a text, got 3."),
    ("costs: {swap_ins: -1}", "2: costs: 'swap_ins' costs a number of ns, at least 0"),
    ("costs: 3", "2: costs: expected ns by counter, or the path of a YAML file, got 3."),
    ("seed: [1", "3: not YAML:"),
    ("seed: *x", "2: not YAML:"),
    ("? [a]\n: 1", "2: a key is a word."),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"trace: t\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{message}")


def test_several_mistakes_are_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("trace: t\nsede: 1\nframes: 0\n")
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1", "'trace' is missing. Give a path, or 'trace: {sample: first-run}'"),
        ("trace: {}", "trace: give one of path, sample and workload (as in sample: first-run)."),
        ("trace: {path: a, sample: b}", "(as in sample: first-run), not both path and sample."),
        ("trace: {sample: a, workload: b}", "not both sample and workload."),
        ("trace: {workload: [a]}", "trace.workload: expected a text, got a list."),
        ("trace: {workload: a, params: 3}", "trace.params: expected a mapping, got 3."),
        (
            "trace: {workload: a, parms: {}}",
            "unknown key 'parms' in 'trace'. Did you mean 'params'?",
        ),
        ("trace: 3", "trace: expected a mapping of keys to values, got 3."),
        ("- a", "a config is a mapping of keys to values."),
        ("", "'trace' is missing."),
    ],
)
def test_a_config_without_a_trace_says_so(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", "--set seed: expected key=value"),
        ("seed=x", "--set seed: seed: expected a whole number, got the text 'x'."),
        ("pressure.lo=3", "--set pressure.lo: unknown key 'lo' in 'pressure'. Did you mean 'low'?"),
        ("sede=3", "--set sede: unknown key 'sede'. Did you mean 'seed'?"),
        ("seed.x=3", "--set seed.x: 'seed' has no keys of its own."),
        ("policies.4=lru", "--set policies.4: 'policies' is a list of 1; its entries are 0 to 0."),
        ("seed=[1", "--set seed=[1: not YAML:"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, setting: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("trace: t\nseed: 1\npolicies: [lru]\n")
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), Overrides(settings=parse_settings([setting])))
    assert str(caught.value).startswith(message)


def test_wrong_options_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("trace: t\n")
    with pytest.raises(ConfigError, match=r"^--frames 0: frames: 0 frames: a machine has at least"):
        load_config(str(path), Overrides(frames=("0",)))
    with pytest.raises(ConfigError, match=r"^--frames 25: %|^--frames x%: frames: expected"):
        load_config(str(path), Overrides(frames=("x%",)))


def test_files_that_are_no_config_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="a config is UTF-8 text"):
        load_config(str(binary))
    control = tmp_path / "c.yaml"
    control.write_bytes(b"a: \x00")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(str(control))
    with pytest.raises(ConfigError, match="there is no such config file"):
        load_config(str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(str(tmp_path))
