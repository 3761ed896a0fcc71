"""Do the weights follow the formula, the histories their length, and the coin its weights?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reclaim.kit.ghosts import ghosts_on
from reclaim.kit.regret import Regret, regret_choose, regret_evicted, regret_wanted
from tests.lanes import both

PAGES, FRAMES, RATE = 12, 3, 0.45
WANTED = 2


def program(r: Any, ops: Any, out: Any) -> int:
    """Do operations (expert or WANTED, page, time); tosses of the coin go to `out`."""
    for i in range(len(ops) // 3):
        if ops[3 * i] == WANTED:
            regret_wanted(r, ops[3 * i + 1], ops[3 * i + 2])
        else:
            regret_evicted(r, ops[3 * i], ops[3 * i + 1], ops[3 * i + 2])
    for i in range(len(out)):
        out[i] = regret_choose(r)
    return len(out)


PROGRAMS = both(program)
CHOICE = st.tuples(st.integers(0, WANTED), st.integers(0, PAGES - 1), st.integers(1, 30))


@pytest.mark.parametrize("run", PROGRAMS, ids=lambda run: type(run).__name__)
@given(choices=st.lists(CHOICE, max_size=60))
def test_as_the_formula(run: Any, choices: list[tuple[int, int, int]]) -> None:
    histories: list[dict[int, int]] = [{}, {}]
    weights = [0.5, 0.5]
    ops: list[int] = []
    time = 0
    for wanted, page, later in choices:
        time += later
        inside = [page in history for history in histories]
        what = WANTED if any(inside) else wanted
        ops += [what, page, time]
        if what != WANTED:
            histories[what][page] = time
            if len(histories[what]) > FRAMES:
                del histories[what][next(iter(histories[what]))]
        elif any(inside):
            expert = inside.index(True)
            t = time - histories[expert].pop(page)
            weights[1 - expert] *= math.exp(RATE * 0.005 ** (t / FRAMES))
            first = min(max(weights[0] / sum(weights), 0.01), 0.99)
            weights = [first, 1 - first]
    regret = Regret.new(FRAMES, PAGES, 1, RATE)
    out = np.zeros(2000, dtype=np.int64)
    run(regret, np.array(ops, dtype=np.int64), out)
    assert regret.weight[0] == pytest.approx(weights[0], rel=1e-12)
    assert [ghosts_on(regret.histories, k)[::-1] for k in (0, 1)] == [list(h) for h in histories]
    assert abs(out.mean() - weights[1]) < 0.06


def test_the_lanes_toss_alike_and_weights_have_bounds() -> None:
    tosses = []
    for run in PROGRAMS:
        regret = Regret.new(FRAMES, PAGES, 4, RATE)
        ops = [op for turn in range(400) for op in (0, 1, turn, WANTED, 1, turn)]
        out = np.zeros(50, dtype=np.int64)
        run(regret, np.array(ops, dtype=np.int64), out)
        assert regret.weight[0] == 0.01
        tosses.append(out.tolist())
    assert all(toss == tosses[0] for toss in tosses)
    assert 45 <= sum(tosses[0]) <= 50
