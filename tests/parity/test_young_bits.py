"""What does the young bit that the fault sets change, and is that all that changes?

The algorithms insert a page with a clear bit; hardware sets it (`tests.oracle.papers`). Each paper
module has both rules: that they differ is shown here, and that its published one is the published.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.papers import papers
from tests.parity.test_misses import SHORT, SIZES, library_misses

PAPERS = papers()
PUBLISHED: dict[str, dict[str, Any]] = {
    "sieve_young": {"bit_at_insertion": False},
    "s3fifo_young": {"young_bits": False},
    "car": {"insertion": "clear"},
    "clock_pro": {"insertion": "clear"},
}
REUSED = ("zipf0.4", "zipf0.8", "zipf1.0", "scan")


def total(policy: str, name: str, frames: int, **rule: Any) -> int:
    return len(PAPERS[policy].misses(SHORT[name].tolist(), frames, **rule))


@pytest.mark.parametrize("policy", PUBLISHED)
def test_the_published_rule_is_another(policy: str) -> None:
    """It misses less where few pages are used often, which is what it was published for."""
    for name in REUSED:
        published = total(policy, name, 20, **PUBLISHED[policy])
        assert published < total(policy, name, 20), name


@pytest.mark.parametrize("policy", ["car", "clock_pro"])
def test_counting_the_fault_as_a_use_is_worse_than_sparing_a_page_once(policy: str) -> None:
    for name in REUSED:
        counted = total(policy, name, 7, insertion="counted")
        assert total(policy, name, 7) < counted, name


def test_sieve_with_the_bit_of_the_fault_is_about_as_good_as_clock() -> None:
    """All that SIEVE gains over CLOCK it gains from pages that are dropped at first sight."""
    for name in REUSED:
        clock = len(PAPERS["clock"].misses(SHORT[name].tolist(), 20))
        young = total("sieve_young", name, 20)
        published = total("sieve_young", name, 20, bit_at_insertion=False)
        assert abs(young - clock) < (clock - published) / 2, name


@pytest.mark.parametrize("name", SHORT)
def test_sieve_as_published_is_libcachesims(name: str) -> None:
    import libcachesim

    pages = SHORT[name]
    for frames in SIZES:
        theirs = library_misses(pages, libcachesim.Sieve(cache_size=frames))
        paper = PAPERS["sieve_young"].misses(pages.tolist(), frames, bit_at_insertion=False)
        assert theirs == paper, frames
