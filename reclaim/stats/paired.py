"""Comparisons of two things by pairs of the same trace and size, and what counts as noise."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from reclaim.stats.summary import Summary, summarize, t_quantile

NO_DIFFERENCE = "no difference shown"

Cell = TypeVar("Cell", bound=Hashable)
Repeats = Mapping[int, float]
"""Seed -> value."""


@dataclass(frozen=True)
class Comparison:
    """One thing beside another, by pairs.

    Attributes
    ----------
    base, other : str
        What they are called; ratios are other / base, differences other - base.
    base_mean, other_mean : float
        Means over the pairs.
    difference : Summary
        Of the differences.
    log_ratio : Summary or None
        Of the logarithms of the ratios; None if a value is not positive.
    floor : float
        Relative difference that is noise: 0.05 is 5 %.
    exact : bool
        The values are counts, which a second run repeats: one pair is enough to tell.
    """

    base: str
    other: str
    base_mean: float
    other_mean: float
    difference: Summary
    log_ratio: Summary | None
    floor: float
    exact: bool

    @property
    def n(self) -> int:
        """Pairs."""
        return self.difference.n

    @property
    def ratio(self) -> float | None:
        """Other / base: the geometric mean over the pairs; None if a value is not positive."""
        return None if self.log_ratio is None else math.exp(self.log_ratio.mean)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Confidence interval of the ratio; None for one pair."""
        of = self.log_ratio
        if of is None or of.low is None or of.high is None:
            return None
        return math.exp(of.low), math.exp(of.high)

    @property
    def shown(self) -> bool:
        """Whether there is a difference beyond the noise floor, and beyond chance."""
        of = self.log_ratio or self.difference
        if of.mean == 0 or self._within_floor():
            return False
        if of.low is None or of.high is None:
            return self.exact or self.floor > 0
        return of.low > 0 or of.high < 0

    def _within_floor(self) -> bool:
        if self.log_ratio is not None:
            return abs(self.log_ratio.mean) <= math.log1p(self.floor)
        return abs(self.difference.mean) <= self.floor * abs(self.base_mean)

    @property
    def verdict(self) -> str:
        """What other is as against base: "lower", "higher" or `NO_DIFFERENCE`."""
        if not self.shown:
            return NO_DIFFERENCE
        return "lower" if (self.log_ratio or self.difference).mean < 0 else "higher"

    def text(self) -> str:
        """Return it in words; the ratio names its base."""
        if not self.shown:
            return NO_DIFFERENCE
        if self.ratio is None:
            return f"{self.difference.mean:+.4g} against {self.base}"
        said = f"{self.ratio:.3f} x {self.base}"
        if self.interval is not None and self.interval[0] != self.interval[1]:
            said += f" ({self.interval[0]:.3f} to {self.interval[1]:.3f})"
        return said


def compare(
    pairs: Sequence[tuple[float, float]],
    *,
    base: str,
    other: str,
    floor: float = 0.0,
    exact: bool = False,
    level: float = 0.95,
) -> Comparison:
    """Compare two things by pairs.

    Parameters
    ----------
    pairs : sequence of (float, float)
        Base and other, each pair of the same trace, size and seed; at least one.
    base, other : str
        What they are called.
    floor : float
        Relative difference that is noise.
    exact : bool
        The values are counts, not measurements.
    level : float
        Confidence of intervals.

    Raises
    ------
    ValueError
        There is no pair.
    """
    if not pairs:
        raise ValueError(f"no pair of {base} and {other} to compare")
    positive = all(one > 0 and two > 0 for one, two in pairs)
    return Comparison(
        base=base,
        other=other,
        base_mean=math.fsum(one for one, _ in pairs) / len(pairs),
        other_mean=math.fsum(two for _, two in pairs) / len(pairs),
        difference=summarize([two - one for one, two in pairs], level),
        log_ratio=summarize([math.log(two / one) for one, two in pairs], level)
        if positive
        else None,
        floor=floor,
        exact=exact,
    )


@dataclass(frozen=True)
class Panel(Generic[Cell]):
    """A comparison in each cell, and over all.

    Attributes
    ----------
    cells : dict
        Trace and size -> comparison over its seeds.
    overall : Comparison
        One pair a cell, the mean of its seeds: a trace that was repeated more often weighs no more.
    """

    cells: dict[Cell, Comparison]
    overall: Comparison


def compare_cells(
    base_values: Mapping[Cell, Repeats],
    other_values: Mapping[Cell, Repeats],
    *,
    base: str,
    other: str,
    floor: float = 0.0,
    exact: bool = False,
) -> Panel[Cell] | None:
    """Compare two things in each cell that both have, by the seeds that both have.

    Parameters
    ----------
    base_values, other_values : mapping
        Trace and size -> seed -> value.
    base, other, floor, exact
        As for `compare`.

    Returns
    -------
    Panel or None
        None if they have no pair.
    """
    pairs = {
        cell: [(mine[seed], other_values[cell][seed]) for seed in sorted(mine) if seed in theirs]
        for cell, mine in base_values.items()
        if (theirs := other_values.get(cell)) is not None
    }
    cells = {
        cell: compare(found, base=base, other=other, floor=floor, exact=exact)
        for cell, found in pairs.items()
        if found
    }
    if not cells:
        return None
    means = [(one.base_mean, one.other_mean) for one in cells.values()]
    return Panel(cells, compare(means, base=base, other=other, floor=floor, exact=exact))


def noise_floor(groups: Iterable[Sequence[float]], level: float = 0.95) -> float | None:
    """Return the relative difference that two runs of the same thing stay within by chance.

    The spread is pooled over groups: one standard deviation of the logarithms for all, from n - 1
    degrees of freedom of each. A difference of two values has sqrt(2) times it.

    Parameters
    ----------
    groups : iterable of sequence of float
        Repeats of one thing each, positive; those of fewer than two values say nothing.
    level : float
        Share of pairs that stay within.

    Returns
    -------
    float or None
        0.05 for 5 %; None where nothing was repeated.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        if len(group) > 1 and min(group) > 0:
            logs = [math.log(value) for value in group]
            mean = math.fsum(logs) / len(logs)
            squares += math.fsum((one - mean) ** 2 for one in logs)
            freedom += len(logs) - 1
    if not freedom:
        return None
    return math.expm1(t_quantile(freedom, level) * math.sqrt(2 * squares / freedom))
