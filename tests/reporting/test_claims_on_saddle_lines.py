"""Verdicts on saddle lines turn with planted neurons, flows and updates: C4 to C6."""

import numpy as np
import pandas as pd
import pytest
import synthetic
from claim_tables import flows, judged, neurons

from flatchannels.reporting.groups import NETWORK


def line_verdict(identifier, lines, escapes=None):
    return judged(identifier, {"saddle_lines": lines} | ({} if escapes is None else {"escapes": escapes}))


half = np.arange(100) % 2 == 0


@pytest.mark.parametrize(
    ("lines", "escapes", "expected"),
    [(neurons(), flows(), "holds"),
     (neurons(wrong=range(50)), flows(), "does not hold"),  # Hessian and matrix disagree
     (neurons(wrong=range(50), agree="stable"), flows(), "does not hold"),  # at the stable neurons alone
     (neurons(wrong=range(50), agree="unstable"), flows(), "does not hold"),  # at the unstable ones alone
     (neurons(), flows(100, returned=np.where(half, 1e-14, -1e-3)), "does not hold"),  # a plateau that does not hold
     (neurons(), flows(100, lower=np.where(half, -1e-3, 0.0)), "does not hold"),  # flows from elsewhere that stay
     (neurons(), flows(1), "undecided"),  # one network shows too little
     (neurons(), flows(0), "undecided"),
     (neurons(3), flows(), "undecided"),
     (neurons().query("verdict == 'unstable'"), flows(), "undecided"),  # no stable neuron at all
     (neurons().query("verdict != 'unstable'"), flows(), "undecided"),
     (neurons(wrong=range(10)), flows(), "undecided")],
)  # fmt: skip
def test_c4_asks_for_stable_and_unstable_neurons_and_for_flows_of_many_networks(lines, escapes, expected):
    assert line_verdict("C4", lines, escapes)["verdict"] == expected


def test_c4_and_c5_count_minima_not_seeds_nor_neurons():
    few = neurons(3, seeds=500)
    for identifier in ["C4", "C5"]:
        row = line_verdict(identifier, few, flows())
        assert (row["verdict"], row["n"], row["counted"]) == ("undecided", 3, "distinct minima")


@pytest.mark.parametrize(("lines", "expected"), [(neurons(), "holds"), (neurons(wrong=range(50)), "does not hold"),
                                                 (neurons(5), "undecided"), (neurons(wrong=range(9)), "undecided")])  # fmt: skip
def test_c5_asks_for_the_extra_zeros_at_nearly_all_minima(lines, expected):
    assert line_verdict("C5", lines)["verdict"] == expected


def updates(networks=20, seeds=20, cosine=0.9999, fall=1e-6, rise=0.0):
    """Rows of channel_updates."""
    rows = synthetic.channel_rows("rosenbrock", seeds)[["sweep", *NETWORK, "seed"]].drop(columns="dimension")
    rows = pd.concat([rows.assign(dimension=dimension + 1) for dimension in range(networks)], ignore_index=True)
    return rows.assign(cosine=cosine, last=cosine, fall=fall, rise=rise, aligned=True)


alternating = np.where(np.arange(400) % 2, 0.9999, 0.5)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(updates(60), "holds"),
     (updates(60, rise=5e-8), "holds"),  # what the integrator's tolerance adds to a real fall
     (updates(cosine=alternating), "does not hold"),  # half of the updates are not parallel
     (updates(fall=0.0), "does not hold"),  # a loss that stands still
     (updates(fall=1e-12, rise=1e-9), "does not hold"),  # a loss that is noise
     (updates(fall=-1e-3, rise=1e-3), "does not hold"),  # a loss that rises
     (updates(rise=2e-6), "does not hold"),
     (updates(), "undecided"),  # what all runs of twenty networks do, one in ten of other networks may not
     (updates(networks=1), "undecided"), (updates(networks=2, seeds=3), "undecided"), (updates()[:0], "undecided")],
)  # fmt: skip
def test_c6_asks_for_parallel_updates_and_a_loss_that_falls(rows, expected):
    row = judged("C6", {"channel_updates": rows})
    assert row["verdict"] == expected


def test_c6_tells_of_the_runs_that_a_certificate_selects():
    """Half of the runs are parallel: those with a certified pair."""
    rows = updates(cosine=alternating)
    routes = rows.assign(route="pair", verdict=np.where(alternating > 0.9, "certified", "undecided"))
    detail = judged("C6", {"channel_updates": rows, "routes": routes})["detail"]
    assert "with a certified pair at infinity: 200/200" in detail and "parallel: 200/400" in detail
    triples = judged("C6", {"channel_updates": rows, "routes": routes.assign(route="triple")})["detail"]
    assert "with a certified pair at infinity: 0/0" in triples
