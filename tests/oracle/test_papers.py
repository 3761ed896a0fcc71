"""Do the textbook algorithms give the textbook's numbers?"""

from __future__ import annotations

import random

import pytest

from tests.oracle.machine import simulate
from tests.oracle.papers.clock import misses as clock_misses
from tests.oracle.papers.fifo import misses as fifo_misses
from tests.oracle.papers.lru import misses as lru_misses
from tests.oracle.papers.opt import misses as opt_misses
from tests.oracle.policies import POLICIES
from tests.oracle.steps import steps_of_script

BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("misses_of", "with_3", "with_4"),
    [(fifo_misses, 9, 10), (lru_misses, 10, 8), (opt_misses, 7, 6)],
)
def test_beladys_string(misses_of, with_3, with_4):
    assert len(misses_of(BELADY, 3)) == with_3
    assert len(misses_of(BELADY, 4)) == with_4


def test_clock_gives_a_second_chance():
    # 1 2 3 fill; 4 clears all three bits and takes 1's place; 2 is used; 5 passes 2 and takes 3's.
    assert clock_misses([1, 2, 3, 4, 2, 5, 2, 3], 3) == [0, 1, 2, 3, 5, 7]


def test_clock_is_fifo_when_nothing_is_used_twice_in_a_round():
    scan = list(range(10)) * 3
    assert clock_misses(scan, 4) == fifo_misses(scan, 4)


def test_a_loop_longer_than_memory():
    loop = list(range(5)) * 10
    assert len(lru_misses(loop, 4)) == len(fifo_misses(loop, 4)) == 50
    # MIN keeps three pages for good and one more each round: of every 4 accesses one misses.
    assert len(opt_misses(loop, 4)) == 5 + 45 // 4


@pytest.mark.parametrize("seed", range(20))
def test_laws(seed):
    rng = random.Random(seed)
    trace = [min(rng.randrange(1, 30), rng.randrange(1, 30)) for _ in range(400)]
    for frames in (1, 2, 5, 9):
        best = len(opt_misses(trace, frames))
        for misses_of in (fifo_misses, lru_misses, clock_misses):
            assert best <= len(misses_of(trace, frames))
        for stack_like in (lru_misses, opt_misses):
            assert len(stack_like(trace, frames + 1)) <= len(stack_like(trace, frames))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("seed", range(4))
def test_the_machine_with_one_process_misses_as_the_textbook(name, seed):
    rng = random.Random(seed)
    trace = [min(rng.randrange(30), rng.randrange(30)) for _ in range(300)]
    script = "mmap p 0 30 anon private rw-\n" + "".join(
        f"{rng.choice(['read', 'write'])} p {page}\n" for page in trace
    )
    misses_of = {
        "fifo": fifo_misses,
        "lru": lru_misses,
        "clock": clock_misses,
        "opt": opt_misses,
    }[name]
    for frames in (1, 3, 10, 29):
        result = simulate(steps_of_script(script), POLICIES[name], frames)
        assert result.counters["misses"] == len(misses_of(trace, frames))
        assert result.access_pages == resolve_ids(trace)


def resolve_ids(trace):
    ids = {}
    return [ids.setdefault(page, len(ids)) for page in trace]
