"""`inspect`: what stands in the weights of a network, layer by layer, as an object, a text, a table, JSON.

Source: paper, section 3 (a pair of neurons is a gated linear unit at infinity).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from flatchannels.inspection.model import Model, from_layers
from flatchannels.inspection.structure import Group, LayerStructure, layer_structure

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Inspection:
    """What was found in one network.

    model : the network.  layers : one `LayerStructure` for each hidden layer.
    """

    model: Model
    layers: tuple[LayerStructure, ...]

    @property
    def groups(self) -> list[tuple[int, Group]]:
        """All groups with the number of their layer, from 1."""
        return [(layer.layer, group) for layer in self.layers for group in layer.groups]

    def to_json(self) -> dict[str, Any]:
        """The findings in JSON types; neurons are counted from 0, layers from 1."""
        return {
            "parameters": self.model.parameters,
            "activation": self.model.activation,
            "layers": [_layer_json(layer, name.name) for layer, name in zip(self.layers, self.model.layers)],
            "skipped": list(self.model.skipped),
        }

    def summary(self) -> str:
        """A line for each layer, and one for each thing that was found."""
        sizes = " → ".join(map(str, (self.model.layers[0].W.shape[1], *(len(layer.W) for layer in self.model.layers))))
        lines = [f"network {sizes}, {self.model.parameters} parameters, activation {self.model.activation or 'not known'}"]
        for layer, dense in zip(self.layers, self.model.layers):
            lines.append(f"hidden layer {layer.layer} ({dense.name}), {layer.neurons} neurons: {_counted(layer)}")
            lines += [f"  {_in_words(group)}" for group in layer.groups]
            lines += [f"  duplicates: neurons {i} and {j}, a plateau saddle if the loss is at rest" for i, j in layer.duplicates]
            lines += [f"  dead: neuron {i}" for i in layer.dead]
        return "\n".join(lines + [f"skipped {line}" for line in self.model.skipped])

    def to_dataframe(self) -> "pd.DataFrame":
        """One row for each group."""
        import pandas as pd

        columns = ["layer", "neurons", "kind", "epsilon", "cosine", "cancellation", "strength", "sum", "direction", "dimension"]
        rows = [
            {
                "layer": layer, "neurons": group.neurons, "kind": group.kind, "epsilon": group.epsilon, "cosine": group.cosine,
                "cancellation": group.cancellation, "strength": float(np.linalg.norm(group.outputs, axis=1).sum()),
                "sum": group.sum, "direction": group.direction, "dimension": group.dimension,
            }
            for layer, group in self.groups
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{self.summary().replace('&', '&amp;').replace('<', '&lt;')}</pre>" + self.to_dataframe().to_html(index=False)


def inspect(network: Model | Sequence[tuple[ArrayLike, ArrayLike | None]], activation: str | None = None) -> Inspection:
    """Look for dead, duplicate and parallel neurons and for channels in a fully connected network.

    Parameters
    ----------
    network : a `Model`, or [(W, b), …] from the inputs to the outputs, W of shape (out, in), b (out,) or None.
    activation : between the layers. Without it antiparallel neurons, which for many activations are mirror images, form no groups.

    Raises
    ------
    ValueError: arrays that do not make a network, or an unknown activation.
    """
    from flatchannels.networks.activations import ACTIVATIONS

    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}; it must be one of {', '.join(ACTIVATIONS)}")
    model = network if isinstance(network, Model) else from_layers(network, activation)
    layers = [
        layer_structure(number, below.rows, above.W.T, model.activation)
        for number, (below, above) in enumerate(zip(model.layers, model.layers[1:]), 1)
    ]
    return Inspection(model, tuple(layers))


def _layer_json(layer: LayerStructure, name: str) -> dict[str, Any]:
    return {
        "layer": layer.layer, "name": name, "neurons": layer.neurons, "groups": [_group_json(group) for group in layer.groups],
        "duplicates": [list(pair) for pair in layer.duplicates], "dead": list(layer.dead),
        "parallel": [list(pair) for pair in layer.parallel], "antiparallel": [list(pair) for pair in layer.antiparallel],
    }  # fmt: skip


def _group_json(group: Group) -> dict[str, Any]:
    """With one output sum is a number and direction a vector; with several a vector and a matrix."""
    one = len(group.sum) == 1
    return {
        "neurons": list(group.neurons), "kind": group.kind, "signs": list(group.signs), "epsilon": group.epsilon, "cosine": group.cosine,
        "outputs": (group.outputs[:, 0] if one else group.outputs).tolist(), "center": group.center.tolist(),
        "sum": float(group.sum[0]) if one else group.sum.tolist(),
        "direction": (group.direction[0] if one else group.direction).tolist(),
        "cancellation": group.cancellation, "dimension": group.dimension,
    }  # fmt: skip


def _counted(layer: LayerStructure) -> str:
    counts = {
        "channel group": len(layer.groups), "pair of duplicates": len(layer.duplicates), "dead neuron": len(layer.dead),
        "parallel pair outside of groups": len(layer.parallel), "antiparallel pair": len(layer.antiparallel),
    }  # fmt: skip
    plural = {"pair of duplicates": "pairs of duplicates", "parallel pair outside of groups": "parallel pairs outside of groups"}
    shown = [f"{n} {name if n == 1 else plural.get(name, name + 's')}" for name, n in counts.items() if n]
    return ", ".join(shown) or "nothing found"


def _in_words(group: Group) -> str:
    neurons = ", ".join(f"{'−' if sign < 0 else ''}{n}" for n, sign in zip(group.neurons, group.signs))
    strength = float(np.linalg.norm(group.outputs, axis=1).sum())
    gate = float(np.linalg.norm(group.direction))
    return (
        f"channel: {group.kind} of neurons {neurons}, ε = {group.epsilon:.3g}, Σ|a| = {strength:.3g}, |Σ a| = "
        f"{np.linalg.norm(group.sum):.3g}; at infinity c σ(w·x) + (v·x) σ'(w·x) with |v| = {gate:.3g}"
    )
