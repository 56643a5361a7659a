"""Power laws y = C (t − t₀)^p, fitted to a quantity along a training, with an interval of the exponent.

A gradient flow in a channel has the loss L_∞ + h|v|²/K² with K = |a_i − a_j| = |v|/ε, and dK/dt ∝ K⁻³: K⁴ grows linearly from where
the channel began, ε ∝ (t − t₀)^(−1/4). Without t₀, which belongs to the law, a straight line in log t is too steep or too flat.

The interval takes in every exponent that some t₀ makes likely (profile likelihood, F statistic). Residuals of smooth curves are not
independent: their number counts as n (1 − ρ)/(1 + ρ) with ρ the correlation of neighbours.

Source: paper, section 4 (the slope h); Seber & Wild 1989, section 5.3; Bartlett 1946 (the number of independent residuals).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import fdtri  # Fisher's quantile; scipy.stats, which has it too, takes a quarter of a second to load

Array = NDArray[np.float64]

FEWEST = 6  # points to which a law is fitted: it has three parameters
SHORTEST = 2.0  # ratio of the last to the first step
LEVEL = 0.95
START_TIMES = 400  # values of t₀ that are tried


@dataclass(frozen=True)
class PowerLaw:
    """A law y = scale (t − start)^exponent.

    Parameters
    ----------
    exponent : float
    low, high : float
        The interval of the exponent at the level `LEVEL`.
    scale : float
    start : float
    points : int
        How many it was fitted to.
    slope : float
        Of the straight line through log y against log t, without a t₀, for comparison.
    """

    exponent: float
    low: float
    high: float
    scale: float
    start: float
    points: int
    slope: float

    def at(self, t: Array) -> Array:
        """The law's values.

        Parameters
        ----------
        t : (n,)
            Greater than start.

        Returns
        -------
        (n,)
        """
        return self.scale * (t - self.start) ** self.exponent

    def includes(self, exponent: float, tolerance: float = 0.0) -> bool:
        """Whether an exponent lies in the interval, or nearer to it than a tolerance.

        Parameters
        ----------
        exponent : float
        tolerance : float

        Returns
        -------
        bool
        """
        return self.low - tolerance <= exponent <= self.high + tolerance


def fit_power_law(t: Array, y: Array) -> PowerLaw | None:
    """The power law through some values.

    Parameters
    ----------
    t : (n,), increasing
    y : (n,), positive

    Returns
    -------
    PowerLaw or None
        None where they are too few or span too little.
    """
    known = (t > 0) & (y > 0) & np.isfinite(y)
    t, log_y = t[known], np.log(y[known])
    count = len(t)
    if count < FEWEST or t[-1] < SHORTEST * t[0]:
        return None
    # From just before the first point to long before: further away than 100 spans the power law is an exponential.
    gaps = np.concatenate(
        [np.geomspace(1e-3 * t[0], t[0], START_TIMES // 2), t[0] + np.geomspace(1e-3 * t[0], 100 * t[-1], START_TIMES // 2)]
    )

    def fits(gaps: Array) -> Lines:
        return _lines(np.log(t - t[0] + gaps[:, None]), log_y)

    near = int(np.argmin(fits(gaps).squares))
    around = gaps[max(near - 1, 0)], gaps[min(near + 1, len(gaps) - 1)]
    options = {"xatol": 1e-12 * t[-1]}
    finest = minimize_scalar(lambda gap: fits(np.array([gap])).squares[0], bounds=around, method="bounded", options=options).x
    gaps = np.append(gaps, finest)
    slopes, levels, squares, spreads = fits(gaps)
    best = int(np.argmin(squares))
    residuals = log_y - levels[best] - slopes[best] * np.log(t - t[0] + gaps[best])
    freedom = _independent(residuals) - 3
    noise = count * (1e3 * np.finfo(float).eps) ** 2  # what rounding leaves of y, and the search of t₀
    threshold = max(squares[best], noise) * (1 + fdtri(1, freedom, LEVEL) / freedom)
    likely = squares <= threshold
    half = np.sqrt((threshold - squares[likely]) / spreads[likely])
    plain = _lines(np.log(t)[None], log_y).slopes[0]
    low, high = float((slopes[likely] - half).min()), float((slopes[likely] + half).max())
    start = float(t[0] - gaps[best])
    return PowerLaw(float(slopes[best]), low, high, float(np.exp(levels[best])), start, count, float(plain))


class Lines(NamedTuple):
    """Straight lines.

    Attributes
    ----------
    slopes : (lines,)
    levels : (lines,)
        Intercepts.
    squares : (lines,)
        Sums of squared residuals.
    spreads : (lines,)
        Σ (x − mean)².
    """

    slopes: Array
    levels: Array
    squares: Array
    spreads: Array


def _lines(x: Array, y: Array) -> Lines:
    """The straight lines of least squares through y (n,) at several x (lines, n)."""
    deviation = x - x.mean(axis=1, keepdims=True)
    spreads = (deviation**2).sum(axis=1)
    slopes = deviation @ y / spreads
    levels = y.mean() - slopes * x.mean(axis=1)
    residuals = y - levels[:, None] - slopes[:, None] * x
    return Lines(slopes, levels, (residuals**2).sum(axis=1), spreads)


def _independent(residuals: Array) -> float:
    """How many independent residuals these are worth, at least 4."""
    total = float(residuals @ residuals)
    correlation = float(residuals[1:] @ residuals[:-1]) / total if total > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.99)
    return max(len(residuals) * (1 - correlation) / (1 + correlation), 4.0)
