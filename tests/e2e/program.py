"""Running the program inside the test process, with real streams and exit codes.

`fake_engine` puts a small, deterministic stand-in for `reclaim.run` in place, for tests that ask
what the commands do with records; whether records are right is asked elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from reclaim.cli import main as program
from reclaim.counters import COUNTER_NAMES
from reclaim.errors import MachineError


class Ended(NamedTuple):
    """How a call of the program ended."""

    code: int
    out: str
    err: str


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: object
) -> Ended:
    """Call the program as a shell would."""
    for key in ("RECLAIM_INTERPRET", "RECLAIM_BOUNDSCHECK", "RECLAIM_TRACEBACK"):
        # Options set these for a process; the test's own has others to run.
        monkeypatch.setenv(key, os.environ.get(key, ""))
    monkeypatch.setattr(sys, "argv", ["reclaim", *map(str, args)])
    code = program._main()
    return Ended(code, *capsys.readouterr())


@dataclass(frozen=True)
class PluginChoice:
    cls: Any
    params: dict[str, Any]
    preset: str | None = None

    @property
    def label(self) -> str:
        return self.preset or self.cls.name


@dataclass(frozen=True)
class RunSpec:
    policy: PluginChoice
    rmap: PluginChoice
    frames: int | str
    pressure: str = "exact"
    min: int | None = None
    low: int | None = None
    high: int | None = None
    kswapd_every: int = 32
    writeback_accesses: int = 0
    swap_pages: int | None = None
    fork_copies: str = "anon"
    seed: int = 0
    layout: str = "64-bit"
    check: bool = False
    epochs: int = 1


def run_one(trace: Any, spec: RunSpec, progress: Any = None) -> dict[str, Any]:
    """Return a record that depends on policy and size alone, but for work and bytes."""
    frames = spec.frames if isinstance(spec.frames, int) else 10
    policy, rmap = spec.policy.cls.name, spec.rmap.cls.name
    if frames == 13:
        raise MachineError("out of memory: 13 frames")
    if progress:
        progress(1, 1)
    counters = dict.fromkeys(COUNTER_NAMES, 0)
    counters |= {
        "accesses": 1000,
        "misses": 100 + len(policy),
        "minor_faults": 90,
        "evictions": 0 if frames == 99 else 60,
        "rmap_walks": 50,
        "rmap_links_visited": 70 * len(rmap),
    }
    return {
        "policy": policy,
        "rmap": rmap,
        "rmap_preset": spec.rmap.preset,
        "frames": frames,
        "pressure": spec.pressure,
        "counters": counters,
        "derived": {"misses": counters["misses"], "miss_ratio": counters["misses"] / 1000},
        "phases": {"fault": {"minor_faults": 90}},
        "rmap_objects": {},
        "rmap_bytes": {"live": 10, "peak": 1000 * len(rmap)},
        "warnings": ["never evicted: 99 frames hold all"] if frames == 99 else [],
        "params": spec.policy.params,
    }


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    module = ModuleType("reclaim.run")
    module.__dict__.update(PluginChoice=PluginChoice, RunSpec=RunSpec, run_one=run_one)
    monkeypatch.setitem(sys.modules, "reclaim.run", module)
    return run_one
