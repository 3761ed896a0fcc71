"""Records for tests of what is done with them: one real run, and what a sweep would say of it."""

from __future__ import annotations

import copy
import hashlib
import json
from functools import cache
from typing import Any

from tests.laboratory import page_list, run

Record = dict[str, Any]


@cache
def _real() -> str:
    pages = [(7 * i * i) % 23 for i in range(200)]
    return json.dumps(run(page_list(pages), "pte_chain", by="fifo", frames=8, epochs=2))


def record(
    *,
    workload: str = "loop",
    policy: str = "fifo",
    rmap: str = "pte_chain",
    frames: int = 8,
    seed: int = 0,
    counters: dict[str, int] | None = None,
    version: str = "1",
    **changes: Any,
) -> Record:
    """Return a record like those of a sweep, of a cell that the arguments name.

    Counters that are given replace the run's; derived quantities follow them.
    """
    from reclaim.metrics.derived import derive

    config = {"workload": workload, "policy": policy, "rmap": rmap, "frames": frames, "seed": seed}
    named = json.dumps([config, version], sort_keys=True)
    found: Record = json.loads(_real()) | copy.deepcopy(
        {
            "identity": hashlib.sha256(named.encode()).hexdigest(),
            "status": "done",
            "error": None,
            "reproduce": f"reclaim run {workload} --policy {policy} --frames {frames}",
            "workload": workload,
            "workload_params": {"pages": 23},
            "trace_hash": hashlib.sha256(workload.encode()).hexdigest(),
            "config": config,
            "provenance": {"policy": {"plugin": policy, "results_version": version}},
            "machine": {"cpu": "Z80", "cores": 1, "numba": "0.68.1"},
            "started": "2026-11-25T03:00:00+00:00",
            "wall_seconds": 0.5,
            "modelled": {"label": "modelled", "total_ns": 1e6 + frames, "by_phase": {}},
            "policy": policy,
            "rmap": rmap,
            "frames": frames,
            "frames_given": frames,
            "seed": seed,
            **changes,
        }
    )
    if counters:
        found["counters"] |= counters
        peak = found["rmap_bytes"]["peak"]
        found["derived"] = derive(found["counters"], frames=frames, rmap_bytes_peak=peak)
    return found


def failed(error: str = "out of memory: 8 frames", **cell: Any) -> Record:
    """Return the record of a run that failed: what names it, and why there is no more."""
    whole = record(**cell)
    kept = ("identity", "reproduce", "workload", "workload_params", "trace_hash", "config")
    kept += ("provenance", "machine", "started", "wall_seconds", "policy", "policy_params")
    kept += ("rmap", "rmap_preset", "rmap_params", "frames_given", "pressure", "seed")
    return {name: whole[name] for name in kept} | {"status": "failed", "error": error}
