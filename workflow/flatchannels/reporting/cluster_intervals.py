"""Confidence intervals for what is counted or measured on runs that come in clusters.

The runs of one network share its target and its shape, so they are not independent draws of what a dataset does. The cluster is
the network. The variance is that among clusters ("ultimate clusters"), as of a ratio estimate: Kish, Survey Sampling (1965),
chapter 6. It has one degree of freedom less than there are clusters. A share gets Wilson's interval with an effective number of
runs: Korn & Graubard, Survey Methodology 24 (1998) 193; Franco, Little, Louis & Slud, Journal of Survey Statistics and Methodology
7 (2019) 334. Near 0 and 1 few clusters have both hits and misses, and only these tell how alike the runs of a cluster are; so the
design effect is drawn towards an assumed one, by as much as two such clusters weigh.
One cluster alone says nothing about others: its interval is unbounded.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm, t

# ASSUME: the design effect is a mean of the one that is seen, weighed by the number of clusters with hits or of those with misses,
# whichever are fewer, and of that of runs with this correlation, which weighs as much as so many clusters. Set by simulation.
ASSUMED_CORRELATION = 0.5
ASSUMED_CLUSTERS = 2


class Estimate(NamedTuple):
    """An estimate with its interval.

    Attributes
    ----------
    value : float
    low : float
    high : float
    clusters : int
        From how many.
    """

    value: float
    low: float
    high: float
    clusters: int


def cluster_share(hits: pd.Series, clusters: pd.DataFrame, confidence: float = 0.95) -> Estimate:
    """The share of runs that are hits, with its interval by cluster.

    Parameters
    ----------
    hits : Series of bool
        One per run.
    clusters : DataFrame
        The columns that name the cluster of each run, with the same index.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        (NaN, 0, 1, 0) without runs.
    """
    counts = hits.groupby([clusters[column] for column in clusters]).agg(["sum", "count"]).to_numpy(dtype=float)
    return share_of_counts(counts[:, 0], counts[:, 1], confidence)


def share_of_counts(hits: ArrayLike, runs: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The share of runs that are hits, with its interval by cluster, from counts.

    The few degrees of freedom widen it too.

    Parameters
    ----------
    hits : int (C,)
        The number of hits of each cluster.
    runs : int (C,)
        The number of runs of each cluster.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
    """
    hits, runs = np.asarray(hits, dtype=float), np.asarray(runs, dtype=float)
    total, clusters = runs.sum(), int(np.sum(runs > 0))
    if total == 0:
        return Estimate(np.nan, 0.0, 1.0, 0)
    share = float(hits.sum() / total)
    if clusters < 2:
        return Estimate(share, 0.0, 1.0, clusters)
    binomial, between = share * (1 - share) / total, _variance(hits - share * runs, total, clusters)
    seen = max(between / binomial, 1.0) if binomial > 0 else 1.0
    telling = min(np.sum(hits > 0), np.sum(hits < runs))
    assumed = 1 + (np.sum(runs**2) / total - 1) * ASSUMED_CORRELATION
    effect = (telling * seen + ASSUMED_CLUSTERS * assumed) / (telling + ASSUMED_CLUSTERS)
    quantile = 0.5 + confidence / 2
    trials = total / effect * float(t.ppf(quantile, total - 1) / t.ppf(quantile, clusters - 1)) ** 2
    return Estimate(share, *score_interval(share, trials, confidence), clusters)


def cluster_mean(values: ArrayLike, weights: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The weighted mean of one value per cluster, with Student's interval; an infinite one of fewer than two clusters.

    Parameters
    ----------
    values : (C,)
    weights : (C,)
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
    """
    values, weights = np.asarray(values, dtype=float), np.asarray(weights, dtype=float)
    clusters = len(values)
    if not clusters:
        return Estimate(np.nan, -np.inf, np.inf, 0)
    mean = float(weights @ values / weights.sum())
    if clusters < 2:
        return Estimate(mean, -np.inf, np.inf, clusters)
    half = t.ppf(0.5 + confidence / 2, clusters - 1) * np.sqrt(_variance(weights * (values - mean), weights.sum(), clusters))
    return Estimate(mean, float(mean - half), float(mean + half), clusters)


def superiority(samples: list[tuple[np.ndarray, np.ndarray]], confidence: float = 0.95) -> Estimate:
    """Probability that a value of the first kind is larger than one of the second, both of one cluster; ties count half.

    Each cluster weighs by n m / (n + m), the numbers of its values of either kind. The interval is Wilson's with the variance
    among clusters, which is taken as no less than as if each cluster were min(n, m) trials: no variance of one exceeds that of so
    many (van Dantzig 1951).

    Parameters
    ----------
    samples : list of ((n,), (m,))
        For each cluster its values of the first kind and of the second; NaN counts as missing.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
    """
    pairs = [(first[np.isfinite(first)], second[np.isfinite(second)]) for first, second in samples]
    pairs = [(first, second) for first, second in pairs if len(first) and len(second)]
    if not pairs:
        return Estimate(np.nan, 0.0, 1.0, 0)
    shares = np.array([np.mean((np.sign(first[:, None] - second) + 1) / 2) for first, second in pairs])
    weights = np.array([len(first) * len(second) / (len(first) + len(second)) for first, second in pairs])
    share = float(weights @ shares / weights.sum())
    if len(pairs) < 2:
        return Estimate(share, 0.0, 1.0, len(pairs))
    trials = weights.sum() ** 2 / np.sum(weights**2 / [min(len(first), len(second)) for first, second in pairs])
    between = _variance(weights * (shares - share), weights.sum(), len(pairs))
    if between > 0:
        trials = min(trials, share * (1 - share) / between)
    quantile = 0.5 + confidence / 2
    trials *= float(norm.ppf(quantile) / t.ppf(quantile, len(pairs) - 1)) ** 2
    return Estimate(share, *score_interval(share, float(trials), confidence), len(pairs))


def _variance(residuals: np.ndarray, total: float, clusters: int) -> float:
    """The variance of a ratio estimate from the residuals of its clusters and the total of its denominator."""
    return float(clusters / (clusters - 1) * np.sum(residuals**2) / total**2)


def score_interval(share: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share in a number of trials that need not be whole.

    Source: Wilson 1927.

    Parameters
    ----------
    share : float
    trials : float
    confidence : float
        Of the interval.

    Returns
    -------
    low, high : float
    """
    z2 = norm.ppf(0.5 + confidence / 2) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return float(min(low, share)), float(max(high, share))  # rounding may set the bound of none above 0
