"""Who wins the contest for a place in the main cache of W-TinyLFU, and where do others go?"""

from __future__ import annotations

from reclaim.kit.tiny_lfu import tiny_lfu_estimate
from tests.oracle.papers import papers
from tests.parity import traces
from tests.unit.policies.by_hand import ByHand

WINDOW, PROBATION, PROTECTED = range(3)


def filled() -> ByHand:
    """Ten frames: one in the window, nine in the main cache, of which seven may be protected."""
    hands = ByHand("w_tinylfu", 10)
    hands.fault(*range(10))
    return hands


def test_it_fills_without_a_contest() -> None:
    hands = filled()
    assert [hands.on(k) for k in range(3)] == [[9], [8, 7, 6, 5, 4, 3, 2, 1, 0], []]


def test_equal_frequency_leaves_the_candidate_out() -> None:
    hands = filled()
    assert hands.evict() == [9]
    hands.fault(9, page=20)
    hands.use(9)
    assert hands.evict() == [0]
    assert (hands.on(WINDOW), hands.on(PROBATION)[0]) == ([], 9)


def test_frequency_outlives_residency() -> None:
    hands = filled()
    hands.use(9, nr=3)
    assert hands.evict() == [0]  # 9 has gone to the main cache
    hands.fault(0, page=20)
    hands.fault(*hands.evict(), page=0)  # page 0 is back: its second use
    assert tiny_lfu_estimate(hands.policy.uses, 0) == 2
    assert hands.evict() == [1]


def test_protection_has_room_for_eight_tenths() -> None:
    hands = filled()
    hands.use(*range(8))
    assert hands.on(PROTECTED) == [7, 6, 5, 4, 3, 2, 1]
    assert hands.on(PROBATION) == [0, 8]


def test_back_and_cold() -> None:
    hands = filled()
    assert hands.select(9) == [9, *range(8)]
    hands.put_back(0)
    assert hands.on(PROTECTED) == [0]
    hands.put_back(*range(1, 8))
    assert hands.on(PROBATION) == [0, 8]
    hands.cold(5)
    assert hands.evict(2) == [5, 8]
    hands.remove(7)
    assert hands.evict(9) == [0, 1, 2, 3, 4, 6]


def test_the_library_keeps_nothing_below_a_hundred_frames() -> None:
    import libcachesim

    from tests.parity.test_misses import library_misses

    pages = traces.zipf(900, 78, 1.0)
    assert len(library_misses(pages, libcachesim.WTinyLFU(cache_size=99))) == 900
    assert len(papers()["w_tinylfu"].misses(pages.tolist(), 99)) == len(set(pages.tolist()))
