"""Does every plugin that is registered keep its contract?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reclaim.testing import PolicyConformance, run_suite
from reclaim.testing.conformance import subjects
from tests.laboratory import plugins, policy, rmap

# The suite runs kernels as plain Python in every lane: once is enough.
pytestmark = pytest.mark.slow


def wrong(kind: str, own: Any, events: int, lanes: tuple[str, ...] = ()) -> list[Any]:
    registry = plugins()
    return [
        (subject.label, one)
        for subject in subjects(registry, kind, own)
        for one in run_suite(registry, subject, events=events, lanes=lanes)
        if not one.passed
    ]


@pytest.mark.parametrize("name", list(plugins().policies))
def test_a_policy_conforms(name: str) -> None:
    assert not wrong("policy", policy(name), 500)


@pytest.mark.parametrize("name", list(plugins().rmaps))
def test_a_strategy_conforms(name: str) -> None:
    assert not wrong("rmap", rmap(name), 300)


@pytest.mark.slow
@pytest.mark.jit_only
@pytest.mark.parametrize("name", list(plugins().policies))
def test_compiled_policies_equal_plain_python(name: str) -> None:
    assert not wrong("policy", policy(name), 1, ("jit",))


class TestClass(PolicyConformance):
    """The class that authors of plugins use, on a policy of ours."""

    policy = "fifo"
    events = 100
    lanes = ()


def test_a_new_policy_conforms_and_is_tidy(tmp_path: Path) -> None:
    from reclaim.testing.conformance import find

    def call(*args: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *map(str, args)], capture_output=True, text=True, check=False
        )

    done = call("reclaim.cli.main", "new", "policy", "my_clock", "--dir", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / "my_clock.py"
    assert f"reclaim check {path}" in done.stdout
    assert "class MyClock(Policy)" in path.read_text()
    again = call("reclaim.cli.main", "new", "policy", "my_clock", "--dir", tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert call("ruff", "check", "--isolated", path).returncode == 0
    assert (
        call("ruff", "format", "--isolated", "--line-length=100", "--check", path).returncode == 0
    )
    registry, found = find(str(path))
    ended = [
        one
        for kind, own in found
        for subject in subjects(registry, kind, own)
        for one in run_suite(registry, subject, events=300, lanes=())
    ]
    assert len(ended) == 10
    assert [one for one in ended if not one.passed] == []
