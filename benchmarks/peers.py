"""libcachesim's native policies on the same accesses, by its fastest road.

Accesses are written once as `oracleGeneral`, its own binary format (24 bytes a request), which its
C reader maps into memory; `process_trace` then runs in C from the first request to the last. What
is timed is that call. It includes reading the records, as our time includes reading our columns;
`time_reading` tells how much that can be at most.

Its hash table has 2**24 buckets unless told otherwise, whatever the size of the cache: most of its
time then goes into cache misses of that table. Each policy is timed as it comes, which is what its
users get, and with a table fitted to the cache, which is the best it can do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from benchmarks.workload import Workload

RECORD = np.dtype(
    [("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")]  # packed: 24 bytes
)
FACTORIES: dict[str, Callable[..., Any]] = {
    "fifo": lambda lcs, **size: lcs.FIFO(**size),
    # The access that faults sets the young bit here, so its counter starts at one there.
    "clock": lambda lcs, **size: lcs.Clock(**size, init_freq=1),
    "lru": lambda lcs, **size: lcs.LRU(**size),
    "opt": lambda lcs, **size: lcs.Belady(**size),
    "arc": lambda lcs, **size: lcs.ARC(**size),
    "lecar": lambda lcs, **size: lcs.LeCaR(**size),
    "lfu": lambda lcs, **size: lcs.LFU(**size),
    "lirs": lambda lcs, **size: lcs.LIRS(**size),
    "lru_k": lambda lcs, **size: lcs.LRUK(**size),
    "mq": lambda lcs, **size: lcs.MQ(**size, lifetime=size["cache_size"]),
    "s3fifo": lambda lcs, **size: lcs.S3FIFO(**size),
    "sieve": lambda lcs, **size: lcs.Sieve(**size),
    "slru": lambda lcs, **size: lcs.SLRU(**size),
    "two_queue": lambda lcs, **size: lcs.TwoQ(**size),
    "w_tinylfu": lambda lcs, **size: lcs.WTinyLFU(**size),
}
OTHER_RULES = {"lecar", "lirs", "lru_k", "s3fifo", "slru", "w_tinylfu"}
"""Policies whose peer is another algorithm of that name, so that misses differ, by right."""


@njit
def next_uses(objects: Any, last_seen: Any, result: Any) -> None:
    """Fill `result` with the position of the next access to the same object, -1 for none."""
    for i in range(objects.size - 1, -1, -1):
        result[i] = last_seen[objects[i]]
        last_seen[objects[i]] = i


def write(path: Path, objects: npt.NDArray[np.int64], nr_objects: int) -> None:
    """Write accesses as an `oracleGeneral` file.

    Parameters
    ----------
    path : Path
        Where to.
    objects : ndarray of int64
        Object of each access, 0 to `nr_objects` - 1.
    nr_objects : int
        How many there are.
    """
    following = np.empty(len(objects), np.int64)
    next_uses(objects, np.full(nr_objects, -1, np.int64), following)
    with path.open("wb") as file:
        for start in range(0, len(objects), 1 << 20):
            part = slice(start, start + (1 << 20))
            records = np.empty(len(objects[part]), RECORD)
            records["time"] = np.arange(start, start + len(records))
            records["object"] = objects[part] + 1
            records["size"] = 1
            records["next"] = following[part]
            records.tofile(file)


@contextmanager
def written(work: Workload) -> Iterator[Path]:
    """Give the workload as a file, for as long as the block lasts."""
    with TemporaryDirectory(prefix="reclaim-bench-") as folder:
        path = Path(folder) / "accesses.oracleGeneral"
        write(path, work.object_ids(), work.nr_spaces * work.pages_per_space)
        yield path


def cache(policy: str, nr_frames: int, fitted: bool) -> Any:
    """Make libcachesim's cache of that name, with a fitted hash table or its own default."""
    import libcachesim as lcs

    size = {"cache_size": nr_frames}
    if fitted:
        size["hashpower"] = max(4, math.ceil(math.log2(nr_frames)) + 1)
    return FACTORIES[policy](lcs, **size)


def time_policy(
    policy: str, path: Path, nr_frames: int, rows: int, fitted: bool
) -> tuple[float, int]:
    """Return the seconds and the misses of libcachesim's policy."""
    import libcachesim as lcs

    reader = lcs.TraceReader(str(path), lcs.TraceType.ORACLE_GENERAL_TRACE)
    simulated = cache(policy, nr_frames, fitted)
    started = time.perf_counter()
    miss_ratio, _ = simulated.process_trace(reader)
    return time.perf_counter() - started, round(miss_ratio * rows)


def time_reading(rows: int) -> float:
    """Return seconds for as many requests for one object: reading, and a hit in the first cache."""
    with TemporaryDirectory(prefix="reclaim-bench-") as folder:
        path = Path(folder) / "one.oracleGeneral"
        write(path, np.zeros(rows, np.int64), 1)
        return time_policy("fifo", path, 16, rows, fitted=True)[0]
