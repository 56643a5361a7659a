"""How the groups of a network came about: ε, |a|, cosine and λ_max along a training, and by which laws.

Under gradient flow, and gradient descent with a constant rate, a pair of a channel has ε ∝ t^(−1/4), |a| ∝ t^(1/4), 1 − cos ∝ t^(−1/2)
and λ_max ∝ t^(1/2), as L − L_∞ = ε² h and a = ε (a_i − a_j) stays. Other optimisers have laws of their own. At the edge of stability
λ_max = 2/η, at a norm wall or under weight decay ε comes to a halt.

Source: paper, section 4 and Figure 5; the exponents follow from dK/dt ∝ K⁻³ (see `laws`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.inspection import telling
from flatchannels.inspection.checkpoints import Checkpoint, read_folder
from flatchannels.inspection.inspection import Data, Inspection, inspect, samples_of
from flatchannels.inspection.laws import FEWEST, SHORTEST, PowerLaw, fit_power_law
from flatchannels.inspection.losses import loss_named
from flatchannels.inspection.objective import Objective
from flatchannels.inspection.spectra import largest_eigenvalue
from flatchannels.inspection.structure import group_of, mirror_sign, summed_over_copies

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Measures = tuple[float, float, float, float, bool]  # of a group at a checkpoint: ε, 1 − cos, Σ|a|, cancellation, whether it was found

GRADIENT_FLOW = {"epsilon": -0.25, "strength": 0.25, "cosine": -0.5, "largest": 0.5}  # exponents of t
TOLERANCE = 0.05  # of the exponent of ε: what the next order of ε leaves of it at ε ~ 0.1
WIDEST_INTERVAL = 0.25  # interval of that exponent, beyond which nothing can be told


@dataclass(frozen=True)
class GroupHistory:
    """A group of the last checkpoint along the training; each array (S,) is over the checkpoints.

    Parameters
    ----------
    layer : int
    neurons : tuple of int
    epsilon, cosine, cancellation : (S,)
        As of a `Group`.
    strength : (S,)
        Σ|a|.
    member : bool (S,)
        Whether it was found as a group there.
    laws : dict
        Of "epsilon", "strength" and "cosine", over the checkpoints since which it has been found throughout; without those that
        cannot be fitted.
    """

    layer: int
    neurons: tuple[int, ...]
    epsilon: Array
    cosine: Array
    strength: Array
    cancellation: Array
    member: NDArray[np.bool_]
    laws: dict[str, PowerLaw]

    @property
    def since(self) -> int:
        """Index of the checkpoint since which it has been found throughout."""
        return _since(self.member)

    @property
    def verdict(self) -> str:
        """Whether ε follows the law of a channel, in words."""
        law = self.laws.get("epsilon")
        if law is None:
            count = len(self.member) - self.since
            return (
                f"too few checkpoints in the channel for a law: {count}; it takes {FEWEST}, the last at {SHORTEST:g} times the first step"
            )
        if law.high - law.low > WIDEST_INTERVAL:
            return "the checkpoints do not tell the exponent of ε"
        if law.includes(GRADIENT_FLOW["epsilon"], TOLERANCE):
            return "follows ε ∝ t^(−1/4), the law of gradient flow in a channel"
        if law.includes(0.0, TOLERANCE) or law.low > 0:
            return "ε does not fall: at rest, or held by the rate (λ_max = 2/η), a norm wall or weight decay"
        if law.exponent < GRADIENT_FLOW["epsilon"]:
            return "ε falls faster than the t^(−1/4) of gradient flow: another optimiser, or a channel that has only begun"
        return "ε falls more slowly than the t^(−1/4) of gradient flow"


@dataclass(frozen=True)
class History:
    """A training.

    Parameters
    ----------
    steps : (S,)
    names : tuple of str
        Of the checkpoints.
    last : Inspection
        Of the last one.
    groups : tuple of GroupHistory
        What led to its groups.
    counts : int (S,)
        Groups found at each checkpoint.
    loss, largest : (S,) or None
        Loss and λ_max at each checkpoint; None without data.
    largest_law : PowerLaw or None
        Of λ_max, over the checkpoints since which the first group has been there.
    """

    steps: Array
    names: tuple[str, ...]
    last: Inspection
    groups: tuple[GroupHistory, ...]
    counts: NDArray[np.int64]
    loss: Array | None = None
    largest: Array | None = None
    largest_law: PowerLaw | None = None

    def summary(self) -> str:
        """The last checkpoint, and for each of its groups how it came about.

        Returns
        -------
        str
        """
        lines = [f"{len(self.steps)} checkpoints, step {self.steps[0]:g} ({self.names[0]}) to {self.steps[-1]:g}; the last:"]
        lines.append(self.last.summary())
        if not self.groups:
            lines.append(f"no group in the last checkpoint; {np.count_nonzero(self.counts)} of {len(self.counts)} have some")
        for group in self.groups:
            neurons = ", ".join(map(str, group.neurons))
            epsilon = (
                f"ε from {group.epsilon[0]:.3g} to {group.epsilon[-1]:.3g}, Σ|a| from {group.strength[0]:.3g} to {group.strength[-1]:.3g}"
            )
            lines.append(f"neurons {neurons} of layer {group.layer}: a group since step {self.steps[group.since]:g}; {epsilon}")
            lines += [f"  {_law_in_words(name, law)}" for name, law in group.laws.items()]
            lines.append(f"  {group.verdict}")
        if self.largest_law:
            lines.append(_law_in_words("largest", self.largest_law))
        return "\n".join(lines)

    def to_dataframe(self) -> "pd.DataFrame":
        """One row for each group and checkpoint; one for each checkpoint where there is no group.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        whole = {"step": self.steps, "name": self.names, "groups": self.counts}
        whole |= {} if self.loss is None or self.largest is None else {"loss": self.loss, "hessian_max": self.largest}
        if not self.groups:
            return pd.DataFrame(whole)
        parts = [
            pd.DataFrame(whole | {
                "layer": group.layer, "neurons": [group.neurons] * len(self.steps), "epsilon": group.epsilon, "cosine": group.cosine,
                "strength": group.strength, "cancellation": group.cancellation, "member": group.member,
            })
            for group in self.groups
        ]  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    def to_json(self) -> dict[str, Any]:
        """The last inspection, with `steps`, and with `history` and `laws` of its groups, in JSON types.

        Returns
        -------
        dict[str, Any]
        """
        laws = {"largest": self.largest_law} if self.largest_law else {}
        told = {
            "steps": self.steps.tolist(), "names": list(self.names), "groups_found": self.counts.tolist(),
            "loss_history": None if self.loss is None else self.loss.tolist(),
            "hessian_max_history": None if self.largest is None else self.largest.tolist(),
            "laws": {name: vars(law) for name, law in laws.items()},
            "history": [
                {
                    "layer": group.layer, "neurons": list(group.neurons), "since": float(self.steps[group.since]), "verdict": group.verdict,
                    **{key: getattr(group, key).tolist() for key in ("epsilon", "cosine", "strength", "cancellation", "member")},
                    "laws": {name: vars(law) for name, law in group.laws.items()},
                }
                for group in self.groups
            ],
        }  # fmt: skip
        return self.last.to_json() | telling.finite(told)

    def plot(self) -> "Figure":
        """ε, Σ|a|, 1 − cos and λ_max against step, with the fitted laws.

        Returns
        -------
        Figure
        """
        from flatchannels.inspection.pictures import history_figure

        return history_figure(self)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{escape(self.summary())}</pre>"


def history(
    checkpoints: Sequence[Checkpoint] | str | PathLike[str],
    activation: str | None = None,
    data: Data | None = None,
    loss: str = "mse",
    hessian: bool = True,
    progress: Callable[[int, int], None] = lambda done, of: None,
    **options: Any,
) -> History:
    """Inspect the checkpoints of one training, and follow the groups of the last one back.

    Parameters
    ----------
    checkpoints : sequence of Checkpoint, or path
        In the order of their steps, of the same shapes; or a folder of them.
    activation, data, loss
        As of `inspect`.
    hessian : bool
        Whether to look for λ_max at every checkpoint, where there are data.
    progress : function
        Told after each checkpoint how many are done, and of how many.
    **options
        Of `inspect`, for the last checkpoint.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        As `inspect`, or fewer than two checkpoints.
    """
    if isinstance(checkpoints, str | PathLike):
        chains = read_folder(checkpoints, activation)
        if len(chains) > 1:
            raise ValueError(f"{checkpoints} has {len(chains)} chains of layers; checkpoints.read_folder gives all")
        checkpoints = chains[0]
    if len(checkpoints) < 2:
        raise ValueError(f"{len(checkpoints)} checkpoints given; a history has at least 2")
    steps = np.array([checkpoint.step for checkpoint in checkpoints], dtype=float)
    last = inspect(checkpoints[-1].model, activation, data, loss, hessian, **options)
    samples = None if data is None else samples_of(last.model, data, loss)
    measured: list[list[Measures]] = [[] for _ in last.groups]
    counts, losses, largest = [], [], []
    for done, checkpoint in enumerate(checkpoints, 1):
        here = inspect(checkpoint.model, activation)
        counts.append(len(here.groups))
        for rows, (number, group) in zip(measured, last.groups):
            rows.append(_measured(here, last, number, group.neurons))
        if samples is not None:
            objective = Objective(here.model, samples, loss_named(loss))
            losses.append(objective.loss())
            largest.append(largest_eigenvalue(objective) if hessian else np.nan)
        progress(done, len(checkpoints))
    groups = tuple(_group_history(steps, number, group.neurons, rows) for rows, (number, group) in zip(measured, last.groups))
    law = None
    if groups and samples is not None:
        since = groups[0].since
        law = fit_power_law(steps[since:], np.array(largest)[since:])
    names, found = tuple(checkpoint.name for checkpoint in checkpoints), np.array(counts)
    if samples is None:
        return History(steps, names, last, groups, found)
    return History(steps, names, last, groups, found, np.array(losses), np.array(largest), law)


def _measured(here: Inspection, last: Inspection, number: int, neurons: tuple[int, ...]) -> Measures:
    """ε, cosine, Σ|a|, cancellation of some neurons of hidden layer `number` at a checkpoint, and whether they are a group there."""
    below, above = here.model.layers[number - 1 : number + 1]
    outputs = summed_over_copies(above.W.T, last.layers[number - 1].duplicates)
    group = group_of(np.array(neurons), below.rows, outputs, mirror_sign(here.model.activation))
    member = any(found.neurons == neurons for found in here.layers[number - 1].groups)
    return group.epsilon, group.cosine, float(np.linalg.norm(group.outputs, axis=1).sum()), group.cancellation, member


def _group_history(
    steps: Array, number: int, neurons: tuple[int, ...], rows: list[tuple[float, float, float, float, bool]]
) -> GroupHistory:
    columns = {name: np.array(column) for name, column in zip(("epsilon", "cosine", "strength", "cancellation", "member"), zip(*rows))}
    since = _since(columns["member"])
    fits = {name: fit_power_law(steps[since:], columns[name][since:]) for name in ("epsilon", "strength", "cosine")}
    return GroupHistory(number, neurons, laws={name: law for name, law in fits.items() if law is not None}, **columns)


def _since(member: ArrayLike) -> int:
    """Where the last stretch of True begins."""
    absent = np.flatnonzero(~np.asarray(member, dtype=bool))
    return int(absent[-1]) + 1 if absent.size else 0


def _law_in_words(name: str, law: PowerLaw) -> str:
    symbol = {"epsilon": "ε", "strength": "Σ|a|", "cosine": "1 − cos", "largest": "λ_max"}[name]
    return (
        f"{symbol} ∝ (t {-law.start:+.3g})^{law.exponent:.3f}, exponent between {law.low:.3f} and {law.high:.3f} "
        f"(gradient flow {GRADIENT_FLOW[name]:+g}); plain slope in log t {law.slope:.3f}"
    )
