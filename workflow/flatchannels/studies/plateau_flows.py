"""Flows from the saddle lines of many networks: from a plateau they return, from elsewhere they end lower.

One plateau in all detail is what Figure 2 shows (`saddle_examples.plateau`). That the same happens elsewhere is shown here, by three
flows from the line of one neuron of every minimum that has a stable one.

Source: paper, section 2, Figures 2d and A2.
"""

from typing import Any

import numpy as np
import pandas as pd

from flatchannels.data.dataset import Dataset
from flatchannels.landscape.escapes import perturbed_flow
from flatchannels.landscape.saddle_lines import Stability, saddle_line
from flatchannels.networks.network import network_of
from flatchannels.reporting.levels import distinct_minima
from flatchannels.storage.run_records import read_runs
from flatchannels.studies.saddle_examples import PLATEAU_SIZE
from flatchannels.studies.saddle_tables import LINE_KEYS, network_label, runs_of

START_GAMMAS = (-0.5, 0.5, 1.5)  # γ: one on the plateau between 0 and 1 and two outside, or one outside and two on the plateaus there
MOST_NETWORKS = 60  # whose flows take a minute; if all do as predicted, C4 can tell that nine of ten networks do
SAMPLES_KEPT = 50  # kept of each flow


def choose_neurons(lines: pd.DataFrame, most: int = MOST_NETWORKS) -> pd.DataFrame:
    """Of every minimum the neuron with a stable segment whose matrix is the most definite.

    Where there are more minima than `most`, these are spread evenly over all, which are in the order of width, bias and loss.

    Parameters
    ----------
    lines : DataFrame
        The table saddle_lines.
    most : int

    Returns
    -------
    DataFrame
        Rows of the table.
    """
    lines = distinct_minima(lines)
    lines = lines[lines["verdict"].isin([Stability.STABLE_INSIDE.value, Stability.STABLE_OUTSIDE.value])]
    definite = lines[["matrix_min", "matrix_max"]].abs().min(axis=1)
    best = lines.loc[definite.groupby(lines["minimum"]).idxmax()].sort_values(["widths", "bias", "loss"])
    return best.iloc[np.unique(np.linspace(0, len(best) - 1, min(most, len(best))).round().astype(int))] if len(best) else best


def network_flows(rows: pd.DataFrame, datasets: dict[str, Dataset]) -> list[dict[str, Any]]:
    """The flows from Γ(γ), γ in START_GAMMAS, perturbed along the lowest eigenvector.

    Parameters
    ----------
    rows : DataFrame
        As from `choose_neurons`.
    datasets : mapping
        Name → Dataset.

    Returns
    -------
    list of dict
        Rows of the table escapes, in JSON types.
    """
    flows = []
    for row in rows.to_dict("records"):
        meta, arrays = read_runs(row["record"], LINE_KEYS)
        net, theta = network_of(meta), next(run["theta"] for run in runs_of(arrays) if run["seed"] == row["seed"])
        line = saddle_line(net, theta, row["neuron"])
        for gamma in START_GAMMAS:
            flow = perturbed_flow(datasets[row["dataset"]], line, gamma, PLATEAU_SIZE, samples=SAMPLES_KEPT)
            numbers = {"start": flow.start, "size": flow.size, "curvature": flow.curvature, "loss_line": row["loss"],
                       "loss": flow.loss[-1], "gamma": flow.gamma[-1], "distance": flow.distance[-1], "rise": flow.rise}  # fmt: skip
            flows.append({"example": "network", "network": network_label(net, row["seed"]), "seed": int(row["seed"]),
                          "neuron": int(row["neuron"]), "verdict": row["verdict"], "back": False, "stop": flow.stop.name}
                         | {key: float(value) for key, value in numbers.items()})  # fmt: skip
    return flows
