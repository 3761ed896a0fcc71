"""Does LeCaR evict by either order, blame the right one, and keep both in step?"""

from __future__ import annotations

from reclaim.kit.ghosts import ghosts_on
from tests.oracle.papers import papers
from tests.parity import traces
from tests.unit.policies.by_hand import ByHand


def sure_of(expert: int) -> ByHand:
    """Five frames; 0 is used least lately, 3 least often; the coin has fallen on one side."""
    hands = ByHand("lecar", 5)
    hands.fault(0, 1, 2, 3)
    hands.use(0, 0, 0, 1, 1, 2, 2, 3)
    hands.policy.regret.weight[0] = 1.0 if expert == 0 else 0.0
    return hands


def test_each_order_names_its_own() -> None:
    assert sure_of(0).evict(4) == [0, 1, 2, 3]
    assert sure_of(1).evict(4) == [3, 1, 2, 0]


def test_the_order_that_was_wrong_loses_weight() -> None:
    for expert in (0, 1):
        hands = sure_of(expert)
        (pfn,) = hands.evict()
        hands.policy.regret.weight[0] = 0.5
        assert ghosts_on(hands.policy.regret.histories, expert) == [pfn]
        hands.fault(pfn)
        assert (hands.policy.regret.weight[0] > 0.5) == (expert == 1)
        assert ghosts_on(hands.policy.regret.histories, expert) == []


def test_regret_comes_before_the_choice() -> None:
    hands = sure_of(1)
    assert hands.evict() == [3]
    hands.evict(page=3)
    assert hands.policy.regret.weight[0] == 0.01  # of 0, with the least there is


def test_the_bench() -> None:
    hands = sure_of(1)
    assert hands.select() == [3]
    hands.put_back(3)
    hands.use(3)
    assert hands.select(4) == [1, 2, 0, 3]
    hands.put_back(1, 2, 0, 3)
    hands.remove(2)
    hands.fault(4)
    hands.remove(0)
    assert sorted(hands.evict(4)) == [1, 3, 4]


def test_chance_comes_from_the_seed_alone() -> None:
    pages = traces.phases(900, 78).tolist()
    misses = [papers()["lecar"].misses(pages, 20, seed=seed) for seed in (0, 0, 1)]
    assert misses[0] == misses[1] != misses[2]
