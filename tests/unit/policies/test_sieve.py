"""Does the hand of SIEVE stay in the queue when frames go and come back under it?"""

from __future__ import annotations

from tests.oracle.papers import papers
from tests.parity import traces
from tests.unit.policies.by_hand import ByHand


def test_what_is_passed_stays_where_it_is() -> None:
    hands = ByHand("sieve", 6)
    hands.fault(0, 1, 2, 3)
    hands.use(0, 1)
    assert hands.evict() == [2]
    assert hands.on(0) == [3, 1, 0]
    hands.fault(4)
    assert hands.evict() == [3]  # the hand went on from there; it did not start again at 0
    assert hands.evict(9) == [4, 0, 1]
    assert hands.evict() == []


def test_a_new_page_is_not_met_by_a_hand_that_had_reached_the_newest() -> None:
    hands = ByHand("sieve", 6)
    hands.fault(0, 1)
    hands.use(0)
    assert hands.evict() == [1]  # the newest; the next turn begins at the oldest
    hands.fault(2)
    assert hands.evict() == [0]


def test_a_frame_freed_under_the_hand() -> None:
    hands = ByHand("sieve", 6)
    hands.fault(0, 1, 2, 3, 4)
    assert hands.evict() == [0]
    hands.remove(1)
    assert hands.evict() == [2]
    hands.remove(3)
    hands.remove(4)
    assert hands.evict() == []
    hands.fault(5)
    assert hands.evict() == [5]


def test_a_victim_that_is_put_back_is_offered_last() -> None:
    hands = ByHand("sieve", 6)
    hands.fault(0, 1, 2, 3)
    assert hands.select(2) == [0, 1]
    hands.put_back(0, 1)
    assert hands.select(4) == [2, 3, 0, 1]


def test_cold_is_not_visited() -> None:
    hands = ByHand("sieve", 3)
    hands.fault(0, 1)
    hands.use(0, 1)
    hands.cold(1)
    assert hands.evict() == [1]


def test_it_is_neither_clock_nor_lfu() -> None:
    """A stationary zipf cannot tell; phases do."""
    pages = traces.phases(900, 78).tolist()
    found = {name: papers()[name].misses(pages, 20) for name in ("sieve", "clock", "fifo")}
    assert found["sieve"] != found["clock"] != found["fifo"] != found["sieve"]
