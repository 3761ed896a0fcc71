"""Do regions merge, split and age as a list of tuples does, and as the kernel's own tests say?"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest

from reclaim.ids import NIL
from reclaim.kit import regions as kit
from reclaim.kit.regions import Regions
from reclaim.kit.rng import new_rng
from tests.oracle.rng import Dice


@dataclass
class Part:
    start: int
    end: int
    uses: int = 0
    last: int = 0
    age: int = 0

    @property
    def size(self) -> int:
        return self.end - self.start


def made_of(parts: list[Part], least: int = 1, most: int = 1000) -> Regions:
    regions = Regions.new(parts[-1].end, 1, 1000)
    regions.least, regions.most = least, most
    regions.nr[0] = len(parts)
    for i, part in enumerate(parts):
        for k, value in enumerate((part.start, part.end, part.uses, part.last, part.age)):
            kit.region_set(regions, i, k, value)
    return regions


def parts_of(regions: Regions) -> list[Part]:
    return [
        Part(*(kit.region_get(regions, i, k) for k in range(5)))
        for i in range(kit.nr_regions(regions))
    ]


def merged(parts: list[Part], threshold: int, limit: int, ages: bool) -> list[Part]:
    """What a list would do: take parts one by one, joining each to the last taken if alike."""
    taken: list[Part] = []
    for given in parts:
        part = replace(given)
        if ages:
            part.age = part.age + 1 if abs(part.uses - part.last) <= threshold else 0
        left = taken[-1] if taken else None
        alike = left is not None and abs(left.uses - part.uses) <= threshold
        if left is not None and alike and left.size + part.size <= limit:
            whole = left.size + part.size
            left.uses = (left.uses * left.size + part.uses * part.size) // whole
            left.age = (left.age * left.size + part.age * part.size) // whole
            left.end = part.end
        else:
            taken.append(part)
    return taken


def split(parts: list[Part], dice: Dice, thrice: bool) -> list[Part]:
    """Cut a part off the left of each, and, for three, another off that."""
    done: list[Part] = []
    for part in parts:
        pieces = [part]
        for _ in range(2 if thrice else 1):
            first = pieces[0]
            cut = (1 + dice.below(9)) * first.size // 10 if first.size > 2 else 0
            if cut:
                middle = first.start + cut
                pieces[:1] = [replace(first, end=middle), replace(first, start=middle)]
            else:
                break
        done += pieces
    return done


def random_parts(rng: random.Random, nr: int) -> list[Part]:
    bounds = [0, *sorted(rng.sample(range(1, 400), nr - 1)), 400]
    return [
        Part(start, end, rng.randrange(21), rng.randrange(21), rng.randrange(9))
        for start, end in pairwise(bounds)
    ]


def test_two_regions_as_in_the_kernels_test() -> None:
    """mm/damon/tests/core-kunit.h: 100 frames of 10 and 200 of 20 uses make 300 of 16."""
    regions = made_of([Part(0, 100, 10, 0, 9), Part(100, 300, 20, 0, 21)])
    kit.merge_alike(regions, 10, 300, False)
    assert parts_of(regions) == [Part(0, 300, 16, 0, 17)]


def test_neighbours_as_in_the_kernels_test() -> None:
    """The same file: a threshold of 9 leaves these bounds of eight regions (its one gap closed)."""
    bounds = [0, 100, 114, 122, 130, 156, 170, 184, 230]
    uses = [0, 0, 10, 10, 20, 30, 1, 2]
    parts = [Part(*part) for part in zip(bounds, bounds[1:], uses, strict=False)]
    regions = made_of(parts)
    kit.merge_alike(regions, 9, 9999, False)
    assert [part.start for part in parts_of(regions)] == [0, 114, 130, 156, 170]


def test_no_region_grows_past_the_limit() -> None:
    regions = made_of([Part(at, at + 10) for at in range(0, 100, 10)], least=4)
    kit.merge_regions(regions, 20)
    assert [part.size for part in parts_of(regions)] == [20, 20, 20, 20, 20]  # 100 // 4 is 25


def test_too_many_regions_are_merged_harder() -> None:
    parts = [Part(at, at + 1, 20 * (at % 2)) for at in range(40)]
    regions = made_of(parts, most=10)
    kit.merge_regions(regions, 20)
    assert kit.nr_regions(regions) <= 10
    assert {part.age for part in parts_of(regions)} <= {0, 1}  # one period passed, not several


@pytest.mark.parametrize("seed", range(40))
def test_merging_like_a_list(seed: int) -> None:
    rng = random.Random(seed)
    parts = random_parts(rng, rng.randrange(1, 40))
    threshold, limit, ages = rng.randrange(12), rng.randrange(1, 400), rng.random() < 0.5
    regions = made_of(parts)
    kit.merge_alike(regions, threshold, limit, ages)
    assert parts_of(regions) == merged(parts, threshold, limit, ages)
    assert kit.wrong_regions(regions, 400) == ""


@pytest.mark.parametrize("seed", range(40))
def test_splitting_like_a_list(seed: int) -> None:
    rng = random.Random(seed)
    parts = random_parts(rng, rng.randrange(1, 40))
    thrice = rng.random() < 0.5
    regions = made_of(parts)
    regions.nr[1] = len(parts) if thrice else 0
    kit.split_regions(regions, new_rng(seed))
    assert parts_of(regions) == split(parts, Dice(seed), thrice)
    assert kit.wrong_regions(regions, 400) == ""


def test_many_regions_are_not_split() -> None:
    parts = [Part(at, at + 10) for at in range(0, 100, 10)]
    for most, nr in ((19, 10), (20, 20)):
        regions = made_of(parts, most=most)
        kit.split_regions(regions, new_rng(1))
        assert kit.nr_regions(regions) == nr


def test_a_region_gets_older_while_it_is_used_alike() -> None:
    regions = made_of([Part(0, 10, 12, 11, 4), Part(10, 20, 0, 12, 4)], least=2)
    kit.merge_alike(regions, 1, 10, True)
    assert [part.age for part in parts_of(regions)] == [5, 0]


def test_a_period_ends_after_its_looks() -> None:
    regions = made_of([Part(0, 10), Part(10, 20)], least=2)
    for look in range(20):
        kit.count_use(regions, 0)
        assert kit.end_look(regions, 20) == (look == 19)
    assert parts_of(regions) == [Part(0, 10, 0, 20, 0), Part(10, 20, 0, 0, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_idle_regions_come_oldest_first(seed: int) -> None:
    rng = random.Random(seed)
    parts = [replace(part, last=rng.randrange(2)) for part in random_parts(rng, 30)]
    regions = made_of(parts)
    idle = [i for i, part in enumerate(parts) if part.last == 0 and part.age >= 3]
    found, i = [], kit.next_idle(regions, NIL, 3)
    while i != NIL:
        found.append(i)
        i = kit.next_idle(regions, i, 3)
    assert found == sorted(idle, key=lambda i: (-parts[i].age, i))


def test_a_drawn_frame_lies_in_its_region() -> None:
    regions, rng = Regions.new(64, 4, 8), new_rng(3)
    drawn = [kit.draw_frame(regions, 2, rng) for _ in range(400)]
    assert set(drawn) == set(range(32, 48))
    assert kit.region_get(regions, 2, kit.REGION_SAMPLE) == drawn[-1]


def test_what_is_wrong_is_said() -> None:
    regions = Regions.new(64, 4, 8)
    assert kit.wrong_regions(regions, 64) == ""
    assert "gaps" in kit.wrong_regions(regions, 65)
    kit.region_set(regions, 1, kit.REGION_START, 17)
    assert "gaps" in kit.wrong_regions(regions, 64)
    regions = made_of([Part(0, 5), Part(5, 5), Part(5, 9)])
    assert "empty" in kit.wrong_regions(regions, 9)
    assert Regions.new(3, 10, 100).nr.tolist() == [3, 0, 0]
    assert np.all(Regions.new(3, 10, 100).row.reshape(-1, kit.REGION_WORDS)[:, 5] == NIL)
