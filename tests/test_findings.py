"""The findings are up to date, and say what the published tables say."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

from flatchannels.landscape.geometry import closest_triplet, least_triplet_mean
from flatchannels.names import widths_of
from flatchannels.networks.layout import Layout
from flatchannels.reporting.routes import channel_of_figure_5
from flatchannels.storage.schemas.infinity import JUMPED_NETWORK

ROOT = Path(__file__).parents[1]
FINDINGS = runpy.run_path(str(ROOT / "docs" / "findings" / "make.py"), run_name="findings")
TEXT = FINDINGS["PAGE"].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables():
    return FINDINGS["published"]()


def test_the_page_is_what_the_published_tables_give(tables):
    assert TEXT == FINDINGS["page"](tables), "make findings"


def test_every_claim_has_a_row_with_its_verdict(tables):
    rows = {row[0]: row[2] for row in (re.split(r" *\| *", line)[1:] for line in TEXT.splitlines() if line.startswith("| C"))}
    verdicts = tables["claims"].set_index("claim")["verdict"]
    assert list(rows) == list(verdicts.index)
    for claim, verdict in verdicts.items():
        assert re.match(rf"{verdict}( (at|by|of|where) |$)", rows[claim]), (claim, rows[claim])


def test_shares_are_those_of_the_runs_and_differ_with_them(tables):
    runs = tables["channel_runs"]
    rough = runs[(runs.setting == "gp-s10") & (runs.activation == "softplus")]
    row = next(line for line in TEXT.splitlines() if line.startswith("| s = 10 |"))
    told = [float(cell) for cell in re.findall(r"\| ([\d.]+) \[", row)]
    assert told == pytest.approx([100 * rough[name].mean() for name in FINDINGS["SHARES"]], abs=0.5)
    fewer = tables | {"channel_runs": runs[runs.seed <= 3]}
    assert "the first 3 of 50 initialisations" in FINDINGS["page"](fewer)
    assert f"The other {FINDINGS['grouped'](136 * 47)} runs" in FINDINGS["page"](fewer)


def test_with_all_runs_none_is_said_to_be_missing(tables):
    runs = tables["channel_runs"]
    first = runs[runs.seed == 1]
    every = pd.concat([first.assign(seed=seed) for seed in range(1, 51)])
    page = FINDINGS["page"](tables | {"channel_runs": every})
    assert "all 50 initialisations of" in page and "The other" not in page.split("## Claim by claim")[0]


def test_figure_5_follows_the_channel_that_is_the_one_to_show_of_all_published():
    routes, jumps = (pd.read_parquet(FINDINGS["TABLES"] / f"{name}.parquet") for name in ("routes", "jumps"))
    chosen = channel_of_figure_5(routes[(routes.sweep == "channels") & (routes.activation == "softplus")])
    assert (jumps[list(JUMPED_NETWORK)] == chosen[list(JUMPED_NETWORK)]).all(axis=None)


def test_the_closest_triplets_are_those_of_the_published_ends():
    ends, runs, layers = (pd.read_parquet(FINDINGS["TABLES"] / f"{name}.parquet") for name in ("ends", "channel_runs", "channels"))
    network = ["family", "dimension", "activation", "widths", "seed"]
    places = runs[[*network, "dataset"]].merge(ends[ends.sweep == "channels"], on=["dataset", *network[1:]])
    rows = layers[layers.triplet_cosine.notna()].merge(places[[*network, "theta"]], on=network)
    assert len(rows) == layers.triplet_cosine.notna().sum()
    for row in rows.sample(200, random_state=1).itertuples():
        layer = Layout(row.dimension, widths_of(row.widths), bool(row.bias)).hidden_layers[row.layer - 1]
        weights = row.theta[layer.rows]
        weights = weights[weights.any(axis=1)]
        expected = closest_triplet(weights)[3], least_triplet_mean(weights)
        assert (row.triplet_cosine, row.triplet_mean) == pytest.approx(expected, rel=1e-9)


def test_c13_is_told_with_the_errors_of_its_exponents():
    row = next(line for line in TEXT.splitlines() if line.startswith("| C13 |"))
    assert len(re.findall(r"[\d.]+ ± \S+", row)) == 3


def test_a_claim_in_other_words_is_not_overlooked(tables):
    claims = tables["claims"].assign(detail=tables["claims"]["detail"].str.replace("expected by accident", "by chance"))
    with pytest.raises(ValueError, match="expected by accident.*in other words"):
        FINDINGS["details"](tables | {"claims": claims})


def test_neither_is_an_exponent_without_its_error(tables):
    claims = tables["claims"].assign(detail=tables["claims"]["detail"].str.replace(r" ± \S+, largest", ", largest", regex=True))
    with pytest.raises(ValueError, match="largest.*in other words"):
        FINDINGS["details"](tables | {"claims": claims})


def test_pairs_that_the_claim_and_the_tables_count_differently_are_not_told(tables):
    with pytest.raises(ValueError, match="C6 counts"):
        FINDINGS["parallel_pairs"](tables | {"channel_updates": tables["channel_updates"].iloc[1:]})


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (0.00867, "0.9"), (0.203, "20"), (0.9898, "99"), (0.99495, "99.5"), (0.9991, "99.9"), (1.0, "100")],
)
def test_per_cent_has_a_digit_more_near_none_and_all(value, words):
    assert FINDINGS["percent"](value) == words
