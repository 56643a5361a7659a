"""Pictures of runs, by matplotlib, without a backend of their own."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flatchannels.inspection.pictures import COLOURS
from flatchannels.landscape.geometry import cosine_distances
from flatchannels.networks.norm import weight_norm

if TYPE_CHECKING:
    from flatchannels.runs.run import Run


def closest_pairs(run: "Run") -> NDArray[np.float64]:
    """The least 1 − cos(w_i, w_j) of each hidden layer along a run; biases count as weights.

    Parameters
    ----------
    run : Run

    Returns
    -------
    (samples, layers)
        NaN where a layer has no two neurons with a direction.

    Notes
    -----
    Source: paper, Appendix B.3, condition 2.
    """
    layers = len(run.network.widths)
    distances = np.full((len(run.flow.t), layers), np.nan)
    for k, theta in enumerate(run.flow.theta):
        for layer, matrix in enumerate(run.network.matrices(theta)[:layers]):
            pairs = cosine_distances(matrix)[np.triu_indices(len(matrix), 1)]
            known = pairs[np.isfinite(pairs)]
            distances[k, layer] = known.min() if known.size else np.nan
    return distances


def run_figure(run: "Run") -> Figure:
    """Loss, norm ‖θ‖, λ_max and the closest pair of each hidden layer against t, all on logarithmic axes.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    (loss, norm), (largest, closest) = figure.subplots(2, 2, sharex=True)
    later = run.flow.t > 0
    t = run.flow.t[later]
    loss.plot(t, run.flow.loss[later], color=COLOURS[0])
    loss.axhline(run.loss, color="black", lw=0.8, ls="--", label=f"at the end, {run.loss:.4g}")
    loss.set(ylabel="loss")
    norm.plot(t, [weight_norm(theta) for theta in run.flow.theta[later]], color=COLOURS[0])
    if run.flow.weight_norm > 0.1 * run.settings["maxnorm"]:
        norm.axhline(run.settings["maxnorm"], color="black", lw=0.8, ls="--", label="norm wall")
    norm.set(ylabel="‖θ‖ = Σθ²/(2P)")
    known = (run.spectrum_t > 0) & (run.spectrum_max > 0)
    largest.plot(run.spectrum_t[known], run.spectrum_max[known], color=COLOURS[0])
    largest.set(ylabel="λ_max of the Hessian")
    for number, distances in enumerate(closest_pairs(run)[later].T, 1):
        positive = np.where(distances > 0, distances, np.nan)  # a distance of 0, of equal neurons, has no place on the axis
        closest.plot(t, positive, color=COLOURS[(number - 1) % len(COLOURS)], label=f"layer {number}")
    closest.set(ylabel="closest pair, 1 − cos")
    for axis in (loss, norm, largest, closest):
        axis.set(xscale="log", yscale="log")
        if len(axis.lines) > 1:
            axis.legend(frameon=False, fontsize="small")
    for axis in (largest, closest):
        axis.set(xlabel="t, of the flow of the mean loss")
    name = "" if run.seed is None else f", seed {run.seed}"
    figure.suptitle(f"{run.network.activation}, widths {' '.join(map(str, run.network.widths))}{name}: {run.stop.name}")
    return figure
