"""The accesses that everything is timed on: zipf(1.0) over a set of pages, the same every time.

Page ranks are shuffled over the address range, so that popular pages share neither page tables nor
cache lines by accident. Made once and kept in the user's cache directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs

SEED = 20_26
READ, WRITE = 0, 1


@dataclass(frozen=True)
class Workload:
    """Accesses in columns.

    Parameters
    ----------
    name : str
        What is special about it.
    asid : ndarray of int32
        Address space of each access, 0 to `nr_spaces` - 1.
    vpn : ndarray of int64
        Page within its space, 0 to `nr_pages / nr_spaces` - 1.
    op : ndarray of uint8
        0 read, 1 write.
    nr_pages : int
        Pages in all spaces together.
    nr_spaces : int
        Address spaces.
    """

    name: str
    asid: npt.NDArray[np.int32]
    vpn: npt.NDArray[np.int64]
    op: npt.NDArray[np.uint8]
    nr_pages: int
    nr_spaces: int

    @property
    def pages_per_space(self) -> int:
        """Pages of each address space."""
        return -(-self.nr_pages // self.nr_spaces)

    def object_ids(self) -> npt.NDArray[np.int64]:
        """Return one number for each access that names its page across all spaces."""
        return self.asid.astype(np.int64) * self.pages_per_space + self.vpn


def zipf_pages(rows: int, nr_pages: int) -> npt.NDArray[np.int64]:
    """Return page numbers with frequency proportional to 1 / rank, shuffled over the range."""
    kept = Path(platformdirs.user_cache_dir("reclaim")) / f"bench-zipf-{rows}-{nr_pages}-{SEED}.npy"
    if kept.exists():
        return np.load(kept).astype(np.int64)
    rng = np.random.default_rng(SEED)
    share = np.cumsum(1.0 / np.arange(1, nr_pages + 1))
    page_of_rank = rng.permutation(nr_pages).astype(np.int32)
    pages = np.empty(rows, np.int32)
    for start in range(0, rows, 1 << 20):
        drawn = rng.random(min(1 << 20, rows - start)) * share[-1]
        pages[start : start + len(drawn)] = page_of_rank[np.searchsorted(share, drawn)]
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.save(kept, pages)
    return pages.astype(np.int64)


def workloads(rows: int, nr_pages: int) -> list[Workload]:
    """Return the three traces of the benchmark: plain, with writes, with several address spaces."""
    page = zipf_pages(rows, nr_pages)
    reads = np.zeros(rows, np.uint8)
    one = np.zeros(rows, np.int32)
    writes = (np.random.default_rng(SEED + 1).random(rows) < 0.3).astype(np.uint8)
    per_space = -(-nr_pages // 8)
    return [
        Workload("reads, one address space", one, page, reads, nr_pages, 1),
        Workload("30 % writes, one address space", one, page, writes, nr_pages, 1),
        Workload(
            "reads, 8 address spaces",
            (page // per_space).astype(np.int32),
            page % per_space,
            reads,
            nr_pages,
            8,
        ),
    ]
