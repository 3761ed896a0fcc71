"""Do intervals cover what they promise, and do comparisons see what is there and no more?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from reclaim.stats import NO_DIFFERENCE, compare, compare_cells, noise_floor, summarize


def test_students_interval_is_that_of_the_table() -> None:
    # mean 3, s = sqrt(2.5), t(4 degrees of freedom, 97.5 %) = 2.776
    found = summarize([1, 2, 3, 4, 5])
    assert (found.n, found.mean, found.method) == (5, 3.0, "t")
    assert found.sd == pytest.approx(math.sqrt(2.5))
    assert found.half == pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=1e-3)
    assert summarize([1, 2, 3, 4, 5], level=0.99).half == pytest.approx(
        4.604 * math.sqrt(2.5 / 5), rel=1e-3
    )


def test_one_value_has_no_interval_and_equal_ones_are_a_point() -> None:
    one = summarize([7])
    assert (one.mean, one.sd, one.low, one.high, one.half, one.method) == (
        7.0,
        None,
        None,
        None,
        None,
        "none",
    )
    equal = summarize([0.1, 0.1, 0.1])
    assert (equal.mean, equal.sd, equal.low, equal.high) == (0.1, 0.0, 0.1, 0.1)
    assert equal.method == "constant"


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_what_is_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one finite value"):
        summarize(values)


def test_where_values_are_not_normal_the_interval_is_resampled() -> None:
    skewed = [1, 1, 1, 1, 1, 2, 2, 3, 40]
    found = summarize(skewed)
    assert found.method == "bootstrap"
    assert found.low is not None
    assert found.high is not None
    # Student's interval would reach below the least value.
    assert min(skewed) <= found.low < found.mean < found.high <= 40
    assert found == summarize(skewed)
    assert summarize(np.random.default_rng(2).normal(size=30).tolist()).method == "t"
    assert summarize(skewed[-5:]).method == "t"


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_intervals_cover_the_mean_about_as_often_as_they_say(draw: str) -> None:
    rng = np.random.default_rng(5)
    truth = 0.0 if draw == "normal" else 1.0
    trials = 120
    inside = 0
    for _ in range(trials):
        found = summarize(getattr(rng, draw)(size=20).tolist())
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= truth <= found.high
    assert 0.86 * trials <= inside <= trials


def test_a_pairing_sees_what_means_hide() -> None:
    # Traces differ tenfold, the other is always 10 % lower.
    base = [100.0, 1000.0, 310.0, 50.0]
    noise = [1.001, 0.999, 1.002, 0.998]
    found = compare(
        [(b, 0.9 * b * n) for b, n in zip(base, noise, strict=True)], base="fifo", other="clock"
    )
    assert found.verdict == "lower"
    assert found.ratio == pytest.approx(0.9, rel=1e-3)
    assert found.interval is not None
    assert found.interval[0] < 0.9 < found.interval[1] < 1
    assert found.text().startswith("0.900 x fifo (0.89")
    back = compare([(b, a) for a, b in [(1.0, 2.0), (10.0, 20.0)]], base="clock", other="fifo")
    assert (back.verdict, back.ratio) == ("lower", pytest.approx(0.5))


def test_chance_is_no_difference() -> None:
    found = compare([(10, 11), (10, 9), (10, 10.5), (10, 9.6)], base="a", other="b")
    assert (found.shown, found.verdict, found.text()) == (False, NO_DIFFERENCE, NO_DIFFERENCE)


def test_a_difference_below_the_floor_is_none_however_sure() -> None:
    pairs = [(100.0, 103.0), (200.0, 206.0), (50.0, 51.5001)]
    assert compare(pairs, base="a", other="b").verdict == "higher"
    assert compare(pairs, base="a", other="b", floor=0.05).verdict == NO_DIFFERENCE
    assert compare(pairs, base="a", other="b", floor=0.02).verdict == "higher"


def test_one_pair_tells_only_of_counts_or_beyond_a_known_floor() -> None:
    def one(**how: object) -> str:
        return compare([(10.0, 12.0)], base="a", other="b", **how).verdict  # type: ignore[arg-type]

    assert one() == NO_DIFFERENCE
    assert one(exact=True) == "higher"
    assert one(floor=0.1) == "higher"
    assert one(floor=0.3) == NO_DIFFERENCE
    assert compare([(10, 10)], base="a", other="b", exact=True).verdict == NO_DIFFERENCE


def test_zeros_have_differences_but_no_ratio() -> None:
    found = compare([(0, 3), (0, 4), (1, 5)], base="a", other="b")
    assert (found.ratio, found.interval, found.verdict) == (None, None, "higher")
    assert found.text() == "+3.667 against a"
    assert compare([(0, 0), (0, 0)], base="a", other="b").verdict == NO_DIFFERENCE


def test_cells_are_paired_by_seed_and_weigh_the_same() -> None:
    base = {
        ("loop", 8): {0: 10.0, 1: 20.0, 2: 30.0},
        ("scan", 8): {0: 100.0},
        ("gone", 8): {0: 1.0},
    }
    other = {("loop", 8): {1: 10.0, 2: 15.0, 5: 1.0}, ("scan", 8): {0: 100.0}, ("new", 8): {0: 1.0}}
    panel = compare_cells(base, other, base="a", other="b", exact=True)
    assert panel is not None
    assert list(panel.cells) == [("loop", 8), ("scan", 8)]
    loop = panel.cells["loop", 8]
    assert (loop.n, loop.base_mean, loop.other_mean, loop.ratio) == (2, 25, 12.5, 0.5)
    assert panel.cells["scan", 8].verdict == NO_DIFFERENCE
    assert (panel.overall.n, panel.overall.ratio) == (2, pytest.approx(math.sqrt(0.5)))
    assert compare_cells({("x", 1): {0: 1.0}}, {("x", 1): {1: 1.0}}, base="a", other="b") is None


def test_the_floor_is_what_equal_runs_stay_within() -> None:
    rng = np.random.default_rng(3)
    groups = [(10**k * np.exp(rng.normal(0, 0.02, 5))).tolist() for k in range(8)]
    floor = noise_floor(groups)
    assert floor is not None
    # 1.96 x sqrt(2) x 2 % is 5.5 %
    assert 0.04 < floor < 0.08
    apart = np.exp(rng.normal(0, 0.02, 4000) - rng.normal(0, 0.02, 4000))
    assert 0.9 < np.mean(np.abs(np.log(apart)) < math.log1p(floor)) < 1
    assert noise_floor([[1.0], [], [0.0, 1.0]]) is None
    assert noise_floor([[2.0, 2.0]]) == 0.0
