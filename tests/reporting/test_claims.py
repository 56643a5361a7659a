"""Verdicts follow from planted tables, and stay open where the runs are too few to tell."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels.reporting import channel_shares
from flatchannels.reporting import runs as runs_
from flatchannels.reporting import shares as shares_
from flatchannels.reporting.claims import levels, scorecard


def tables_of(*rows):
    runs = pd.concat(rows, ignore_index=True) if rows else runs_.run_table([])
    return {"runs": runs, "shares": shares_.shares(runs)}


def with_duplicates(count, runs, widths="2", **more):
    return synthetic.run_rows(np.linspace(0.1, 0.5, runs), widths, duplicates=np.arange(runs) < count, **more)


def verdict(identifier, *rows):
    return scorecard.judge(tables_of(*rows)).set_index("claim").loc[identifier]


@pytest.mark.parametrize(
    ("counts", "runs", "expected"),
    [((200, 200), 1000, "holds"), ((200, 400), 1000, "does not hold"), ((200, 20), 1000, "does not hold"),
     ((2, 2), 10, "undecided"), ((200, 290), 1000, "undecided")],
)  # fmt: skip
def test_c1_needs_every_width_within_the_range(counts, runs, expected):
    row = verdict("C1", *(with_duplicates(count, runs, str(2 + index)) for index, count in enumerate(counts)))
    assert row["verdict"] == expected
    assert (row["estimate"], row["n"]) == (pytest.approx(sum(counts) / (2 * runs)), 2 * runs)
    assert (row["low"], row["high"]) == shares_.wilson_interval(sum(counts), 2 * runs)


def test_c1_ignores_width_one_and_biased_runs():
    others = [with_duplicates(0, 1000, "1"), with_duplicates(0, 1000, bias=True), with_duplicates(0, 1000, sweep="others")]
    assert verdict("C1", with_duplicates(200, 1000), *others)["n"] == 1000


@pytest.mark.parametrize(("count", "runs", "expected"), [(0, 1000, "holds"), (0, 20, "undecided"), (100, 1000, "does not hold")])
def test_c2_is_decided_by_the_interval_alone(count, runs, expected):
    assert verdict("C2", with_duplicates(count, runs, bias=True), with_duplicates(runs, runs))["verdict"] == expected


def distinct(n, seed):
    return np.random.default_rng(seed).uniform(0.1, 0.5, n)


def test_c3_holds_for_planted_levels_and_counts_the_runs_on_them():
    narrow = distinct(20, 1)
    wide = np.concatenate([np.repeat(narrow[:4], 5) * (1 + 1e-12), distinct(80, 2)])
    row = verdict("C3", synthetic.run_rows(narrow, "1"), synthetic.run_rows(wide, "2", duplicates=np.arange(100) < 20))
    assert (row["verdict"], row["estimate"], row["n"]) == ("holds", 0.2, 100)
    assert "4 times a loss recurs" in row["detail"] and "20 of 20 runs with duplicates" in row["detail"]


def test_c3_does_not_take_near_misses_for_shared_levels():
    narrow = distinct(20, 3)
    near = narrow * (1 + 1e-6)  # the same level to the paper's 1e-3, not the same loss
    assert verdict("C3", synthetic.run_rows(narrow, "1"), synthetic.run_rows(np.tile(near, 50), "2"))["verdict"] == "does not hold"


def test_c3_compares_runs_at_the_wall_by_their_limits():
    limits = distinct(10, 10)
    excess = {"1": 2e-5, "2": 1e-5}  # the wall stands elsewhere for every width

    def at_the_wall(width, error):
        runs = synthetic.run_rows(limits + excess[width], width, infinite=True)
        return runs.assign(loss_infinity=limits + error * excess[width])

    assert verdict("C3", at_the_wall("1", 0), at_the_wall("2", 0.05))["verdict"] == "holds"
    assert verdict("C3", at_the_wall("1", 0), at_the_wall("2", 0.5))["estimate"] == 0


def test_c3_finds_nothing_between_unrelated_widths_and_is_open_with_few_runs():
    assert verdict("C3", synthetic.run_rows(distinct(300, 4), "1"), synthetic.run_rows(distinct(300, 5), "2"))["verdict"] == "does not hold"
    assert verdict("C3", synthetic.run_rows(distinct(5, 6), "1"), synthetic.run_rows(distinct(5, 7), "2"))["verdict"] == "undecided"


def test_c3_expects_as_many_accidents_as_there_are(monkeypatch):
    monkeypatch.setattr(levels, "IDENTICAL", 1e-4)  # so coarse that unrelated losses do coincide
    narrow, wide = np.exp(distinct(1000, 8)), np.exp(distinct(1000, 9))
    row = verdict("C3", synthetic.run_rows(narrow, "1"), synthetic.run_rows(wide, "2"))
    observed, expected = int(row["detail"].split()[0]), float(row["detail"].split("width, ")[1].split()[0])
    assert abs(observed - expected) < 4 * np.sqrt(expected) and row["verdict"] != "holds"


@pytest.mark.parametrize(("unconverged", "expected"), [(0, "holds"), (1, "holds"), (2, "does not hold")])
def test_c16_asks_for_99_percent_of_the_runs(unconverged, expected):
    rows = synthetic.run_rows(np.ones(50), converged=np.arange(50) >= unconverged), synthetic.run_rows(np.ones(50), "1", bias=True)
    assert verdict("C16", *rows)["verdict"] == expected


GPS = ["gp-s0.1", "gp-s0.5", "gp-s2", "gp-s10"]


def channel_verdict(identifier, *rows, **tables):
    return scorecard.judge(tables_of() | {"channel_runs": pd.concat(rows, ignore_index=True)} | tables).set_index("claim").loc[identifier]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [((20, 30, 40, 50), "holds"), ((50, 40, 30, 20), "does not hold"), ((0, 30, 40, 50), "does not hold"), ((30, 30, 31, 30), "undecided")],
)
def test_c7_asks_for_channels_everywhere_and_more_on_rougher_processes(shares, expected):
    rows = [synthetic.channel_rows("rosenbrock", 100, 30)]
    for dimension in [2, 4, 8]:
        rows += [synthetic.channel_rows(name, 100, count, dimension=dimension) for name, count in zip(GPS, shares, strict=True)]
    row = channel_verdict("C7", *rows)
    assert row["verdict"] == expected and row["n"] == 1300
    slope = np.polyfit(np.log10([0.1, 0.5, 2, 10]), np.array(shares) / 100, 1)[0]
    assert row["estimate"] == pytest.approx(slope, abs=1e-12)


def test_c7_is_open_with_one_network_per_process():
    rows = [synthetic.channel_rows(name, 100, 20 + 10 * number) for number, name in enumerate(GPS)]
    assert channel_verdict("C7", *rows)["verdict"] == "undecided"


@pytest.mark.parametrize(("shift", "expected"), [(0.0, "holds"), (1.0, "does not hold"), (-1.0, "does not hold")])
def test_c8_compares_losses_within_networks(shift, expected):
    rows = []
    for number, dimension in enumerate([2, 4]):
        loss = 10.0**number + np.random.default_rng(number).uniform(0, 0.5, 200)  # networks differ by much more than their runs
        loss[:100] += shift
        rows.append(synthetic.channel_rows("gp-s0.5", 200, 100, dimension=dimension, loss=loss))
    assert channel_verdict("C8", *rows)["verdict"] == expected


@pytest.mark.parametrize(
    ("growth", "smallest", "expected"),
    [(10, 1e-9, "holds"), (1.0, 1e-9, "does not hold"), (0.1, 1e-9, "does not hold"), (10, 0.1, "does not hold")],
)
def test_c9_asks_for_larger_growing_and_tiny_eigenvalues(growth, smallest, expected):
    runs = synthetic.channel_rows("gp-s0.5", 60, 30)
    row = channel_verdict("C9", runs, channel_spectra=synthetic.spectrum_rows(runs, growth, smallest))
    assert row["verdict"] == expected


@pytest.mark.parametrize(("missing", "runs", "expected"), [([], 100, "holds"), (["2"], 100, "undecided"), (["2"], 1000, "does not hold")])
def test_c10_asks_for_every_combination(missing, runs, expected):
    layers = [name for name in channel_shares.layer_combinations(3) if name not in missing for _ in range(3)]
    layers = (layers + [""] * runs)[:runs]
    rows = synthetic.channel_rows("rosenbrock 3 layers", runs, widths="4x4x4", channel_layers=layers)
    table = channel_shares.layer_shares(rows)
    row = channel_verdict("C10", rows, channel_layers=table)
    assert (row["verdict"], row["n"]) == (expected, runs) and row["estimate"] == pytest.approx(3 * (7 - len(missing)) / runs)


@pytest.mark.parametrize(("large", "expected"), [(10, "holds"), (1, "undecided"), (0, "does not hold")])
def test_c11_asks_for_more_than_single_cases(large, expected):
    seeds = 500
    rows = synthetic.channel_rows("gp-s0.5", seeds, seeds, channel_dimension=np.where(np.arange(seeds) < large, 2, 1))
    assert channel_verdict("C11", rows)["verdict"] == expected


@pytest.mark.parametrize(("channels", "first", "expected"), [(90, 0.5, "holds"), (90, 0.95, "does not hold"), (10, 0.5, "does not hold")])
def test_c12_looks_at_runs_that_fulfil_the_other_criteria(channels, first, expected):
    rows = synthetic.channel_rows("gp-s0.5", 200, channels, 100 - channels, first_ratio=first)
    row = channel_verdict("C12", rows)
    assert (row["verdict"], row["n"]) == (expected, 100)


@pytest.mark.parametrize(("erf", "sigmoid", "expected"), [(9, 9, "holds"), (9, 0, "undecided")])
def test_c17_needs_both_activations(erf, sigmoid, expected):
    rows = [synthetic.channel_rows("rosenbrock erf", 90, erf), synthetic.channel_rows("rosenbrock sigmoid", 90, sigmoid)]
    assert channel_verdict("C17", *rows)["verdict"] == expected
    assert channel_verdict("C17", rows[0], synthetic.channel_rows("rosenbrock sigmoid", 900))["verdict"] == "does not hold"


def test_claims_without_runs_are_undecided():
    table = scorecard.judge(tables_of())
    assert set(table["verdict"]) == {"undecided"} and set(table["n"]) == {0} and table["estimate"].isna().all()
    failed = scorecard.judge(tables_of(synthetic.run_rows([np.nan], stop="FAILED", converged=False))).set_index("claim")["verdict"]
    assert set(failed[["C1", "C2", "C3"]]) == {"undecided"} and failed["C16"] == "does not hold"


def test_the_scorecard_names_every_claim_with_its_verdict_and_interval():
    script = Path(__file__).parents[2] / "workflow" / "scripts" / "scorecard.py"
    table = scorecard.judge(tables_of(with_duplicates(200, 1000)))
    text = runpy.run_path(str(script))["as_text"](table)
    for row in table.itertuples():
        assert f"{row.claim:5}{row.verdict}: {row.statement}" in text
    assert "0.2 [0.176, 0.226]" in text
