"""What can be read off a machine between kernels: counters, objects, bytes, and a digest."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import (
    COUNTER_NAMES,
    NR_COUNTERS,
    NR_PHASES,
    P_AGING,
    P_REFERENCED,
    P_UNMAP,
    PHASE_NAMES,
    PHASE_WORDS,
)
from reclaim.errors import MachineError, nearest
from reclaim.vm.machine import Machine
from reclaim.vm.measure import BUCKETS, NR_SAMPLES, SAMPLE_NAMES

if TYPE_CHECKING:
    from reclaim.contract.rmap import RmapStrategy


@dataclass(frozen=True)
class Snapshot:
    """The counts of a machine at one moment.

    Attributes
    ----------
    counters : dict
        Counter -> count, over all phases.
    phases : dict
        Phase -> counter -> count, without zeros.
    objects : dict
        Kind of rmap object -> live, peak, allocated.
    vmas, page_table_leaves, free_frames, accesses : int
        As of now.
    processes, mapped_ptes : int
        Address spaces alive, and PTEs that are present.
    """

    counters: dict[str, int]
    phases: dict[str, dict[str, int]]
    objects: dict[str, dict[str, int]]
    vmas: int
    page_table_leaves: int
    free_frames: int
    accesses: int
    processes: int
    mapped_ptes: int


def _table(m: Machine) -> Any:
    return m.counters.reshape(NR_PHASES, PHASE_WORDS)[:, :NR_COUNTERS]


def counted(m: Machine) -> Any:
    """Return all counters over all phases: int64, in the order of `COUNTER_NAMES`."""
    return _table(m).sum(axis=0)


def outside_reclaim(m: Machine) -> Any:
    """Return all counters but what reclaim did, which is not the cost of the event it served."""
    table = _table(m)
    return table.sum(axis=0) - table[[P_AGING, P_REFERENCED, P_UNMAP]].sum(axis=0)


def named(counts: Any) -> dict[str, int]:
    """Return counters in the order of `COUNTER_NAMES` by name, without zeros."""
    return {name: int(n) for name, n in zip(COUNTER_NAMES, counts, strict=True) if n}


def snapshot(m: Machine) -> Snapshot:
    """Read the counts off a machine."""
    table = _table(m)
    totals = table.sum(axis=0)
    rmap: RmapStrategy = m.rmap
    return Snapshot(
        counters={name: int(n) for name, n in zip(COUNTER_NAMES, totals, strict=True)},
        phases={phase: named(row) for phase, row in zip(PHASE_NAMES, table, strict=True)},
        objects={
            kind: {"live": live, "peak": peak, "allocated": made}
            for kind, (live, peak, made) in rmap.objects().items()
        },
        vmas=int(m.live[r.NR_VMAS]),
        page_table_leaves=int(m.live[r.NR_LEAVES]),
        free_frames=int(m.live[r.NR_FREE]),
        accesses=int(m.live[r.NOW]),
        processes=int(m.space.reshape(-1, r.SPACE_WORDS)[:, r.SPACE_ALIVE].sum()),
        mapped_ptes=int(m.frame.reshape(-1, r.FRAME_WORDS)[: m.nr_frames, r.FRAME_MAPCOUNT].sum()),
    )


def expected(name: str, now: Snapshot, probes: list[dict[str, Any]]) -> int:
    """Return the value that an `expect` speaks of.

    Parameters
    ----------
    name : str
        A counter, `vmas`, `page_table_leaves`, `objects.KIND`, or `probe.FIELD`.
    now : Snapshot
        The machine as it is.
    probes : list of dict
        The probes so far; `probe.` means the last.

    Raises
    ------
    MachineError
        There is no such name.
    """
    values: dict[str, int] = dict(now.counters)
    values["vmas"] = now.vmas
    values["page_table_leaves"] = now.page_table_leaves
    values["free_frames"] = now.free_frames
    values |= {f"objects.{kind}": n["live"] for kind, n in now.objects.items()}
    if probes:
        values |= {f"probe.{key}": v for key, v in probes[-1].items() if key != "event"}
    if name not in values:
        raise MachineError(f"expect: nothing is called '{name}'.{nearest(name, values)}")
    return values[name]


def distributions(m: Machine) -> dict[str, dict[str, int]]:
    """Return the distributions that a machine has gathered, by name.

    `direct_reclaim_work`: steps of each direct reclaim; a step is a frame scanned, a link, a VMA or
    a PTE looked at. If the run measures, those of `reclaim.vm.measure` too.
    """
    found = {"direct_reclaim_work": _distribution(np.asarray(m.work))}
    if m.live[r.MEASURE]:
        rows = np.asarray(m.samples[: NR_SAMPLES * BUCKETS]).reshape(NR_SAMPLES, BUCKETS)
        for k, (name, row) in enumerate(zip(SAMPLE_NAMES, rows, strict=True)):
            # The largest is kept beside the histogram, since a bucket would round it down.
            largest = int(m.samples[NR_SAMPLES * BUCKETS + k])
            found[name] = {**_distribution(row), "max": largest}
    return found


def quantiles(values: list[int]) -> dict[str, float]:
    """Return the mean, p50, p99 and maximum of some numbers, zeros for none."""
    if not values:
        return {"mean": 0.0, "p50": 0, "p99": 0, "max": 0}
    ordered = np.sort(np.asarray(values, dtype=np.int64))
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    ranks = {name: int(ordered[math.ceil(q * len(ordered)) - 1]) for name, q in at.items()}
    return {"mean": float(ordered.mean()), **ranks}


def _distribution(histogram: Any) -> dict[str, int]:
    """Return how many values a histogram holds, their p50, p99 and largest.

    Buckets above 32 are a sixteenth of an octave wide; the lower end of the bucket is reported.
    """
    total = int(histogram.sum())
    if total == 0:
        return {"count": 0, "p50": 0, "p99": 0, "max": 0}
    buckets = np.arange(len(histogram))
    octave = np.maximum(buckets // 16 - 1, 0)
    lower = (buckets - octave * 16) << octave
    sums = histogram.cumsum()
    quantile = {
        name: int(lower[int(np.searchsorted(sums, share * total))])
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    return {"count": total, **quantile, "max": int(lower[np.flatnonzero(histogram)[-1]])}


def decisions(m: Machine) -> str:
    """Return a hash of what the policy decided: which page is where, and when each last left.

    Exact strategies agree on it, since nothing of theirs is in it.
    """
    pages = m.page[: int(m.live[r.NR_PAGES]) * r.PAGE_WORDS]
    hasher = hashlib.blake2b(np.ascontiguousarray(pages).data, digest_size=16)
    hasher.update(np.array([m.live[r.NR_EVICTED], m.live[r.NOW]]).tobytes())
    return hasher.hexdigest()


def digest(m: Machine) -> str:
    """Return a hash of all state of a machine but addresses: equal in every lane."""
    hasher = hashlib.blake2b(digest_size=16)
    live = np.array(m.live)
    for array, words in (
        (m.frame, None),
        (m.page, int(live[r.NR_PAGES]) * r.PAGE_WORDS),
        (m.pte, int(live[r.LEAF_TOP]) * 512),
        (m.vma, int(live[r.VMA_TOP]) * r.VMA_WORDS),
        (m.counters, None),
    ):
        # Not `tobytes`: a copy of hundreds of megabytes takes as long as hashing them.
        hasher.update(np.ascontiguousarray(array[:words]).data)
    live[r.WANT_LEAVES : r.WANT_TOUCHES + 1] = 0
    hasher.update(live.tobytes())
    return hasher.hexdigest()
