"""Do pages pass between the three queues of S3-FIFO by the rules that its essay states?"""

from __future__ import annotations

from reclaim.kit.ghosts import ghosts_on
from reclaim.vm.mapping import UNLOCKED
from tests.oracle.papers import papers
from tests.parity import traces
from tests.unit.policies.by_hand import ByHand

MAIN, SMALL = 0, 1


def filled() -> ByHand:
    """Twenty frames: the small queue has two, the main one eighteen."""
    hands = ByHand("s3fifo", 20)
    hands.fault(*range(20))
    return hands


def ghosts(hands: ByHand) -> list[int]:
    return ghosts_on(hands.policy.ghosts, 0)


def test_used_once_leaves_used_twice_moves_up() -> None:
    hands = filled()
    hands.use(0, 0, 1)
    assert hands.evict() == [1]
    assert (hands.on(MAIN), ghosts(hands)) == ([0], [1])
    hands.fault(1, page=30)
    assert hands.on(SMALL)[0] == 1


def test_a_ghost_comes_back_to_the_main_queue() -> None:
    hands = filled()
    assert hands.evict(2) == [0, 1]
    assert ghosts(hands) == [1, 0]
    hands.fault(1, page=0)
    assert (hands.on(MAIN), ghosts(hands)) == ([1], [1])


def test_ghosts_are_as_many_as_the_main_queue_has_frames() -> None:
    hands = filled()
    for page in range(20, 50):
        (pfn,) = hands.evict()
        hands.fault(pfn, page=page)
    assert ghosts(hands) == list(range(29, 11, -1))


def test_the_main_queue_gives_one_use_for_each_turn() -> None:
    hands = filled()
    hands.use(*range(18), nr=2)
    assert hands.evict() == [18]  # eighteen have moved up, and count from 0
    assert hands.on(SMALL) == [19]
    hands.use(0, 1, nr=7)  # no count is over 3
    hands.use(2)
    assert hands.evict(1) == [3]  # the small queue is below its share
    assert hands.on(MAIN)[:3] == [2, 1, 0]
    assert 3 not in ghosts(hands)


def test_one_too_many_moves_up() -> None:
    hands = filled()
    hands.use(*range(18), nr=2)
    hands.fault(*hands.evict(), page=40)
    hands.use(19, nr=2)
    assert hands.evict() == [0]  # 19 is the nineteenth in the main queue
    assert hands.on(MAIN)[0] == 19
    assert ghosts(hands) == [18]


def test_what_is_put_back_goes_where_it_was_and_is_no_ghost() -> None:
    hands = filled()
    assert hands.select(2) == [0, 1]
    hands.put_back(0, 1)
    assert hands.on(SMALL)[:2] == [1, 0]
    assert ghosts(hands) == []
    hands.use(2, nr=2)
    assert hands.evict() == [3]
    hands.remove(2)
    hands.policy.putback(hands.m, 2, UNLOCKED)
    assert hands.on(SMALL)[0] == 2


def test_cold_counts_from_nothing() -> None:
    hands = filled()
    hands.use(0, nr=3)
    hands.cold(0)
    assert hands.evict() == [0]


def test_the_library_has_other_rules() -> None:
    """Its queues fill otherwise; by how much that matters depends on the trace."""
    import libcachesim

    from tests.parity.test_misses import library_misses

    pages = traces.phases(900, 78)
    theirs = library_misses(pages, libcachesim.S3FIFO(cache_size=20))
    assert theirs != papers()["s3fifo"].misses(pages.tolist(), 20)
