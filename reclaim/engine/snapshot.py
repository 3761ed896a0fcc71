"""What can be read off a machine between kernels: counters, objects, bytes, and a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reclaim import rows as r
from reclaim.counters import COUNTER_NAMES, NR_COUNTERS, NR_PHASES, PHASE_NAMES, PHASE_WORDS
from reclaim.errors import MachineError, nearest
from reclaim.vm.machine import Machine

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
    """

    counters: dict[str, int]
    phases: dict[str, dict[str, int]]
    objects: dict[str, dict[str, int]]
    vmas: int
    page_table_leaves: int
    free_frames: int
    accesses: int


def snapshot(m: Machine) -> Snapshot:
    """Read the counts off a machine."""
    table = m.counters.reshape(NR_PHASES, PHASE_WORDS)[:, :NR_COUNTERS]
    totals = table.sum(axis=0)
    rmap: RmapStrategy = m.rmap
    return Snapshot(
        counters={name: int(n) for name, n in zip(COUNTER_NAMES, totals, strict=True)},
        phases={
            phase: {name: int(n) for name, n in zip(COUNTER_NAMES, row, strict=True) if n}
            for phase, row in zip(PHASE_NAMES, table, strict=True)
        },
        objects={
            kind: {"live": live, "peak": peak, "allocated": made}
            for kind, (live, peak, made) in rmap.objects().items()
        },
        vmas=int(m.live[r.NR_VMAS]),
        page_table_leaves=int(m.live[r.NR_LEAVES]),
        free_frames=int(m.live[r.NR_FREE]),
        accesses=int(m.live[r.NOW]),
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


def work_distribution(m: Machine) -> dict[str, int | float]:
    """Return how much work direct reclaims took: how many there were, p50, p99 and max, in steps.

    A step is a frame scanned, a link, a VMA or a PTE looked at. Buckets above 32 are a sixteenth of
    an octave wide; the lower end of the bucket is reported.
    """
    histogram = np.asarray(m.work)
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
    hasher = hashlib.blake2b(np.ascontiguousarray(pages).tobytes(), digest_size=16)
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
        hasher.update(np.ascontiguousarray(array[:words]).tobytes())
    live[r.WANT_LEAVES : r.WANT_TOUCHES + 1] = 0
    hasher.update(live.tobytes())
    return hasher.hexdigest()
