"""Every run has one kind of end, and a sweep's axes are the columns in which its runs differ."""

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels.reporting.end_shares import AXES, end_shares, kinds, varying
from flatchannels.reporting.shares import wilson_interval
from flatchannels.storage.schemas.sweeps import END_KINDS

# Kind → what tells it in the table of runs.
PLANTED = {
    "failed": {"stop": "FAILED", "converged": False},
    "exact fit": {"stop": "EXACT", "duplicates": 1},
    "channel": {"infinite": True, "channel": True, "stop": "WALL"},
    "norm wall": {"infinite": True, "stop": "WALL"},
    "plateau saddle": {"duplicates": 2, "stop": "FLAT"},
    "minimum": {},
    "not converged": {"converged": False, "duplicates": 1, "stop": "BUDGET"},
}


def planted(counts, **more):
    """Runs of each kind, as many as asked for."""
    clear = {"infinite": False, "channel": False, "converged": True, "duplicates": 0, "stop": "STATIONARY"}
    rows = [synthetic.channel_rows("t", count).assign(**clear | PLANTED[kind] | more) for kind, count in counts.items()]
    return pd.concat(rows, ignore_index=True)


def test_every_kind_is_told():
    assert set(PLANTED) == set(END_KINDS)
    runs = planted(dict.fromkeys(PLANTED, 2))
    assert kinds(runs).tolist() == list(np.repeat(list(PLANTED), 2))
    assert kinds(runs[:0]).empty


def test_shares_are_those_of_each_network_and_protocol_with_wilsons_intervals():
    first, second = planted({"exact fit": 3, "failed": 1}), planted({"channel": 4, "minimum": 1}, initial_scale=0.1)
    table = end_shares(pd.concat([first, second], ignore_index=True))
    assert len(table) == 2 * len(END_KINDS) and (table.groupby("initial_scale")["count"].sum() == [5, 4]).all()
    row = table[(table["initial_scale"] == 0.1) & (table["end"] == "channel")].iloc[0]
    assert (row["count"], row["runs"], row["share"]) == (4, 5, 0.8) and (row["low"], row["high"]) == pytest.approx(wilson_interval(4, 5))
    assert end_shares(first[:0]).empty


def test_axes_are_what_varies():
    one = planted({"minimum": 2})
    other = planted({"minimum": 2}, rate=0.1, optimiser="sgd", widths="8")
    assert varying(one) == [] and varying(pd.concat([one, other])) == ["widths", "optimiser", "rate"]
    assert set(AXES) >= {"family", "dimension", "activation", "bias", "initial_scale", "scheme", "maxnorm"}


def test_an_optimisers_run_that_the_finish_brings_to_0_is_an_exact_fit():
    """Its stop is the budget; with targets of any size, and only at rest."""
    for size in (1.0, 1e-8, 1e8):
        runs = planted({"minimum": 4}, stop="BUDGET", loss_initial=size)
        runs["loss"] = np.array([1e-30, 1e-26, 1e-20, 1e-30]) * size
        runs.loc[3, "converged"] = False
        assert kinds(runs).tolist() == ["exact fit", "exact fit", "minimum", "not converged"]
