"""Verdicts on channels turn with planted runs and spectra: C7 to C12 and C17."""

import re

import numpy as np
import pandas as pd
import pytest
import synthetic
from claim_tables import channel_verdict, networks

from flatchannels.reporting import channel_shares

GPS = ["gp-s0.1", "gp-s0.5", "gp-s2", "gp-s10"]


def processes(shares, count=12, seeds=50):
    """Runs on the processes of GPS and on Rosenbrock, with the given numbers of channels of every network."""
    return [networks(count, name, seeds, share) for name, share in zip(["rosenbrock", *GPS], [15, *shares], strict=True)]


@pytest.mark.parametrize(
    ("shares", "count", "expected"),
    [((10, 15, 20, 25), 12, "holds"), ((25, 20, 15, 10), 12, "does not hold"), ((0, 15, 20, 25), 12, "undecided"),
     ((0, 15, 20, 25), 150, "does not hold"), ((15, 15, 15, 15), 12, "undecided")],
)  # fmt: skip
def test_c7_asks_for_channels_everywhere_and_more_on_rougher_processes(shares, count, expected):
    """That none of twelve networks has any says little of others: their runs may be alike."""
    row = channel_verdict("C7", *processes(shares, count))
    assert (row["verdict"], row["n"], row["counted"]) == (expected, 250 * count, f"runs of {5 * count} networks")
    slope = np.polyfit(np.log10([0.1, 0.5, 2, 10]), np.array(shares) / 50, 1)[0]
    assert row["estimate"] == pytest.approx(slope, abs=1e-12)


def test_c7_is_open_with_one_network_per_process():
    rows = [synthetic.channel_rows(name, 1000, 200 + 100 * number) for number, name in enumerate(GPS)]
    assert channel_verdict("C7", *rows)["verdict"] == "undecided"


def test_c7_does_not_take_the_seeds_of_one_network_for_a_dataset():
    """Half of the runs, but all of the same few networks: of other networks this says little."""
    rows = processes((10, 15, 20, 25), count=4)
    rows[0] = networks(4, "rosenbrock", 500, [500, 0, 0, 0])
    assert channel_verdict("C7", *rows)["verdict"] == "undecided"


def test_c7_is_decided_by_the_originals_reading_and_tells_the_others():
    rows = pd.concat(processes((10, 15, 20, 25)), ignore_index=True)
    never = channel_verdict("C7", pd.concat(processes((10, 15, 20, 25), 150, 4)).assign(channel=False))
    assert never["verdict"] == "does not hold" and re.search(r"^rosenbrock +0/600", never["detail"], re.MULTILINE)
    told = channel_verdict("C7", rows.assign(channel_span=False, channel_pair=True))
    assert told["verdict"] == "holds"
    assert re.search(r"^rosenbrock +180/600 \(.*\) +0/600 \(.*\) +600/600 \(", told["detail"], re.MULTILINE)


def test_c7_tells_the_increase_by_the_other_readings_and_of_certified_pairs():
    rows = pd.concat(processes((10, 15, 20, 25)), ignore_index=True)
    rough = rows["setting"] == "gp-s10"
    runs = rows.assign(channel_span=rows["channel"] & ~rough, channel_pair=rows["channel"])
    pairs = rows[rows["channel"] & ~rough].assign(route="pair", verdict="certified")
    steep = rows[rows["channel"] & rough].assign(route="steep", verdict="certified")
    row = channel_verdict("C7", runs, routes=pd.concat([pairs, steep]))
    assert row["verdict"] == "holds"
    scales, counts = np.log10([0.1, 0.5, 2, 10]), np.array([10, 15, 20, 0])
    slope, all_pairs = np.polyfit(scales, counts / 50, 1)[0], np.polyfit(scales, [0.2, 0.3, 0.4, 0.5], 1)[0]
    for words, expected in [("the rows of the group alone", slope), ("conditions 1 + 2 alone", all_pairs), ("triple on the route", slope)]:
        assert float(re.search(rf"{re.escape(words)} (-?[0-9.]+) \(", row["detail"])[1]) == pytest.approx(expected, abs=6e-4)


def losses(shift, seeds=40, count=10):
    """Two kinds of runs of each network, whose losses differ by given factors; networks differ by much more than their runs."""
    rows = networks(count, seeds=seeds, channels=seeds // 2)
    for number, (_, group) in enumerate(rows.groupby("dimension")):
        values = 10.0**number * np.exp(np.random.default_rng(number).normal(0, 0.1, seeds))
        values[: seeds // 2] *= shift
        rows.loc[group.index, "loss"] = values
    return rows


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(1.0, "holds"), (100.0, "does not hold"), (0.01, "does not hold"), (np.tile([100.0, 0.01], 10), "does not hold"),
     (np.tile([1.0, 1.0, 1.0, 1000.0], 5), "does not hold"), (1.2, "does not hold")],
)  # fmt: skip
def test_c8_compares_the_distributions_of_losses_within_networks(shift, expected):
    """The fourth as often lower as higher, by a factor of 100; the last in the mean by a fifth, but in nearly all comparisons."""
    assert channel_verdict("C8", losses(shift))["verdict"] == expected


def test_c8_estimates_the_factor_and_is_open_with_few_networks():
    row = channel_verdict("C8", losses(100.0, seeds=400))
    assert row["estimate"] == pytest.approx(100, rel=0.02) and row["low"] < row["estimate"] < row["high"]
    assert channel_verdict("C8", losses(1.0, count=1, seeds=1000))["verdict"] == "undecided"
    assert channel_verdict("C8", losses(1.0, count=3, seeds=4))["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("growth", "smallest", "finite", "expected"),
    [(10, 1e-9, 1e-2, "holds"), (1.0, 1e-9, 1e-2, "does not hold"), (0.1, 1e-9, 1e-2, "does not hold"),
     (10, 0.1, 1e-2, "does not hold"), (10, 1e-9, 1e-9, "does not hold")],
)  # fmt: skip
def test_c9_asks_for_larger_growing_and_smaller_eigenvalues(growth, smallest, finite, expected):
    """The last: as tiny in channels as at finite norm, relative to a λ_max that is larger."""
    runs = networks(10, seeds=20)
    row = channel_verdict("C9", runs, channel_spectra=synthetic.spectrum_rows(runs, growth, smallest, finite))
    assert row["verdict"] == expected


def test_c9_is_open_with_few_networks():
    runs = networks(2, seeds=6, channels=3)
    assert channel_verdict("C9", runs, channel_spectra=synthetic.spectrum_rows(runs))["verdict"] == "undecided"


@pytest.mark.parametrize(("missing", "runs", "expected"), [([], 100, "holds"), (["2"], 100, "undecided"), (["2"], 3000, "does not hold")])
def test_c10_asks_for_every_combination(missing, runs, expected):
    layers = [name for name in channel_shares.layer_combinations(3) if name not in missing for _ in range(3)]
    layers = (layers + [""] * runs)[:runs]
    inside = [name != "" for name in layers]
    rows = synthetic.channel_rows("rosenbrock 3 layers", runs, widths="4x4x4", channel_layers=layers, channel=inside)
    rows["dimension"] = np.arange(runs) % 600 + 1
    row = channel_verdict("C10", rows)
    assert (row["verdict"], row["n"], row["counted"]) == (expected, runs, f"runs of {min(runs, 600)} networks")
    assert row["estimate"] == pytest.approx(3 * (7 - len(missing)) / runs)


def test_c10_does_not_say_never_of_other_networks_from_the_runs_of_one():
    rows = synthetic.channel_rows("rosenbrock 3 layers", 5000, 3000, widths="4x4x4", channel_layers="1")
    assert channel_verdict("C10", rows)["verdict"] == "undecided"


@pytest.mark.parametrize(("large", "count", "expected"), [(3, 20, "holds"), (0, 600, "does not hold"), (0, 50, "undecided"),
                                                          (3, 1, "undecided")])  # fmt: skip
def test_c11_asks_for_more_than_single_cases(large, count, expected):
    rows = networks(count, seeds=50, channels=50, channel_dimension=np.where(np.arange(50) < large, 2, 1))
    row = channel_verdict("C11", rows)
    assert (row["verdict"], row["n"]) == (expected, 50 * count)


def test_settings_are_told_in_the_order_of_their_scale():
    detail = channel_verdict("C11", *(networks(3, name, channels=10) for name in ["gp-s10", "gp-s2", "gp-s0.5"]))["detail"]
    assert detail.index("gp-s0.5") < detail.index("gp-s2") < detail.index("gp-s10")


@pytest.mark.parametrize(("channels", "first", "expected"), [(90, 0.5, "holds"), (90, 0.95, "does not hold"), (10, 0.5, "does not hold"),
                                                             (50, 0.5, "undecided")])  # fmt: skip
def test_c12_looks_at_runs_that_fulfil_the_other_criteria(channels, first, expected):
    rows = networks(10, seeds=200, channels=channels, infinite=100 - channels, first_ratio=first)
    row = channel_verdict("C12", rows)
    assert (row["verdict"], row["n"]) == (expected, 1000)


@pytest.mark.parametrize(("erf", "sigmoid", "expected"), [(9, 9, "holds"), (9, 0, "does not hold"), (0, 9, "does not hold")])
def test_c17_needs_both_activations(erf, sigmoid, expected):
    rows = [networks(600, "rosenbrock erf", 90, erf), networks(600, "rosenbrock sigmoid", 90, sigmoid)]
    assert channel_verdict("C17", *rows)["verdict"] == expected
    assert channel_verdict("C17", rows[0], networks(2, "rosenbrock sigmoid", 20, 0))["verdict"] == ("undecided" if erf else expected)


def test_c17_counts_neurons_up_to_the_symmetry():
    rows = [networks(30, f"rosenbrock {name}", 90, 0, channel_turned=np.arange(90) < 9) for name in ["erf", "sigmoid"]]
    row = channel_verdict("C17", *rows)
    assert row["verdict"] == "holds" and row["estimate"] == pytest.approx(0.1) and "0 without the symmetry" in row["detail"]
