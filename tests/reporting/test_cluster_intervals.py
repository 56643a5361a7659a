"""Intervals by cluster: Wilson's where clusters do not matter, wider where they do, with their coverage where they are few."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from flatchannels.reporting import cluster_intervals as intervals
from flatchannels.reporting.shares import wilson_interval


def test_the_score_interval_is_wilsons():
    for count, runs in [(0, 10), (3, 10), (50, 80), (7, 7)]:
        assert intervals.score_interval(count / runs, runs, 0.9) == pytest.approx(wilson_interval(count, runs, 0.9), abs=1e-12)


def test_the_interval_holds_the_share_itself_to_the_last_digit():
    for trials in np.linspace(1, 60, 400):
        for share in (0.0, 1e-3, 0.5, 1.0):
            low, high = intervals.score_interval(share, trials)
            assert 0 <= low <= share <= high <= 1


def test_an_interval_by_cluster_is_no_narrower_than_by_run():
    rng = np.random.default_rng(0)
    for clusters in (2, 3, 5, 20):
        for size in (1, 2, 7):
            hits = rng.integers(0, size + 1, clusters)
            found, (low, high) = intervals.share_of_counts(hits, np.full(clusters, size)), wilson_interval(hits.sum(), clusters * size)
            assert found.low <= low + 1e-12 and found.high >= high - 1e-12


def test_many_clusters_of_one_run_are_independent_runs():
    hits = np.arange(2000) % 5 == 0
    found = intervals.share_of_counts(hits, np.ones(2000))
    assert found[:3] == pytest.approx((0.2, *wilson_interval(400, 2000)), rel=2e-3) and found.clusters == 2000


def test_clusters_whose_runs_agree_count_as_one_run_each():
    clusters, size = 400, 25
    hits = size * (np.arange(clusters) % 4 == 0)
    found = intervals.share_of_counts(hits, np.full(clusters, size))
    assert found[:3] == pytest.approx((0.25, *wilson_interval(clusters // 4, clusters)), rel=0.02)


def test_the_design_effect_is_drawn_towards_that_of_the_assumed_correlation():
    hits, runs = np.array([4, 1, 0, 0]), np.full(4, 6)
    share, binomial = 5 / 24, 5 / 24 * 19 / 24 / 24
    seen = 4 / 3 * np.sum((hits - share * 6) ** 2) / 24**2 / binomial
    effect = (2 * seen + 2 * (1 + 5 / 2)) / 4  # two clusters have hits, four have misses
    trials = 24 / effect * (t.ppf(0.975, 23) / t.ppf(0.975, 3)) ** 2
    assert intervals.share_of_counts(hits, runs)[1:3] == pytest.approx(intervals.score_interval(share, trials))


def test_runs_that_agree_less_than_by_chance_are_not_rewarded():
    found = intervals.share_of_counts(np.full(300, 5), np.full(300, 10))  # every cluster exactly one half
    assert found[1:3] == pytest.approx(wilson_interval(1500, 3000), abs=2e-3)


def test_one_cluster_says_nothing_about_others_and_no_runs_say_nothing():
    assert intervals.share_of_counts([3], [10]) == (0.3, 0.0, 1.0, 1)
    assert intervals.cluster_mean([2.0], [1.0]) == (2.0, -np.inf, np.inf, 1)
    for found in [intervals.share_of_counts([], []), intervals.superiority([])]:
        assert np.isnan(found.value) and found[1:] == (0.0, 1.0, 0)


def test_few_clusters_widen_the_interval_even_where_all_runs_agree():
    few, many = intervals.share_of_counts([0] * 4, [10] * 4), intervals.share_of_counts([0] * 40, [1] * 40)
    assert few.low == many.low == 0 and few.high > 1.5 * many.high > 1.5 * wilson_interval(0, 40)[1] * 0.9


def test_the_share_of_a_frame_is_that_of_its_counts():
    frame = pd.DataFrame({"a": [1, 1, 1, 2, 2, 3], "b": ["x", "x", "y", "x", "x", "x"]}, index=[5, 7, 9, 1, 3, 0])
    hits = pd.Series([True, False, True, False, False, True], index=frame.index)
    assert intervals.cluster_share(hits, frame) == intervals.share_of_counts([1, 1, 0, 1], [2, 1, 2, 1])


def coverage(clusters, correlation, mean, runs, repetitions):
    """Of beta-binomial runs: how often the interval by cluster holds their mean, and how often the one by run."""
    rng, covered, by_run = np.random.default_rng(1), 0, 0
    for _ in range(repetitions):
        shares = np.full(clusters, mean)
        if correlation:
            total = 1 / correlation - 1
            shares = rng.beta(mean * total, (1 - mean) * total, clusters)
        hits = rng.binomial(runs, shares)
        found = intervals.share_of_counts(hits, np.full(clusters, runs))
        covered += found.low <= mean <= found.high
        low, high = wilson_interval(hits.sum(), clusters * runs)
        by_run += low <= mean <= high
    return covered / repetitions, by_run / repetitions


@pytest.mark.parametrize("clusters, spread", [(4, 0.5), (8, 2.0), (16, 2.0), (16, 0.0)])
def test_intervals_by_cluster_have_their_coverage(clusters, spread):
    """By run it would fall far below where clusters differ."""
    covered, by_run = coverage(clusters, spread / (1 + spread), 0.3, 10, 1500)
    assert covered > 0.92 and (not spread or by_run < 0.8)


@pytest.mark.parametrize("mean", [0.02, 0.05, 0.1, 0.9])
@pytest.mark.parametrize("clusters, correlation", [(2, 2 / 3), (3, 2 / 3), (4, 1 / 3), (8, 2 / 3), (16, 1 / 3), (16, 2 / 3), (40, 2 / 3)])
def test_intervals_have_their_coverage_where_few_clusters_have_any_hit_or_miss(clusters, correlation, mean):
    assert coverage(clusters, correlation, mean, 16, 1000)[0] > 0.9


def test_the_mean_of_equal_weights_has_students_interval():
    values = np.random.default_rng(2).normal(size=9)
    found = intervals.cluster_mean(values, np.full(9, 3.0), 0.9)
    half = t.ppf(0.95, 8) * values.std(ddof=1) / 3
    assert found[:3] == pytest.approx((values.mean(), values.mean() - half, values.mean() + half))


def test_superiority_is_the_share_of_comparisons():
    first, second = np.array([1.0, 4.0, np.nan]), np.array([1.0, 2.0, 3.0])
    assert intervals.superiority([(first, second)]).value == (0.5 + 3) / 6
    pairs = [(first, second), (second, second), (np.zeros(0), second)]
    assert intervals.superiority(pairs).value == pytest.approx((3.5 / 6 * 6 / 5 + 0.5 * 9 / 6) / (6 / 5 + 9 / 6))


def test_superiority_has_its_coverage_and_is_no_surer_than_the_runs():
    rng, shift = np.random.default_rng(3), 0.5
    true = norm.cdf(shift / np.sqrt(2))
    covered = 0
    for _ in range(400):
        pairs = [(rng.normal(shift, size=6), rng.normal(size=8)) for _ in range(6)]
        found = intervals.superiority(pairs)
        covered += found.low <= true <= found.high
    assert covered / 400 > 0.93
    certain = intervals.superiority([(np.ones(3), np.zeros(3))] * 2)
    assert certain.value == 1 and certain.low < 0.5
