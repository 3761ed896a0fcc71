"""Do compiled, interpreted and bounds-checked kernels leave the same machine behind, bit for bit?

How a process runs its kernels is settled when it starts, so each lane is a process of its own. The
digest covers frames, pages, page tables, VMAs and counters; growth of arrays must not show in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.architecture.sources import ROOT

LANES = {"jit": {}, "interpret": {"RECLAIM_INTERPRET": "1"}, "bounds": {"RECLAIM_BOUNDSCHECK": "1"}}
RUNS = [
    {"by": "lru", "strategy": "pte_chain", "pressure": "exact"},
    {"by": "lru", "strategy": "pte_chain", "pressure": "limit", "fork_copies": "all"},
    {"by": "clock", "strategy": "anon_vma_chain", "pressure": "exact", "swap_pages": 300},
    {
        "by": "clock",
        "strategy": "anon_vma_chain",
        "pressure": "watermarks",
        "min": 1,
        "low": 4,
        "high": 8,
        "kswapd_every": 5,
        "writeback_accesses": 9,
    },
    {"by": "clock", "strategy": "anonmm", "pressure": "exact"},
]
PROGRAM = """
import json, sys
from tests import laboratory
from tests.oracle.scripts import random_script
found = []
for seed, spec in enumerate(json.load(sys.stdin)):
    for frames in (16, 60):
        record = laboratory.run(random_script(seed, 400), frames=frames, **spec)
        found.append([record["digest"], record["rmap_objects"], record["probes"]])
print(json.dumps(found))
"""


@cache
def outcome(lane: str) -> list[Any]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECLAIM_")}
    kept = {k: os.environ[k] for k in ("RECLAIM_CACHE_DIR",) if k in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(RUNS),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**clean, **kept, **LANES[lane]},
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("lane", ["interpret", "bounds"])
def test_a_lane_agrees_with_compiled_code(lane):
    expected, found = outcome("jit"), outcome(lane)
    assert len(expected) == 2 * len(RUNS)
    assert len({digest for digest, _, _ in expected}) == len(expected)
    assert found == expected
