"""Fully connected networks from and to torch, which is imported when it is needed; of any number of outputs.

A module is a `Sequential` of `Linear` layers with one activation between all of them. A `BatchNorm1d` behind a layer is folded into it,
with the statistics of a trained network. The activations that torch lacks come as modules of their own.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]
Layers = list[tuple[Array, Array | None]]

NAMES = {"Softplus": "softplus", "ReLU": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "GELU": "gelu", "SiLU": "silu"}  # class → ours
FORMULAS: dict[str, Callable[[Any, Any], Any]] = {  # of what torch has no class for: (torch, z) → σ(z)
    "g": lambda torch, z: torch.sigmoid(4 * z) + torch.nn.functional.softplus(z, threshold=LINEAR_FROM),
    "erf": lambda torch, z: torch.erf(z * 0.5**0.5),
}
SILENT = ("Flatten", "Identity", "Dropout")  # that change nothing when a trained network is used
DEFAULT_THRESHOLD = 20  # of torch's softplus
LINEAR_FROM = 40.0  # z from which torch takes softplus as linear: by default 20, where it is off by 2e-9


def layers_of(module: "torch.nn.Module") -> tuple[Layers, str]:
    """The layers and the activation of a module.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    layers : list of (W, b)
        From the inputs to the outputs, float64 copies; W is (out, in), b is (out,), or None without biases.
    activation : str

    Raises
    ------
    ValueError
        The module is no such sequence (with a LayerNorm it is none), mixes activations, has one that is not known here, or lacks a
        hidden layer.
    """
    parts = _flat(module)
    layers: Layers = []
    names: list[str] = []
    for part, before in zip(parts, [None, *parts]):
        kind, follows_layer = type(part).__name__, type(before).__name__ == "Linear"
        if kind == "Linear" and not follows_layer:
            layers.append((_array(part.weight), None if part.bias is None else _array(part.bias)))
        elif kind == "BatchNorm1d" and follows_layer and part.running_var is not None:
            layers[-1] = _folded(*layers[-1], part)
        elif len(names) < len(layers) and kind not in ("Linear", "BatchNorm1d"):
            names.append(_name(part))
        else:
            raise _no_sequence(module, parts)
    if len(layers) < 2 or len(names) != len(layers) - 1:
        raise _no_sequence(module, parts)
    if len(set(names)) > 1:
        raise ValueError(f"the module mixes the activations {', '.join(sorted(set(names)))}; it must have one")
    return layers, names[0]


def module_of(layers: Sequence[tuple[ArrayLike, ArrayLike | None]], activation: str) -> "torch.nn.Sequential":
    """A `Sequential` in float64 of some layers.

    Parameters
    ----------
    layers : sequence of (W, b)
        From the inputs to the outputs; W is (out, in), b is (out,), or None without biases.
    activation : str

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    ValueError
        The activation is not known.
    """
    import torch

    modules: list[torch.nn.Module] = []
    for n, (W, b) in enumerate(layers):
        W = torch.tensor(np.asarray(W, dtype=float))
        linear = torch.nn.Linear(W.shape[1], W.shape[0], bias=b is not None, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(W)
            if b is not None:
                linear.bias.copy_(torch.tensor(np.asarray(b, dtype=float)))
        modules += [linear] if n == len(layers) - 1 else [linear, _activation(activation)]
    return torch.nn.Sequential(*modules)


def outputs_of(module: Any, x: Array) -> Array:
    """What a module computes in float64, as a trained one (dropout and the like at rest); the module itself stays as it is.

    Parameters
    ----------
    module : torch.nn.Module
    x : (N, d)

    Returns
    -------
    array
        Of whatever shape the module gives.

    Raises
    ------
    ValueError
        The module does not take x, or gives something else than numbers.
    """
    import torch

    try:
        with torch.no_grad():
            return _array(deepcopy(module).cpu().double().eval()(torch.tensor(x)))
    except Exception as error:  # whatever a foreign forward raises
        told = " ".join(f"{error or type(error).__name__}".split())[:200]
        raise ValueError(f"the module cannot be called with x of shape {x.shape}: {told}; give its matrices [(W1, b1), …]") from None


def _flat(module: Any) -> list[Any]:
    """The modules of nested `Sequential`s in their order, without those that change nothing."""
    if type(module).__name__ == "Sequential":
        return [part for child in module for part in _flat(child)]  # `children()` leaves out a module that stands there twice
    return [] if type(module).__name__.startswith(SILENT) else [module]


def _no_sequence(module: Any, parts: Sequence[Any]) -> ValueError:
    found = ", ".join(type(part).__name__ for part in parts) or type(module).__name__
    return ValueError(f"the module is {found}; it must be Linear, activation, Linear, …, Linear in a Sequential")


def _folded(W: Array, b: Array | None, norm: Any) -> tuple[Array, Array]:
    """A layer with the normalisation behind it as one layer.  norm : BatchNorm1d."""
    scale = 1 / np.sqrt(_array(norm.running_var) + norm.eps)
    shift = (0.0 if b is None else b) - _array(norm.running_mean)
    if norm.affine:
        scale = scale * _array(norm.weight)
        return scale[:, None] * W, scale * shift + _array(norm.bias)
    return scale[:, None] * W, scale * shift


def _name(module: Any) -> str:
    """Our name of an activation's module."""
    kind = type(module).__name__
    name = getattr(module, "flatchannels_activation", NAMES.get(kind))
    if name is None:
        raise ValueError(f"the module has a {kind}; the activation must be one of {', '.join(NAMES)}, or come from to_torch")
    if kind == "Softplus" and module.beta != 1:
        raise ValueError(f"Softplus has beta {module.beta}; it must be 1")
    if kind == "Softplus" and module.threshold < DEFAULT_THRESHOLD:
        raise ValueError(f"Softplus has threshold {module.threshold}; it must be {DEFAULT_THRESHOLD}, torch's own, or more")
    if kind == "GELU" and module.approximate != "none":
        raise ValueError(f"GELU is approximated by {module.approximate}; it must be exact")
    return name


def _activation(name: str) -> "torch.nn.Module":
    import torch

    if name == "softplus":
        return torch.nn.Softplus(threshold=LINEAR_FROM)
    for kind, ours in NAMES.items():
        if ours == name:
            return getattr(torch.nn, kind)()

    class Function(torch.nn.Module):
        """An activation that torch lacks."""

        flatchannels_activation = name

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            """σ(z)."""
            return FORMULAS[name](torch, z)

    if name not in FORMULAS:
        raise ValueError(f"activation is {name!r}; it must be one of {', '.join([*NAMES.values(), *FORMULAS])}")
    return Function()


def _array(tensor: Any) -> Array:
    return np.array(tensor.detach().cpu().double().numpy())
