"""What every test shares: the profile of hypothesis, and the markers that depend on the lane."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

# `ci` gives the same examples in each run: a red lane means a change, not luck. `long` looks
# for new ones (RECLAIM_HYPOTHESIS=long). No deadline: the first example compiles.
SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", max_examples=50, derandomize=True, database=None, **SHARED)
settings.register_profile("long", max_examples=5_000, **SHARED)
settings.load_profile(os.environ.get("RECLAIM_HYPOTHESIS", "ci"))

INTERPRETED = os.environ.get("RECLAIM_INTERPRET", "") not in ("", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not INTERPRETED:
        return
    skip = pytest.mark.skip(reason="says something about compiled code")
    for item in items:
        if item.get_closest_marker("jit_only"):
            item.add_marker(skip)


@pytest.fixture
def valgrind() -> str:
    """Give valgrind's path; without it skip, or fail where nothing may be skipped."""
    return _installed("valgrind", "RECLAIM_NEED_CAPTURE")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give Chromium's path; without it skip, or fail where nothing may be skipped."""
    return _installed("chromium", "RECLAIM_NEED_BROWSER")


def _installed(program: str, needed: str) -> str:
    path = shutil.which(program)
    if path is None:
        lacking = f"{program} is not installed (package: {program})"
        if os.environ.get(needed):
            pytest.fail(lacking)
        pytest.skip(lacking)
    return path
