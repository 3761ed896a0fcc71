"""Do the policies miss at the very accesses at which independent implementations miss?

In `exact` mode, where a policy is asked for one victim when it must be, a policy over one process's
pages is the textbook's algorithm. Two others answer: `tests.oracle.papers`, written from the
papers, and libcachesim, a library of cache simulators in C++, where it follows the same rules.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest

from tests.laboratory import page_list, run
from tests.oracle.papers import papers
from tests.parity import traces

ROWS, PAGES = 900, 78
SIZES = (1, 2, 7, 20, 41, 77, 80)
LONG_ROWS, LONG_PAGES = 60_000, 4000
LONG_SIZES = (1, 40, 400, 1000, 2500, 3999)

SHORT = traces.all_of(ROWS, PAGES)
LONG = traces.all_of(LONG_ROWS, LONG_PAGES)
PAPERS = papers()
IN_LIBRARY = [name for name, paper in PAPERS.items() if hasattr(paper, "library")]
QUICK = [name for name, paper in PAPERS.items() if not getattr(paper, "SLOW", False)]
NEVER = 2**60


def misses_of(pages: traces.Pages, policy: str, frames: int, epochs: int) -> list[int]:
    """Return the number of misses at the end of each of so many equal parts of a trace."""
    record = run(page_list(pages), "pte_chain", by=policy, frames=frames, epochs=epochs)
    return [epoch["misses"] for epoch in record["epochs"]]


def library_misses(pages: traces.Pages, cache: Any) -> list[int]:
    """Return the positions at which a cache of libcachesim misses."""
    from libcachesim import Request

    following = np.full(len(pages), NEVER)
    order = np.argsort(pages, kind="stable")
    same = pages[order[1:]] == pages[order[:-1]]
    following[order[:-1][same]] = order[1:][same]
    request = Request(obj_size=1)
    misses = []
    for at, (page, next_use) in enumerate(zip(pages.tolist(), following.tolist(), strict=True)):
        request.obj_id = page + 1
        request.next_access_vtime = next_use
        if not cache.get(request):
            misses.append(at)
    return misses


def in_library(policy: str, frames: int) -> bool:
    """Tell whether libcachesim follows the same rules, with so many frames."""
    paper = PAPERS[policy]
    return hasattr(paper, "library") and frames >= getattr(paper, "LIBRARY_FROM", 1)


def counts(misses: list[int], rows: int, epochs: int) -> list[int]:
    """Return how many of the misses lie before the end of each of so many equal parts."""
    ends = [rows * (part + 1) // epochs for part in range(epochs)]
    return np.searchsorted(misses, ends).tolist()


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("policy", PAPERS)
def test_access_by_access(policy: str, name: str) -> None:
    """The same accesses miss, for the paper and for us; one frame and all pages are sizes too."""
    pages = SHORT[name]
    for frames in SIZES:
        so_far = misses_of(pages, policy, frames, ROWS)
        ours = [at for at, (a, b) in enumerate(pairwise([0, *so_far])) if b > a]
        assert ours == PAPERS[policy].misses(pages.tolist(), frames), frames


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("policy", IN_LIBRARY)
def test_the_library_follows_the_paper(policy: str, name: str) -> None:
    pages = SHORT[name]
    for frames in SIZES:
        if not in_library(policy, frames):
            continue
        theirs = library_misses(pages, PAPERS[policy].library(frames))
        assert theirs == PAPERS[policy].misses(pages.tolist(), frames), frames


@pytest.mark.parametrize("name", SHORT)
def test_the_clock_of_libcachesim_by_itself(name: str) -> None:
    """Its default is the rule that a new page's bit starts clear: a different algorithm."""
    import libcachesim

    pages = SHORT[name]
    for frames in SIZES:
        paper = PAPERS["clock"].misses(pages.tolist(), frames, bit_at_insertion=False)
        assert library_misses(pages, libcachesim.Clock(cache_size=frames)) == paper


def test_the_two_rules_of_clock_do_differ() -> None:
    pages, clock = SHORT["zipf0.8"].tolist(), PAPERS["clock"]
    assert clock.misses(pages, 20) != clock.misses(pages, 20, bit_at_insertion=False)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("policy", sorted({*IN_LIBRARY, *QUICK}))
def test_longer_traces(policy: str, name: str) -> None:
    """60,000 accesses, counted at 100 prefixes, six sizes."""
    pages = LONG[name]
    for frames in LONG_SIZES:
        ours = misses_of(pages, policy, frames, 100)
        if policy in QUICK:
            assert ours == counts(PAPERS[policy].misses(pages.tolist(), frames), LONG_ROWS, 100)
        if in_library(policy, frames):
            theirs = library_misses(pages, PAPERS[policy].library(frames))
            assert ours == counts(theirs, LONG_ROWS, 100)


@pytest.mark.parametrize("policy", ["fifo", "clock", "lru", "opt"])
def test_writes_and_the_reverse_map_change_no_miss(policy: str) -> None:
    """Who is evicted depends on the order of accesses alone: not on writes, not on the strategy."""
    pages = SHORT["zipf1.0"]
    writes = np.random.default_rng(3).random(len(pages)) < 0.4
    expected = len(PAPERS[policy].misses(pages.tolist(), 20))
    for strategy in ("pte_chain", "anon_vma_chain", "full_scan"):
        record = run(page_list(pages, writes), strategy, by=policy, frames=20)
        assert record["counters"]["misses"] == expected
        assert record["counters"]["evictions"] == expected - 20


@pytest.mark.parametrize("policy", ["lru", "opt"])
def test_more_frames_never_miss_more(policy: str) -> None:
    """LRU and OPT are stack algorithms (Mattson et al. 1970), on every trace and size."""
    for pages in SHORT.values():
        misses = [misses_of(pages, policy, frames, 1)[0] for frames in SIZES]
        assert list(accumulate(misses, min)) == misses


def test_beladys_anomaly() -> None:
    """1 2 3 4 1 2 5 1 2 3 4 5 under FIFO: 9 faults with 3 frames, 10 with 4 (CACM 1969)."""
    string = np.array([1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5])
    assert [misses_of(string, "fifo", frames, 1)[0] for frames in (3, 4)] == [9, 10]
