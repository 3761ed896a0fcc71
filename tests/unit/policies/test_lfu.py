"""Does LFU count what it says it counts, and keep its bench apart?"""

from __future__ import annotations

from tests.unit.policies.by_hand import ByHand


def test_the_least_used_goes_and_among_equals_the_one_longest_so() -> None:
    hands = ByHand("lfu", 6)
    hands.fault(0, 1, 2, 3)
    hands.use(0, 1)
    assert hands.evict() == [2]
    hands.use(3)  # the last of the three to reach two
    assert hands.evict(3) == [0, 1, 3]


def test_repeats_count() -> None:
    hands = ByHand("lfu", 6)
    hands.fault(0, 1)
    hands.use(0, nr=5)
    hands.use(1, 1, 1, 1)
    assert hands.evict() == [1]


def test_a_victim_that_is_put_back_waits_behind_all_others() -> None:
    hands = ByHand("lfu", 6)
    hands.fault(0, 1, 2)
    hands.use(1, 2, nr=9)
    assert hands.select() == [0]
    hands.put_back(0)
    hands.use(0)  # not counted while it waits
    assert hands.select(3) == [1, 2, 0]
    hands.put_back(1, 2, 0)
    hands.fault(3)  # that reclaim is over: they are back, with a count of one
    assert hands.evict(4) == [1, 2, 0, 3]


def test_cold_counts_from_one() -> None:
    hands = ByHand("lfu", 6)
    hands.fault(0, 1)
    hands.use(0, nr=9)
    hands.use(1)
    hands.cold(0)
    assert hands.evict() == [0]
    hands.select()
    hands.put_back(1)
    hands.cold(1)
    hands.remove(1)
