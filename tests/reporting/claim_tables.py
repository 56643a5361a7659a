"""Planted tables for the tests of claims, and the verdicts on them."""

import numpy as np
import pandas as pd
import synthetic

from flatchannels.reporting import runs as runs_
from flatchannels.reporting import shares as shares_
from flatchannels.reporting.claims import scorecard  # noqa: F401, registers all claims
from flatchannels.reporting.claims.verdict import CLAIMS


def tables_of(*rows):
    runs = pd.concat(rows, ignore_index=True) if rows else runs_.run_table([])
    return {"runs": runs, "shares": shares_.shares(runs)}


def with_duplicates(count, runs, widths="2", **more):
    return synthetic.run_rows(np.linspace(0.1, 0.5, runs), widths, duplicates=np.arange(runs) < count, **more)


def judged(identifier, tables):
    """The verdict on one claim, as a dict."""
    return vars(CLAIMS[identifier].judge(tables))


def verdict(identifier, *rows):
    return judged(identifier, tables_of(*rows))


def neurons(minima=100, wrong=(), seeds=1, agree=True):
    """Rows of saddle_lines of networks of two neurons, one stable inside and one unstable; in the wrong minima `agree` is not so."""
    number, neuron = np.repeat(np.arange(minima), 2), np.tile([0, 1], minima)
    inside = neuron == 0
    other = ~inside if agree != "stable" else inside  # which neurons are left alone
    bad = np.isin(number, wrong) & (True if agree is True else other if agree == "unstable" else inside)
    frame = pd.DataFrame({
        "widths": "2", "bias": False, "dimension": 2, "seed": number, "neuron": neuron, "loss": 0.1 + number / 1000,
        "verdict": np.where(inside, "stable inside", "unstable"), "stable_inside": inside ^ bad, "stable_outside": False,
        "zeros": 1, "zeros_end": np.where(bad, 4, 3),
    })  # fmt: skip
    return pd.concat([frame.assign(seed=frame["seed"] + 1000 * copy) for copy in range(seeds)], ignore_index=True)


def flows(networks=60, returned=1e-14, lower=-1e-3):
    """Rows of escapes: of every network one flow on the plateau, two elsewhere; by how much their loss changes."""
    start = np.tile([-0.5, 0.5, 1.5], networks)
    change = np.where(start == 0.5, np.repeat(np.broadcast_to(returned, networks), 3), np.repeat(np.broadcast_to(lower, networks), 3))
    return pd.DataFrame({"example": "network", "network": np.repeat([f"r2 seed {n}" for n in range(networks)], 3), "start": start,
                         "verdict": "stable inside", "loss_line": 0.5, "loss": 0.5 + change})  # fmt: skip


def channel_verdict(identifier, *rows, **tables):
    return judged(identifier, {"channel_runs": pd.concat(rows, ignore_index=True)} | tables)


def networks(count, setting="gp-s0.5", seeds=20, channels=10, infinite=0, **more):
    """Rows of channel_runs of so many networks, which differ in their dimension; numbers of channels may differ too."""
    alike = {inside: synthetic.channel_rows(setting, seeds, inside, infinite, **more) for inside in set(np.atleast_1d(channels).tolist())}
    found = enumerate(np.broadcast_to(channels, count).tolist(), 1)
    return pd.concat([alike[inside].assign(dimension=number) for number, inside in found], ignore_index=True)


def jumps(excess=2.0, limit_error=2.0, largest=-2.0, offset=0.0, points=12):
    """Rows of the table of jumps along a channel with given exponents, over more than a decade of ε."""
    epsilon = 0.1 * 0.7 ** np.arange(points)
    columns = {name: {"limit_" + name: 1.0, name: 1.0 + offset + 1e-3 * epsilon} for name in ["c", "a", "cosine"]}
    merged = {key: value for group in columns.values() for key, value in group.items()}
    return pd.DataFrame({"stage": "jump", "epsilon": epsilon, "excess": epsilon**excess, "limit_error": 3 * epsilon**limit_error,
                         "largest": 5 * epsilon**largest, **merged})  # fmt: skip


def toy(**changes):
    """The tables of the toy as published, with some things changed."""
    known = {"zeros": (0.7993, 3.2022), "kinds": ["minimum at infinity", "saddle", "minimum at infinity"], "exponent": 2.0,
             "limits": (0.1, 0.01), "gamma": 0.65, "lowest": 0.01} | changes  # fmt: skip
    points = pd.DataFrame({"kind": known["kinds"], "w": [0.866, 2.0, 3.15], "loss": [0.1, 0.2, 0.01]})
    zeros = pd.DataFrame({"kind": "zero of h", "w": known["zeros"], "loss": np.nan})
    flows = pd.DataFrame({
        "data": "infinite", "start": ["channel 1", "channel 2", "plateau"], "loss": [0.1001, known["lowest"] + 1e-4, 0.3],
        "exponent": [known["exponent"], 2.0, np.nan], "limit_loss": [*known["limits"], np.nan], "ratio": 1.0, "stop": "FLAT", "alpha": 0.0,
        "gamma": [9.0, 9.0, known["gamma"]],
    })  # fmt: skip
    return {"toy_limits": pd.concat([points, zeros], ignore_index=True), "toy_flows": flows}


def rates(exponent=0.5, ratio=1.0, settled=True):
    """Rows of toy_rates."""
    rate = np.geomspace(0.075, 0.316, 6)
    return pd.DataFrame({"rate": rate, "ratio": ratio, "settled": settled, "epsilon": 0.5 * rate**exponent})
