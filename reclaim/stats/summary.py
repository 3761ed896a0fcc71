"""Mean, spread and confidence interval of repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_ENOUGH_TO_TELL = 8
"""Values from which a test of normality says anything, and resampling has a choice."""

_NORMAL_P = 0.05
_RESAMPLES = 9999


@dataclass(frozen=True)
class Summary:
    """What some repeats of one thing say.

    Attributes
    ----------
    n : int
        How many.
    mean : float
        Their mean.
    sd : float or None
        Standard deviation of the sample (n - 1); None for one value.
    low, high : float or None
        Confidence interval of the mean; None for one value, about whose spread nothing is known.
    method : str
        How the interval came about: "t", "bootstrap", "constant" (all values are equal: it is one
        point), "none" (one value).
    level : float
        Confidence of the interval.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    method: str
    level: float = 0.95

    @property
    def half(self) -> float | None:
        """Half the width of the interval; None where there is none."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2


def summarize(values: Sequence[float], level: float = 0.95) -> Summary:
    """Return mean, spread and confidence interval of repeats.

    The interval is Student's t where the values may be normal (Shapiro-Wilk at 5 %, asked from 8
    values on: fewer cannot tell) and the bias-corrected bootstrap where they are not. The bootstrap
    draws from a fixed seed: equal values give equal intervals.

    Parameters
    ----------
    values : sequence of float
        At least one.
    level : float
        Confidence, between 0 and 1.

    Raises
    ------
    ValueError
        No value, or one that is not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if not len(sample) or not np.isfinite(sample).all():
        raise ValueError(f"at least one finite value is needed, not {list(values)}")
    n, mean = len(sample), math.fsum(sample) / len(sample)
    if n == 1:
        return Summary(1, mean, None, None, None, "none", level)
    if (sample == sample[0]).all():
        # Rounding would give equal values a spread of their own.
        first = float(sample[0])
        return Summary(n, first, 0.0, first, first, "constant", level)
    sd = float(sample.std(ddof=1))
    if n >= _ENOUGH_TO_TELL and not _may_be_normal(sample):
        low, high = _bootstrap(sample, level)
        if math.isfinite(low + high):
            return Summary(n, mean, sd, low, high, "bootstrap", level)
    half = t_quantile(n - 1, level) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half, "t", level)


def t_quantile(freedom: float, level: float) -> float:
    """Return how many standard errors an interval of Student's t reaches to each side."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def _may_be_normal(sample: npt.NDArray[np.float64]) -> bool:
    from scipy.stats import shapiro

    return bool(shapiro(sample).pvalue >= _NORMAL_P)


def _bootstrap(sample: npt.NDArray[np.float64], level: float) -> tuple[float, float]:
    from scipy.stats import bootstrap

    interval = bootstrap(
        (sample,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=level,
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
