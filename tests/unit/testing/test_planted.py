"""Is each planted fault found, under its name, with a script that still shows it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reclaim.run import PluginChoice
from reclaim.testing import Subject, run_suite
from reclaim.testing.conformance import find
from reclaim.testing.guard import Breach
from reclaim.testing.search import Failure, shrink
from reclaim.testing.stage import World

# The suite runs kernels as plain Python in every lane: once is enough.
pytestmark = pytest.mark.slow

PLANTED = Path(__file__).parents[2] / "fixtures" / "plugins" / "planted.py"
FAULTS = [
    ("off_by_one", "survives", "raised IndexError", 2),
    ("double_victim", "distinct_victims", "a frame twice", 3),
    ("too_many", "distinct_victims", "", 3),
    ("forgets_removed", "own_lists", "which is not its own", 4),
    ("loses_putback", "offers_all", "it never names frames", 6),
    ("writes_column", "writes_only_its_own", "`fault_in` wrote FRAME_MAPCOUNT of frame 0", 2),
    ("never_ends", "survives", "does not come to an end", 60),
    ("moody", "deterministic", "two runs of it differ", 4),
]


def outcomes(name: str, events: int = 500, lanes: Any = ()) -> dict[str, Any]:
    registry, _ = find(str(PLANTED))
    policy = PluginChoice(*registry.policies.choose(name, {}))
    rmap = PluginChoice(*registry.rmaps.choose("pte_chain", {}))
    subject = Subject("policy", policy, rmap)
    return {one.check: one for one in run_suite(registry, subject, events=events, lanes=lanes)}


def test_a_policy_that_keeps_its_contract_passes() -> None:
    assert [name for name, one in outcomes("right").items() if not one.passed] == []


@pytest.mark.parametrize(("name", "check", "text", "most_lines"), FAULTS)
def test_a_planted_fault_is_found(name: str, check: str, text: str, most_lines: int) -> None:
    found = outcomes(name)[check]
    assert not found.passed
    assert text in found.text
    assert 0 < found.script.count("\n") <= most_lines
    assert "frames, pressure" in found.world


@pytest.mark.slow
@pytest.mark.jit_only
def test_integers_that_wrap_are_found_in_compiled_code() -> None:
    found = outcomes("wraps", 200, lanes=("jit",))["lanes_agree"]
    assert not found.passed
    assert 0 < found.script.count("\n") <= 8


def test_shrinking_keeps_what_matters_and_nothing_else() -> None:
    def wrong(text: str, _world: World) -> Breach | None:
        return Breach("x", "") if "b 2" in text and "d 4" in text else None

    long = "a 1\nb 2\nc 3\nd 4\ne 5\nf 6\n"
    assert shrink(wrong, Failure("x", "", long, World(3))).script == "b 2\nd 4\n"
