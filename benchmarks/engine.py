"""Our engine: each policy with `pte_chain`, all accounting on, through `run_one`."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Workload
from reclaim import ids
from reclaim.plugin.manager import load_plugins
from reclaim.trace.events import MMAP, event_array, event_row
from reclaim.trace.model import Trace, TraceMeta

RMAP = "pte_chain"


def as_trace(work: Workload) -> Trace:
    """Return the workload as a trace: private anonymous memory in each space, mapped at once."""
    prot = ids.PROT_READ | ids.PROT_WRITE
    size = work.pages_per_space
    maps = [event_row(0, MMAP, asid, 0, size, ids.NIL, 0, prot) for asid in range(work.nr_spaces)]
    return Trace(
        work.asid,
        work.vpn,
        work.op,
        np.ones(len(work.vpn), np.int32),
        event_array(maps),
        spaces=tuple(f"space{asid}" for asid in range(work.nr_spaces)),
        meta=TraceMeta(source=f"benchmark: {work.name}"),
    )


class Engine:
    """Runs a workload with the installed plugins."""

    def __init__(self) -> None:
        self.registry = load_plugins()

    def time_policy(self, policy: str, trace: Trace, nr_frames: int) -> tuple[float, int, float]:
        """Return the seconds of the loop, the misses, and the seconds of binding."""
        from reclaim.run import PluginChoice, RunSpec, run_one

        spec: dict[str, Any] = {
            "policy": PluginChoice(self.registry.policies.get(policy), {}),
            "rmap": PluginChoice(self.registry.rmaps.get(RMAP), {}),
            "frames": nr_frames,
        }
        record = run_one(trace, RunSpec(**spec))
        return record["seconds"], record["counters"]["misses"], record["bind_seconds"]

    def warm_up(self, policies: list[str]) -> None:
        """Compile each pair, or load it from disk, on a trace of a few accesses."""
        tiny = np.arange(64, dtype=np.int64)
        work = Workload("tiny", tiny.astype(np.int32) * 0, tiny, tiny.astype(np.uint8) * 0, 64, 1)
        for policy in policies:
            self.time_policy(policy, as_trace(work), 16)
