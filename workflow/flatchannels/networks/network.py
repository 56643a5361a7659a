"""Fully connected networks with scalar output: packing, initialisation, loss, gradient, Hessian.

The readable interface in front of `kernels`. θ is one vector, laid out as `layout` says. Whatever comes from outside is
checked by `checks`: the kernels trust the shapes they are given.

Source: paper, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.networks import homogeneity, kernels, workspace
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.blocks import SAMPLES_PER_BLOCK, Samples, in_blocks
from flatchannels.networks.checks import checked_inputs, checked_parameters, checked_sizes
from flatchannels.networks.initialisation import initial_layers
from flatchannels.networks.layout import Layers, Layout
from flatchannels.networks.norm import regulariser
from flatchannels.networks.torch_modules import layers_of, module_of

if TYPE_CHECKING:
    import torch

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """A fully connected network f(x) with scalar output.

    Parameters
    ----------
    inputs : int
        d ≥ 1.
    widths : tuple of int
        Of the hidden layers, each ≥ 1.
    activation : str
        A key of `ACTIVATIONS`.
    bias : bool
        Biases in all layers or in none.
    smoothing : tuple of float
        For relu alone: the ε of each hidden neuron, see `scalars.relu`; () for none.

    Raises
    ------
    ValueError
        A size is no integer of at least 1, there is no hidden layer, the activation is not known, bias is neither True nor
        False, or smoothing does not fit.
    """

    inputs: int
    widths: tuple[int, ...]
    activation: str = "softplus"
    bias: bool = True
    smoothing: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        inputs, widths = checked_sizes(self.inputs, self.widths)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "widths", widths)
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; it must be one of {', '.join(ACTIVATIONS)}")
        if not isinstance(self.bias, bool | np.bool_):
            raise ValueError(f"bias is {self.bias!r}; it must be True or False")
        object.__setattr__(self, "bias", bool(self.bias))
        smoothing = np.asarray(self.smoothing)
        if smoothing.size and (self.activation != "relu" or smoothing.shape != (sum(self.widths),) or smoothing.dtype.kind not in "iuf"):
            raise ValueError("smoothing is one number per hidden neuron, and for relu alone")
        if not np.all(np.isfinite(smoothing) & (smoothing >= 0)):
            raise ValueError(f"smoothing is {self.smoothing!r}; its numbers must be finite, and 0 or more")
        object.__setattr__(self, "smoothing", tuple(map(float, smoothing)))

    @cached_property
    def layout(self) -> Layout:
        """Where every weight stands in θ."""
        return Layout(self.inputs, self.widths, self.bias)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The (out, in + bias) shape of each layer's matrix [W | b], the output layer last."""
        return self.layout.shapes

    @property
    def parameters(self) -> int:
        """The number P of parameters."""
        return self.layout.parameters

    def matrices(self, theta: ArrayLike) -> list[Vector]:
        """Views into θ of the matrices [W | b], one per layer, each of the shape in `shapes`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        list of (out, in + bias)
        """
        return self.layout.matrices(self._checked(theta))

    def pack(self, layers: Layers) -> Vector:
        """θ of the weights and biases of every layer.

        Parameters
        ----------
        layers : sequence of (W, b)
            Hidden layers first; W is (out, in), b is (out,), or None without biases.

        Returns
        -------
        (P,)

        Raises
        ------
        ValueError
            The number of layers or a shape does not fit the network.
        """
        return self.layout.pack(layers)

    def unpack(self, theta: ArrayLike) -> list[tuple[Vector, Vector | None]]:
        """The weights and biases of every layer, copies: the inverse of `pack`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        list of (W, b)
        """
        return self.layout.unpack(self._checked(theta))

    @classmethod
    def from_layers(cls, layers: Layers, activation: str = "softplus") -> "tuple[Network, Vector]":
        """The network of some layers.

        Parameters
        ----------
        layers : sequence of (W, b)
            Hidden layers first; W is (out, in), b is (out,), or None in all layers.
        activation : str

        Returns
        -------
        Network
        theta : (P,)

        Raises
        ------
        ValueError
            Shapes do not follow one another, there is more than one output, or some layers alone have biases.
        """
        shapes = [np.shape(W) for W, _ in layers]
        if len(shapes) < 2 or any(len(shape) != 2 for shape in shapes):
            raise ValueError(f"the matrices have shapes {shapes}; there must be at least two, of (out, in)")
        if shapes[-1][0] != 1:
            raise ValueError(f"there are {shapes[-1][0]} outputs; the engine has one (flatchannels.inspect takes any number)")
        bias = layers[0][1] is not None
        net = cls(int(shapes[0][1]), tuple(int(shape[0]) for shape in shapes[:-1]), activation, bias)
        return net, net.pack(layers)

    @classmethod
    def from_torch(cls, module: "torch.nn.Module") -> "tuple[Network, Vector]":
        """The network of a `Sequential` of `Linear` layers with one activation.

        Parameters
        ----------
        module : torch.nn.Module

        Returns
        -------
        Network
        theta : (P,)

        Raises
        ------
        ValueError
            As `from_layers`, and for another module.
        """
        return cls.from_layers(*layers_of(module))

    def to_torch(self, theta: ArrayLike) -> "torch.nn.Sequential":
        """This network with parameters θ as a torch module in float64: the inverse of `from_torch`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        torch.nn.Sequential

        Raises
        ------
        ValueError
            This is a smoothed relu network.
        """
        if self.smoothing:
            raise ValueError("a smoothed relu has no module of torch")
        return module_of(self.unpack(theta), self.activation)

    def initialise(self, generator: np.random.Generator, scheme: str = "glorot_normal", scale: float = 1.0) -> Vector:
        """θ (P,) with random weights of variance scale² · `initialisation.VARIANCES`, and biases 0.

        The default is the paper's, section 1. Schemes of one distribution draw the same numbers, up to a factor for each layer.

        Parameters
        ----------
        generator : numpy.random.Generator
        scheme : str
            One of `initialisation.SCHEMES`.
        scale : float
            Factor on all weights.

        Returns
        -------
        numpy.ndarray (P,)

        Raises
        ------
        ValueError
            Another scheme.
        """
        return self.pack(initial_layers(self.layout, generator, scheme, scale))

    def predict(self, theta: ArrayLike, x: ArrayLike) -> Vector:
        """The outputs f(x).

        Parameters
        ----------
        theta : (P,)
        x : (N, d)

        Returns
        -------
        (N,)

        Raises
        ------
        ValueError
            x has another number of columns.
        """
        x = checked_inputs(x, self.inputs)
        blocks = in_blocks(x)
        outputs = np.empty((len(blocks), SAMPLES_PER_BLOCK))
        kernels.predict(self.plan, self._checked(theta), blocks, self._rows, outputs)
        return outputs.ravel()[: len(x)]

    def first_layer(self, theta: ArrayLike, x: ArrayLike) -> Vector:
        """w_i·x + b_i of the first hidden layer's neurons.

        Parameters
        ----------
        theta : (P,)
        x : (N, d)

        Returns
        -------
        (N, r_1)

        Raises
        ------
        ValueError
            x has another number of columns.
        """
        W = self.matrices(theta)[0]
        return checked_inputs(x, self.inputs) @ W[:, : self.inputs].T + (W[:, -1] if self.bias else 0.0)

    def loss(self, theta: ArrayLike, data: Samples, maxnorm: float | None = None) -> float:
        """L = Σ_n weights_n (f(x_n) − y_n)², or L + R (paper, section 1).

        Parameters
        ----------
        theta, data, maxnorm
            As of `derivatives`.

        Returns
        -------
        float
        """
        return self.loss_and_gradient(theta, data, maxnorm)[0]

    def gradient(self, theta: ArrayLike, data: Samples, maxnorm: float | None = None) -> Vector:
        """∇L, or ∇(L + R).

        Parameters
        ----------
        theta, data, maxnorm
            As of `derivatives`.

        Returns
        -------
        (P,)
        """
        return self.loss_and_gradient(theta, data, maxnorm)[1]

    def hessian(self, theta: ArrayLike, data: Samples, maxnorm: float | None = None) -> Vector:
        """∇²L, or ∇²(L + R).

        Parameters
        ----------
        theta, data, maxnorm
            As of `derivatives`.

        Returns
        -------
        (P, P)
        """
        return self.derivatives(theta, data, maxnorm)[2]

    def loss_and_gradient(self, theta: ArrayLike, data: Samples, maxnorm: float | None = None) -> tuple[float, Vector]:
        """Loss and gradient in one pass.

        Parameters
        ----------
        theta, data, maxnorm
            As of `derivatives`.

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        theta = self._checked(theta, data)
        gradient = np.empty(theta.size)
        loss = kernels.loss_and_gradient(self.plan, theta, *data.blocks, self._rows, gradient)
        if maxnorm is not None:
            loss += regulariser(theta, maxnorm, gradient)
        return loss, gradient

    def derivatives(self, theta: ArrayLike, data: Samples, maxnorm: float | None = None) -> tuple[float, Vector, Vector]:
        """Loss, gradient and Hessian in one pass.

        Parameters
        ----------
        theta : (P,)
        data : Samples
        maxnorm : float, optional
            The wall of the regulariser R, which is left out by default.

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        theta = self._checked(theta, data)
        gradient, hessian = np.empty(theta.size), np.empty((theta.size, theta.size))
        loss = kernels.derivatives(self.plan, theta, *data.blocks, self._rows, gradient, hessian)
        if maxnorm is not None:
            loss += regulariser(theta, maxnorm, gradient, hessian)
        return loss, gradient, hessian

    @cached_property
    def plan(self) -> workspace.Plan:
        """Where the kernels find everything: a `workspace.Plan`."""
        plan = workspace.plan(ACTIVATIONS[self.activation].code, self.layout)
        return plan._replace(smoothing=np.array(self.smoothing, dtype=float)) if self.smoothing else plan

    def smoothed(self, theta: ArrayLike, epsilon: float) -> "Network":
        """This relu network with each kink rounded.

        Parameters
        ----------
        theta : (P,)
        epsilon : float
            The width of the rounding, over the length of the neuron's input weights.

        Returns
        -------
        Network
        """
        lengths = [np.linalg.norm(matrix, axis=1) for matrix in self.matrices(theta)[:-1]]
        return replace(self, smoothing=tuple(epsilon * np.concatenate(lengths)))

    @cached_property
    def scalings(self) -> Vector:
        """Signs (P, hidden units), a column for each neuron: 1 on the weights into it, −1 on those out of it, else 0.

        A homogeneous neuron's weights times e^(s · sign) compute the same f for every s, and a gradient flow conserves
        half the sum of sign · θ².
        """
        return homogeneity.scalings(self.layout)

    def gauge(self, theta: ArrayLike) -> Vector:
        """Directions that leave f unchanged: a homogeneous neuron's w_i grows as its a_i shrinks.

        There are none for other activations, nor for a neuron without weights.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (P, n), orthonormal columns
        """
        theta = self._checked(theta)
        if not ACTIVATIONS[self.activation].homogeneous:
            return np.zeros((theta.size, 0))
        return homogeneity.gauge(self.scalings, theta)

    @cached_property
    def _rows(self) -> Vector:
        return workspace.allocated(self.plan)

    def _checked(self, theta: ArrayLike, data: Samples | None = None) -> Vector:
        if data is not None and not hasattr(data, "dimension"):
            raise ValueError(f"data is {type(data).__name__}; it must be a Dataset")
        if data is not None and data.dimension != self.inputs:
            raise ValueError(f"the data have {data.dimension} inputs; the network takes {self.inputs}")
        return checked_parameters(theta, self.parameters)


def network_of(meta: Mapping[str, Any]) -> Network:
    """The network of the runs of a record.

    Parameters
    ----------
    meta : mapping
        The record's metadata.

    Returns
    -------
    Network
    """
    return Network(meta["inputs"], tuple(meta["widths"]), meta["activation"], meta["bias"])
