"""What data say about the groups of a network: their limits and merged neurons in their place, the slope h, the spectrum.

A group of n neurons w_i = w + d_i is replaced by its limit, the Taylor polynomial of order n − 1 about the mean w,

    Σ a_i σ(w_i·x)  →  c σ(w·x) + (v·x) σ'(w·x) + ½ Σ a_i (d_i·x)² σ''(w·x) + …,      c = Σ a_i,  v = Σ a_i d_i,

for a pair the gated linear unit, or by the merged neuron c σ(w·x). Output weights a_i are vectors. If the loss hardly changes with
the limit and changes with the merged neuron, the group computes a derivative: it is in a channel. If it changes with neither,
the group is one neuron.

The slope of a pair is ∂L/∂ε² at fixed w, c, Δ and a = ε (a_i − a_j): positive where the loss falls towards infinity, 0 at a minimum
of finite ε. Its leading order in ε is h, taken with the residuals of the network as it is. If the network is at rest but for
its way along the channel, they are those of the minimum at this ε, and both tend to the h at infinity; with the residuals of the limit
h would be off by 2 ε² ⟨f₂²⟩, which is often more than h. Where slope and h differ, ε is too large for the leading order.

Source: paper, sections 3 and 4, Appendix C (with vectors a: this project).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatchannels.inspection.losses import Loss
from flatchannels.inspection.model import Model
from flatchannels.inspection.objective import Change, Objective
from flatchannels.inspection.samples import Samples
from flatchannels.inspection.spectra import Spectrum, spectrum
from flatchannels.inspection.structure import Group, LayerStructure
from flatchannels.networks.activations import ACTIVATIONS

Array = NDArray[np.float64]

LEADING = 1e-4  # ε over |w| below which the slope is h to eight digits, and its own formula would lose as many
NEGLIGIBLE_SLOPE = 0.1  # |slope| over |h| below which a pair is at rest at its ε: the orders of ε balance each other
HIGHEST = 4  # derivative of σ that an activation's record holds


@dataclass(frozen=True)
class GroupEvidence:
    """What data say about one group.

    h and slope are None for other groups than pairs, and for activations with a kink, which have no σ''.

    Parameters
    ----------
    limit_change : float
        By how much the loss changes with its limit in its place.
    merged_change : float
        By how much it changes with its merged neuron in its place.
    h : float or None
    slope : float or None
    """

    limit_change: float
    merged_change: float
    h: float | None
    slope: float | None

    @property
    def heading(self) -> str:
        """Where a pair is heading: "to infinity", "back" or "at rest"; "" where it is not known."""
        if self.h is None or self.slope is None:
            return ""
        if abs(self.slope) < NEGLIGIBLE_SLOPE * abs(self.h):
            return "at rest"
        return "to infinity" if self.slope > 0 else "back"


@dataclass(frozen=True)
class Evidence:
    """What data say about a network.

    Parameters
    ----------
    loss_name : str
        A key of `losses.LOSSES`.
    samples : int
    loss : float
    gradient_norm : float
        ‖∇L‖∞.
    spectrum : Spectrum or None
        Of ∇²L, where it was asked for.
    groups : tuple
        For each hidden layer one `GroupEvidence` for each of its groups.
    """

    loss_name: str
    samples: int
    loss: float
    gradient_norm: float
    spectrum: Spectrum | None
    groups: tuple[tuple[GroupEvidence, ...], ...]


def evidence(model: Model, structures: tuple[LayerStructure, ...], samples: Samples, loss: Loss, hessian: bool = True) -> Evidence:
    """What data say about a model.

    Parameters
    ----------
    model : Model
    structures : tuple of LayerStructure
        Of its hidden layers.
    samples : Samples
    loss : Loss
    hessian : bool
        Whether to look for its eigenvalues, which takes by far the longest.

    Returns
    -------
    Evidence

    Raises
    ------
    ValueError
        A model whose activation is not known, or whose loss on the data is not finite.
    """
    objective = Objective(model, samples, loss)
    value = objective.loss()
    if not math.isfinite(value):
        raise ValueError("the loss on the data is not finite: are the inputs in the units that the network was trained with?")
    found = tuple(
        tuple(_of_group(objective, value, model, structure.layer, group) for group in structure.groups) for structure in structures
    )
    ends = spectrum(objective) if hessian else None
    return Evidence(loss.name, len(samples.x), value, float(abs(objective.gradient()).max()), ends, found)


def _of_group(objective: Objective, value: float, model: Model, layer: int, group: Group) -> GroupEvidence:
    limit, merged = (_replacement(model, layer, group, order) for order in (min(len(group.neurons) - 1, HIGHEST), 0))
    h = slope = None
    if len(group.neurons) == 2 and not ACTIVATIONS[str(model.activation)].homogeneous:
        h = objective.slope_times(layer, lambda x: _second_order(model, group, x))
        near = group.epsilon < LEADING * np.linalg.norm(group.center)
        slope = h if near else objective.slope_times(layer, lambda x: _by_square_of_epsilon(model, group, x))
    return GroupEvidence(objective.loss(limit) - value, objective.loss(merged) - value, h, slope)


def _replacement(model: Model, layer: int, group: Group, order: int) -> Change:
    """The `Change` that puts the Taylor polynomial of a group about its mean in the place of its neurons."""
    sigma = ACTIVATIONS[str(model.activation)].derivatives
    apart = group.weights - group.center

    def difference(x: Array) -> Array:
        jet, steps = sigma(x @ group.center), x @ apart.T
        series = sum(jet[k][:, None] * steps**k / math.factorial(k) for k in range(order + 1))
        return (series - sigma(x @ group.weights.T)[0]) @ group.outputs

    return Change(layer, difference)


def _second_order(model: Model, group: Group, x: Array) -> Array:
    """f₂ (n, m) of a pair: what its output gains with ε² at fixed w, c, Δ and a = ε (a_i − a_j).  Source: paper, section 4."""
    jet = ACTIVATIONS[str(model.activation)].derivatives(x @ group.center)
    _, unit, a = _polar(group)
    along = x @ unit
    return np.outer(along**2 * jet[2] / 2, group.sum) + np.outer(along**3 * jet[3] / 6, a)


def _by_square_of_epsilon(model: Model, group: Group, x: Array) -> Array:
    """The derivative (n, m) of the output of a pair by ε² at its own ε, at fixed w, c, Δ and a; its digits cancel as ε²."""
    sigma = ACTIVATIONS[str(model.activation)].derivatives
    upper, lower = sigma(x @ group.weights[0]), sigma(x @ group.weights[1])
    epsilon, unit, a = _polar(group)
    along = x @ unit
    even = along * (upper[1] - lower[1]) / 2
    odd = (along * (upper[1] + lower[1]) - (upper[0] - lower[0]) / epsilon) / (2 * epsilon)
    return (np.outer(even, group.sum) + np.outer(odd, a)) / (2 * epsilon)


def _polar(group: Group) -> tuple[float, Array, Array]:
    """ε, Δ (k,) and a (m,) of a pair.  Source: paper, section 3."""
    step = (group.weights[0] - group.weights[1]) / 2
    epsilon = float(np.linalg.norm(step))
    return epsilon, step / epsilon, epsilon * (group.outputs[0] - group.outputs[1])
