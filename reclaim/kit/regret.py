"""Two experts who name victims, and a coin between them that regret makes unfair.

An expert's victims stand in its history. When one is wanted again after t accesses its expert was
wrong, the more so the sooner: the other's weight is multiplied by exp(rate * d ** t), where d =
0.005 ** (1 / frames), and both are divided by their sum. A history keeps as many pages as there are
frames. Weights stay between 0.01 and 0.99: one of 0 would never grow.

Source: G. Vietri et al., "Driving cache replacement with ML-based LeCaR", HotStorage 2018,
algorithms 1 and 2; the bounds are those of the authors' program.
"""

from __future__ import annotations

import numpy as np

from reclaim.ids import NIL
from reclaim.jit.handle import F64, I64, Handle
from reclaim.jit.kernel import U, kernel
from reclaim.kit.ghosts import (
    Ghosts,
    ghost_list,
    ghost_remember,
    ghost_remove,
    ghost_word,
)
from reclaim.kit.rng import new_rng, random_below

DISCOUNT = 0.005
LEAST = 0.01
SIDES = 1 << 30  # of the coin
# Beyond so many times the frames exp(...) is 1 in a float.
HORIZON = 7


class Regret(Handle):
    """Weights and histories of experts 0 and 1.

    Attributes
    ----------
    histories : Ghosts
        A list of pages for each expert; a page's word is when it was evicted.
    gain : float64 array, 7 x frames + 1
        exp(rate * d ** t) for each t. A table, so that every lane has the same numbers.
    weight : float64 array, 1
        Weight of expert 0.
    rng : int64 array, 1
        The coin.
    nr_frames : int
        Pages that a history keeps.
    """

    histories: Ghosts
    gain: F64
    weight: F64
    rng: I64
    nr_frames: int

    @classmethod
    def new(cls, nr_frames: int, nr_pages: int, seed: int, rate: float) -> Regret:
        """Make experts of equal weight, without a history."""
        discounts = (DISCOUNT ** (1 / nr_frames)) ** np.arange(HORIZON * nr_frames + 1)
        return cls(
            histories=Ghosts.new(nr_pages, 2),
            gain=np.exp(rate * discounts),
            weight=np.array([0.5]),
            rng=new_rng(seed),
            nr_frames=nr_frames,
        )


@kernel
def regret_choose(r: Regret) -> int:
    """Return which expert is to name the victim, 0 or 1, by chance."""
    return int(random_below(r.rng, SIDES) / SIDES >= r.weight[U(0)])


@kernel(cold=True)
def regret_evicted(r: Regret, expert: int, page: int, time: int) -> None:
    """Write a page that left its frame into the history of the expert who named it."""
    ghost_remember(r.histories, expert, page, time, r.nr_frames)


@kernel(cold=True)
def regret_wanted(r: Regret, page: int, time: int) -> None:
    """Learn from a page that is wanted; nothing if it is in no history."""
    expert = ghost_list(r.histories, page)
    if expert == NIL:
        return
    ghost_remove(r.histories, page)
    gain = r.gain[U(min(time - ghost_word(r.histories, page), len(r.gain) - 1))]
    first = r.weight[U(0)]
    second = 1.0 - first
    if expert == 0:
        second *= gain
    else:
        first *= gain
    r.weight[U(0)] = min(max(first / (first + second), LEAST), 1.0 - LEAST)
