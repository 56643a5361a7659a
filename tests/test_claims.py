"""Verdicts follow from planted tables, and stay open where the runs are too few to tell."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels import claims, statistics


def tables_of(*rows):
    runs = pd.concat(rows, ignore_index=True) if rows else statistics.run_table([])
    return {"runs": runs, "shares": statistics.shares(runs)}


def with_duplicates(count, runs, widths="2", **more):
    return synthetic.run_rows(np.linspace(0.1, 0.5, runs), widths, duplicates=np.arange(runs) < count, **more)


def verdict(identifier, *rows):
    return claims.judge(tables_of(*rows)).set_index("claim").loc[identifier]


@pytest.mark.parametrize(
    ("counts", "runs", "expected"),
    [((200, 200), 1000, "holds"), ((200, 400), 1000, "does not hold"), ((200, 20), 1000, "does not hold"),
     ((2, 2), 10, "undecided"), ((200, 290), 1000, "undecided")],
)  # fmt: skip
def test_c1_needs_every_width_within_the_range(counts, runs, expected):
    row = verdict("C1", *(with_duplicates(count, runs, str(2 + index)) for index, count in enumerate(counts)))
    assert row["verdict"] == expected
    assert (row["estimate"], row["n"]) == (pytest.approx(sum(counts) / (2 * runs)), 2 * runs)
    assert (row["low"], row["high"]) == statistics.wilson_interval(sum(counts), 2 * runs)


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
    monkeypatch.setattr(claims, "IDENTICAL", 1e-4)  # so coarse that unrelated losses do coincide
    narrow, wide = np.exp(distinct(1000, 8)), np.exp(distinct(1000, 9))
    row = verdict("C3", synthetic.run_rows(narrow, "1"), synthetic.run_rows(wide, "2"))
    observed, expected = int(row["detail"].split()[0]), float(row["detail"].split("width, ")[1].split()[0])
    assert abs(observed - expected) < 4 * np.sqrt(expected) and row["verdict"] != "holds"


@pytest.mark.parametrize(("unconverged", "expected"), [(0, "holds"), (1, "holds"), (2, "does not hold")])
def test_c16_asks_for_99_percent_of_the_runs(unconverged, expected):
    rows = synthetic.run_rows(np.ones(50), converged=np.arange(50) >= unconverged), synthetic.run_rows(np.ones(50), "1", bias=True)
    assert verdict("C16", *rows)["verdict"] == expected


def test_claims_without_runs_are_undecided():
    table = claims.judge(tables_of())
    assert set(table["verdict"]) == {"undecided"} and set(table["n"]) == {0} and table["estimate"].isna().all()
    failed = claims.judge(tables_of(synthetic.run_rows([np.nan], stop="FAILED", converged=False))).set_index("claim")["verdict"]
    assert set(failed[["C1", "C2", "C3"]]) == {"undecided"} and failed["C16"] == "does not hold"


def test_the_scorecard_names_every_claim_with_its_verdict_and_interval():
    script = Path(__file__).parents[1] / "workflow" / "scripts" / "scorecard.py"
    table = claims.judge(tables_of(with_duplicates(200, 1000)))
    text = runpy.run_path(str(script))["as_text"](table)
    for row in table.itertuples():
        assert f"{row.claim:5}{row.verdict}: {row.statement}" in text
    assert "0.2 [0.176, 0.226]" in text
