"""`inspect`: what stands in the weights of a network, layer by layer, as an object, a text, a table, JSON, a picture.

Source: paper, section 3 (a pair of neurons is a gated linear unit at infinity).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from flatchannels.data.dataset import Dataset
from flatchannels.inspection import telling
from flatchannels.inspection.certificate import DOES_NOT_APPLY, Certificate, Certifier
from flatchannels.inspection.checkpoints import holds_records, read_end
from flatchannels.inspection.evidence import Evidence, GroupEvidence, evidence
from flatchannels.inspection.formats import chains, load
from flatchannels.inspection.losses import loss_named
from flatchannels.inspection.model import Model, from_layers
from flatchannels.inspection.objective import Objective
from flatchannels.inspection.samples import Samples, read_samples, samples_for
from flatchannels.inspection.structure import Group, LayerStructure, layer_structure
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.torch_modules import layers_of, outputs_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Network = Model | str | Path | Sequence[tuple[ArrayLike, ArrayLike | None]] | Mapping[str, Any] | Any
LARGEST_SQUARABLE = 1e140  # weight
COMPARED = 1000  # samples on which a module is compared with its matrices
ALIKE = 1e-7  # difference of outputs over the sum of output weights, within which they are the same function
Data = Samples | Dataset | Sequence[ArrayLike] | str | PathLike[str]


@dataclass(frozen=True)
class Inspection:
    """What was found in one network.

    Parameters
    ----------
    model : Model
    layers : tuple of LayerStructure
        One for each hidden layer.
    evidence : Evidence or None
        What data say.
    certificate : Certificate or None
        Where it was asked for.
    """

    model: Model
    layers: tuple[LayerStructure, ...]
    evidence: Evidence | None = None
    certificate: Certificate | None = None

    @property
    def groups(self) -> list[tuple[int, Group]]:
        """All groups with the number of their layer, from 1."""
        return [(layer.layer, group) for layer in self.layers for group in layer.groups]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, widths of the hidden layers, outputs."""
        return (self.model.layers[0].W.shape[1], *(len(layer.W) for layer in self.model.layers))

    def to_json(self) -> dict[str, Any]:
        """The findings in JSON types; neurons are counted from 0, layers from 1.

        Returns
        -------
        dict[str, Any]
        """
        told = {
            "parameters": self.model.parameters,
            "activation": self.model.activation,
            **(telling.data_json(self.evidence) if self.evidence else {}),
            "layers": [telling.layer_json(layer, dense.name, found) for layer, dense, found in self._told()],
            "skipped": list(self.model.skipped),
            **({"certificate": telling.certificate_json(self.certificate)} if self.certificate else {}),
        }
        return telling.finite(told)

    def summary(self) -> str:
        """A line for each layer, and one for each thing that was found.

        Returns
        -------
        str
        """
        sizes = " → ".join(map(str, self.sizes))
        lines = [f"network {sizes}, {self.model.parameters} parameters, activation {self.model.activation or 'not known'}"]
        lines += telling.data_in_words(self.evidence) if self.evidence else []
        for layer, dense, found in self._told():
            lines += telling.layer_in_words(layer, dense.name, found)
        lines += [telling.certificate_in_words(self.certificate)] if self.certificate else []
        return "\n".join(lines + [f"skipped {line}" for line in self.model.skipped])

    def to_dataframe(self) -> "pd.DataFrame":
        """One row for each group.

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        columns = ["layer", "neurons", "kind", "epsilon", "cosine", "cancellation", "strength", "sum", "direction", "dimension"]
        columns += ["loss_change_limit", "loss_change_merged", "h", "slope"] if self.evidence else []
        rows = [
            telling.group_row(layer.layer, group, found[number] if found else None)
            for layer, _, found in self._told()
            for number, group in enumerate(layer.groups)
        ]
        return pd.DataFrame(rows, columns=columns)

    def plot(self) -> "Figure":
        """For each hidden layer the distances and strengths of all pairs of neurons, groups coloured.

        Returns
        -------
        Figure
        """
        from flatchannels.inspection.pictures import inspection_figure

        return inspection_figure(self)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{escape(self.summary())}</pre>" + self.to_dataframe().to_html(index=False)

    def _told(self) -> list[tuple[LayerStructure, Any, tuple[GroupEvidence, ...]]]:
        """Each hidden layer with its matrix and what data say about its groups."""
        found = self.evidence.groups if self.evidence else ((),) * len(self.layers)
        return list(zip(self.layers, self.model.layers, found))


def inspect(
    network: Network,
    activation: str | None = None,
    data: Data | None = None,
    loss: str = "mse",
    hessian: bool = True,
    certify: Certifier | None = None,
) -> Inspection:
    """Look for dead, duplicate and parallel neurons and for channels in a fully connected network.

    Parameters
    ----------
    network : Model, path, Run, list of (W, b), mapping or torch module
        (W, b) stand from the inputs to the outputs, W of shape (out, in), b (out,) or None; a mapping has named arrays, such as a
        state_dict. A module that is no plain `Sequential` is called on the data, and must give what its matrices say.
    activation : str, optional
        Between the layers; a `Sequential` of torch says it itself. Without it antiparallel neurons, which for many activations are
        mirror images, form no groups.
    data : path, Samples, Dataset, (x, y) or (x, y, weights), optional
        As `samples_for` takes them: what data say about the groups is added.
    loss : str
        Of the data, "mse" or "cross-entropy".
    hessian : bool
        Whether to look for the extreme eigenvalues of the Hessian.
    certify : function, optional
        `flatchannels.certified.certificate`, which needs the compiled engine, to be called with the mean squared error.

    Returns
    -------
    Inspection

    Raises
    ------
    ValueError
        Arrays that do not make a network, data that do not fit it, an unknown activation or loss, one that the network
        contradicts, data without activation, or with a network that is more than its matrices.
    """
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}; it must be one of {', '.join(ACTIVATIONS)}")
    given = loss_named(loss)
    model = _model(network)
    if activation is not None and model.activation not in (None, activation):
        raise ValueError(f"activation is {activation!r}; the network itself says {model.activation!r}")
    model = replace(model, activation=activation or model.activation)
    largest = max(abs(layer.rows).max() for layer in model.layers)
    if largest > LARGEST_SQUARABLE:
        raise ValueError(f"a weight is {largest:.3g}; the squares of numbers above {LARGEST_SQUARABLE:g} overflow")
    layers = tuple(
        layer_structure(number, below.rows, above.W.T, model.activation)
        for number, (below, above) in enumerate(zip(model.layers, model.layers[1:]), 1)
    )
    if data is None:
        return Inspection(model, layers)
    samples = samples_of(model, data, loss)
    _check_computes(network, model, samples, loss)
    found = evidence(model, layers, samples, given, hessian)
    told = None
    if certify is not None:
        told = certify(model, layers, samples) if loss == "mse" else Certificate(DOES_NOT_APPLY, "certificates are for mse")
    return Inspection(model, layers, found, told)


def _check_computes(network: Network, model: Model, samples: Samples, loss: str) -> None:
    """That a network computes what its matrices say, as far as can be known."""
    if model.unread:
        raise ValueError(
            f"{', '.join(model.unread[:4])} may act between the layers, so the loss on data is not known; save a file of the "
            "matrices alone, with normalisations folded into them"
        )
    if isinstance(network, Model) or not hasattr(network, "state_dict") or _layers_of(network) is not None:
        return
    few = Samples(samples.x[:COMPARED], samples.y[:COMPARED], samples.weights[:COMPARED])
    ours, theirs = Objective(model, few, loss_named(loss)).outputs(), outputs_of(network, few.x)
    off = np.inf if theirs.size != ours.size else abs(theirs.reshape(ours.shape) - ours).max()
    if not off <= ALIKE * max(1.0, abs(model.layers[-1].W).sum(axis=1).max()):
        raise ValueError(
            f"the module gives other outputs than its matrices with {model.activation} between them, by up to {off:.3g}: it may "
            "have another activation, a normalisation, or a function after the last layer; with data these must go"
        )


def _model(network: Network) -> Model:
    if isinstance(network, Model):
        return network
    if isinstance(network, str | PathLike):
        return read_end(network) if holds_records(network) else _only(load(network))
    if isinstance(network, Mapping):
        return _only(chains({str(key): _plain(value) for key, value in network.items()}))
    if hasattr(network, "state_dict"):
        plain = _layers_of(network)
        return replace(_model(network.state_dict()), unread=()) if plain is None else from_layers(*plain)
    if hasattr(network, "network") and hasattr(network, "theta"):  # a Run
        return from_layers(network.network.unpack(network.theta), network.network.activation)
    try:
        layers = [(_plain(W), None if b is None else _plain(b)) for W, b in network]
        if not all(W.ndim for W, _ in layers):  # the rows of a matrix
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            f"network is a {type(network).__name__}; it must be a path, a run, a torch module, named arrays or [(W1, b1), (W2, b2), …]"
        ) from None
    return from_layers(layers)


def _layers_of(module: Any) -> tuple[Sequence[tuple[ArrayLike, ArrayLike | None]], str] | None:
    """Layers and activation of a plain sequence; of others the matrices may still be chains, and the activation is for the user to say."""
    try:
        return layers_of(module)
    except ValueError:
        return None


def _only(found: Sequence[Model]) -> Model:
    if len(found) > 1:
        names = "; ".join(" ".join(layer.name for layer in model.layers) for model in found)
        raise ValueError(f"there are {len(found)} chains of layers ({names}); formats.load gives all")
    return found[0]


def _plain(values: Any) -> Any:
    """A tensor of torch as an array; whatever else as it is."""
    return values.detach().cpu().double().numpy() if hasattr(values, "detach") else np.asarray(values)


def samples_of(model: Model, data: Data, loss: str) -> Samples:
    """The samples in whatever `inspect` takes as data.

    Parameters
    ----------
    model : Model
    data : path, Samples, Dataset, (x, y) or (x, y, weights)
    loss : str

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        They do not fit the model.
    """
    if isinstance(data, Samples):
        return data
    if isinstance(data, str | PathLike):
        return read_samples(data, model, loss)
    if isinstance(data, Dataset):
        return samples_for(model, data.x, data.y, loss, data.weights)
    if not hasattr(data, "__len__"):
        raise ValueError(f"data is a {type(data).__name__}; it must be a path, Samples, a Dataset, (x, y) or (x, y, weights)")
    if len(data) not in (2, 3):
        raise ValueError(f"data has {len(data)} parts; it must be (x, y) or (x, y, weights)")
    x, y, *weights = data
    return samples_for(model, x, y, loss, weights[0] if weights else None)
