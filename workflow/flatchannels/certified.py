"""Certificates for networks of one's own: where do the groups that the inspector finds lead?

The inspector knows neurons and groups; the engine knows minima at infinity. This module alone knows both.

A network that was trained elsewhere is rarely at rest, and never at the norm wall. So it is first brought to the minimum that belongs
to its own distance ε from infinity, with the engine's coordinates of channels (`infinity.charts`); there the slope h predicts its
loss. Source: paper, sections 3 and 4; the certificate is this project's.
"""

import math

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.polish import polish
from flatchannels.infinity.certificates import CERTIFIED, UNDECIDED, UNLIKE_PREDICTED, VERDICTS, Route, certify, follow_pairs
from flatchannels.infinity.charts import Chart
from flatchannels.infinity.layered_candidates import candidate_of_pairs
from flatchannels.infinity.routes import find_route
from flatchannels.inspection.certificate import DOES_NOT_APPLY, Certificate
from flatchannels.inspection.model import Model
from flatchannels.inspection.samples import Samples
from flatchannels.inspection.structure import LayerStructure
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network

Array = NDArray[np.float64]

MOST_PARAMETERS = 600  # parameters up to which Newton's method with whole Hessians is tried
MOST_PRODUCTS = 1_000_000_000  # samples times parameters squared, of one Hessian: about a second
ITERATIONS = 60  # of it


def certificate(model: Model, structures: tuple[LayerStructure, ...], samples: Samples) -> Certificate:
    """The certificate of a network under the mean squared error, by its groups of neurons.

    First the engine's own search for a route to infinity (which knows more routes than groups); then, if it finds no certificate and
    all groups are pairs of the same orientation, these pairs alone, from the minimum at their own ε.

    Parameters
    ----------
    model : Model
    structures : tuple of LayerStructure
        Of the model's hidden layers.
    samples : Samples

    Returns
    -------
    Certificate
    """
    why = _why_not(model, structures, len(samples.x))
    if why:
        return Certificate(DOES_NOT_APPLY, why)
    network = Network(samples.x.shape[1], model.widths, str(model.activation), model.layers[0].b is not None)
    groups = [(structure.layer - 1, group) for structure in reversed(structures) for group in structure.groups]
    upright = all(group.kind == "pair" and min(group.signs) > 0 for _, group in groups)
    pairs = [(layer, *group.neurons) for layer, group in groups] if upright else []
    try:
        with np.errstate(all="ignore"):  # steps too long, which the engine refuses
            return _told(_best_route(network, samples.dataset, model.theta, pairs))
    except (np.linalg.LinAlgError, FloatingPointError, OverflowError) as error:
        return Certificate(UNDECIDED, f"the search for a minimum at infinity broke down: {error}")


def _best_route(network: Network, data: Dataset, theta: Array, pairs: list[tuple[int, ...]]) -> Route:
    """The route with the best verdict: the engine's, or that of the pairs alone."""
    found = find_route(network, data, theta)
    if found.verdict == CERTIFIED or not pairs:
        return found
    chart = Chart(network, data, theta, pairs)
    rest = polish(chart.at(1.0), chart.start, max_iterations=ITERATIONS)
    there = chart.at(1.0).theta(rest.theta)
    alone = certify(candidate_of_pairs(network, data, there, pairs), rest.loss, 0.0)
    if alone.reason == UNLIKE_PREDICTED:
        follow_pairs(alone, network, data, there, rest.loss)
    return min(found, alone, key=lambda route: VERDICTS.index(route.verdict))


def _why_not(model: Model, structures: tuple[LayerStructure, ...], samples: int) -> str:
    """Why there can be no certificate; "" if there can."""
    biases = [layer.b is not None for layer in model.layers]
    if not any(structure.groups for structure in structures):
        return "there is no group"
    if len(model.layers[-1].W) != 1:
        return f"the network has {len(model.layers[-1].W)} outputs; certificates are for one"
    if ACTIVATIONS[str(model.activation)].homogeneous:
        return f"{model.activation} has no smooth limit"
    if any(biases) != all(biases):
        return "some layers have biases and some have none; certificates are for all or none"
    if model.parameters > MOST_PARAMETERS:
        return f"the network has {model.parameters} parameters; certificates are tried up to {MOST_PARAMETERS}"
    if samples * model.parameters**2 > MOST_PRODUCTS:
        return f"{samples} samples take too long for Hessians; with {MOST_PRODUCTS // model.parameters**2} of them it is tried"
    return ""


def _told(route: Route) -> Certificate:
    def value(number: float) -> float | None:
        return float(number) if math.isfinite(number) else None

    return Certificate(
        route.verdict, route.reason, route.route, value(route.loss_infinity), value(route.gradient_norm), value(route.hessian_min),
        value(route.hessian_max), value(route.ratio), tuple(map(float, route.h)), tuple(map(float, route.epsilon)),
    )  # fmt: skip
