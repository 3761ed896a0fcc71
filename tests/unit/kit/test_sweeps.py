"""Do hands over memory meet the frames that are held, in order, as a naive twin says?"""

from __future__ import annotations

import random

import numpy as np
import pytest

from reclaim import rows as r
from reclaim.counters import FRAMES_SCANNED
from reclaim.ids import NIL
from reclaim.kit.sweeps import hold, is_held, let_go, next_held, turn, wrong_holds
from tests.unit.kit.test_lists import FRAMES, empty_machine


def scanned(m) -> int:
    return int(m.counters[m.live[r.COUNTERS] + FRAMES_SCANNED])


@pytest.mark.parametrize("seed", range(5))
def test_hands_meet_what_is_held(seed: int) -> None:
    rng = random.Random(seed)
    m, hands = empty_machine(), np.array([0, 3], dtype=np.int64)
    held: set[int] = set()
    at = [0, 3]
    for _ in range(300):
        pfn = rng.randrange(FRAMES)
        k = rng.randrange(2)
        match rng.randrange(4):
            case 0:
                hold(m, pfn)
                held.add(pfn)
            case 1:
                let_go(m, pfn)
                held.discard(pfn)
            case 2:
                assert turn(m, hands, k) == at[k]
                at[k] = (at[k] + 1) % FRAMES
            case _:
                order = [(at[k] + step) % FRAMES for step in range(FRAMES)]
                met = next((one for one in order if one in held), NIL)
                before = scanned(m)
                assert next_held(m, hands, k) == met
                if met != NIL:
                    assert scanned(m) - before == order.index(met) + 1
                    at[k] = (met + 1) % FRAMES
        assert [is_held(m, one) for one in range(FRAMES)] == [one in held for one in range(FRAMES)]
        assert wrong_holds(m, held) == ""
        assert "does not hold" in wrong_holds(m, held ^ {pfn})
