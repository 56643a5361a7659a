"""Fully connected networks with scalar output: packing, initialisation, loss, gradient, Hessian.

The readable interface in front of `kernels`. θ is one vector: layer after layer the row-major matrix [W | b], the bias
last in each row, the output layer at the end.

Source: paper, section 2.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flatchannels.networks import kernels
from flatchannels.networks.activations import ACTIVATIONS


class Dataset:
    """Inputs, targets and sample weights, held in the layout of the kernels.

    Parameters
    ----------
    x : float array (N, d) or (N,).  y : float array (N,).
    weights : float array (N,), nonnegative, summing to 1; None for 1/N each.

    Raises
    ------
    ValueError: shapes that do not match, values that are not finite, weights that are negative or do not sum to 1.
    """

    def __init__(self, x, y, weights=None):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        x = x[:, None] if x.ndim == 1 else x
        if x.ndim != 2 or y.shape != x.shape[:1] or not y.size:
            raise ValueError(f"x has shape {x.shape} and y {y.shape}; they must be (N, d) and (N,) with N ≥ 1")
        weights = np.full(y.size, 1.0 / y.size) if weights is None else np.asarray(weights, dtype=float)
        if weights.shape != y.shape or not (np.all(weights >= 0) and math.isclose(weights.sum(), 1.0, rel_tol=1e-9)):
            raise ValueError("weights must be one nonnegative number per sample, summing to 1")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("x and y must be finite")
        self.x, self.y, self.weights = x, y, weights

    @property
    def dimension(self):
        """The number d of inputs."""
        return self.x.shape[1]

    @cached_property
    def blocks(self):
        """x (blocks, d, samples), y and weights (blocks, samples), padded with samples of weight 0."""
        size = kernels.SAMPLES_PER_BLOCK
        count = -(-self.y.size // size)
        x = kernels.aligned((count, self.dimension, size))
        y, weights = kernels.aligned((count, size)), kernels.aligned((count, size))
        padding = count * size - self.y.size
        x[:] = np.pad(self.x, ((0, padding), (0, 0))).reshape(count, size, self.dimension).transpose(0, 2, 1)
        y[:] = np.pad(self.y, (0, padding)).reshape(count, size)
        weights[:] = np.pad(self.weights, (0, padding)).reshape(count, size)
        return x, y, weights

    def __getstate__(self):
        return {"x": self.x, "y": self.y, "weights": self.weights}


def weight_norm(theta):
    """The paper's ‖θ‖ := Σ θ_k² / (2P) (section 8: the code's definition, a mean square)."""
    return float(theta @ theta) / (2 * theta.size)


@dataclass(frozen=True)
class Network:
    """A fully connected network f(x) with scalar output.

    Parameters
    ----------
    inputs : int, d ≥ 1.  widths : tuple of ints ≥ 1, the hidden layers.
    activation : str, a key of `ACTIVATIONS`.  bias : bool, biases in all layers or in none.
    smoothing : tuple of floats, for relu alone: the ε of each hidden neuron, see `activations.relu`; () for none.

    Raises
    ------
    ValueError: a size below 1, no hidden layer, an unknown activation, or smoothing that does not fit.
    """

    inputs: int
    widths: tuple
    activation: str = "softplus"
    bias: bool = True
    smoothing: tuple = ()

    def __post_init__(self):
        object.__setattr__(self, "widths", tuple(int(width) for width in self.widths))
        if self.inputs < 1 or not self.widths or min(self.widths) < 1:
            raise ValueError(f"inputs is {self.inputs} and widths {self.widths}; all sizes must be at least 1")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; it must be one of {', '.join(ACTIVATIONS)}")
        if self.smoothing and (self.activation != "relu" or len(self.smoothing) != sum(self.widths)):
            raise ValueError("smoothing is one number per hidden neuron, and for relu alone")

    @cached_property
    def shapes(self):
        """The (out, in + bias) shape of each layer's matrix [W | b], the output layer last."""
        sizes = (self.inputs, *self.widths, 1)
        return tuple((out, below + self.bias) for below, out in zip(sizes, sizes[1:]))

    @property
    def parameters(self):
        """The number P of parameters."""
        return sum(rows * columns for rows, columns in self.shapes)

    def matrices(self, theta):
        """Views into θ of the matrices [W | b], one per layer, each of the shape in `shapes`."""
        return self._split(self._checked(theta))

    def _split(self, values):
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(values, ends[:-1]), self.shapes)]

    def pack(self, layers):
        """θ (P,) from [(W, b), …], hidden layers first; W is (out, in), b (out,) or None without biases.

        Raises ValueError for a number of layers or a shape that does not fit the network.
        """
        if len(layers) != len(self.shapes):
            raise ValueError(f"{len(layers)} layers given; the network has {len(self.shapes)}")
        parts = []
        for (W, b), shape in zip(layers, self.shapes):
            matrix = np.asarray(W, dtype=float)
            if (b is not None) != self.bias:
                raise ValueError(f"the biases must be {'arrays' if self.bias else 'None'}")
            if self.bias:
                matrix = np.column_stack([matrix, np.asarray(b, dtype=float)])
            if matrix.shape != shape:
                raise ValueError(f"a layer's [W | b] has shape {matrix.shape}; it must be {shape}")
            parts.append(matrix.ravel())
        return np.concatenate(parts)

    def unpack(self, theta):
        """[(W, b), …] from θ, copies; the inverse of `pack`."""
        matrices = [matrix.copy() for matrix in self.matrices(theta)]
        return [(matrix[:, :-1], matrix[:, -1]) if self.bias else (matrix, None) for matrix in matrices]

    def initialise(self, generator):
        """Glorot normal: W ~ N(0, 2 / (fan in + fan out)), biases 0 (paper, section 1; Glorot & Bengio 2010).

        generator : numpy.random.Generator.  Returns θ (P,).
        """
        sizes = (self.inputs, *self.widths, 1)
        layers = []
        for below, out in zip(sizes, sizes[1:]):
            W = generator.normal(0.0, math.sqrt(2.0 / (below + out)), size=(out, below))
            layers.append((W, np.zeros(out) if self.bias else None))
        return self.pack(layers)

    def predict(self, theta, x):
        """f(x) (N,) at inputs x (N, d)."""
        x = np.asarray(x, dtype=float)
        data = Dataset(x, np.zeros(len(x)))
        blocks = data.blocks[0]
        outputs = np.empty((len(blocks), kernels.SAMPLES_PER_BLOCK))
        kernels.predict(self.plan, self._checked(theta), blocks, self._rows, outputs)
        return outputs.ravel()[: len(x)]

    def first_layer(self, theta, x):
        """w_i·x + b_i of the first hidden layer's neurons (N, r_1) at inputs x (N, d)."""
        W = self.matrices(theta)[0]
        return x @ W[:, : self.inputs].T + (W[:, -1] if self.bias else 0.0)

    def loss(self, theta, data, maxnorm=None):
        """Σ_n weights_n (f(x_n) − y_n)², plus the regulariser R where maxnorm is given (paper, section 1)."""
        return self.loss_and_gradient(theta, data, maxnorm)[0]

    def gradient(self, theta, data, maxnorm=None):
        """∇L, or ∇(L + R) where maxnorm is given: (P,)."""
        return self.loss_and_gradient(theta, data, maxnorm)[1]

    def hessian(self, theta, data, maxnorm=None):
        """∇²L, or ∇²(L + R) where maxnorm is given: (P, P)."""
        return self.derivatives(theta, data, maxnorm)[2]

    def loss_and_gradient(self, theta, data, maxnorm=None):
        """Loss and gradient in one pass: float, (P,)."""
        theta = self._checked(theta, data)
        gradient = np.empty(theta.size)
        loss = kernels.loss_and_gradient(self.plan, theta, *data.blocks, self._rows, gradient)
        if maxnorm is not None:
            loss += regulariser(theta, maxnorm, gradient)
        return loss, gradient

    def derivatives(self, theta, data, maxnorm=None):
        """Loss, gradient and Hessian in one pass: float, (P,), (P, P)."""
        theta = self._checked(theta, data)
        gradient, hessian = np.empty(theta.size), np.empty((theta.size, theta.size))
        loss = kernels.derivatives(self.plan, theta, *data.blocks, self._rows, gradient, hessian)
        if maxnorm is not None:
            loss += regulariser(theta, maxnorm, gradient, hessian)
        return loss, gradient, hessian

    @cached_property
    def plan(self):
        """Where the kernels find everything: a `kernels.Plan`."""
        plan = kernels.plan(ACTIVATIONS[self.activation].code, (self.inputs, *self.widths, 1), self.bias)
        return plan._replace(smoothing=np.array(self.smoothing, dtype=float)) if self.smoothing else plan

    def smoothed(self, theta, epsilon):
        """This relu network with each kink rounded over ε = epsilon times the length of the neuron's input weights."""
        lengths = [np.linalg.norm(matrix, axis=1) for matrix in self.matrices(theta)[:-1]]
        return replace(self, smoothing=tuple(epsilon * np.concatenate(lengths)))

    @cached_property
    def scalings(self):
        """Signs (P, hidden units), a column for each neuron: 1 on the weights into it, −1 on those out of it, else 0.

        A homogeneous neuron's weights times e^(s · sign) compute the same f for every s, and a gradient flow conserves
        half the sum of sign · θ².
        """
        indices = self._split(np.arange(self.parameters))
        neurons = [(row, above[:, i]) for rows, above in zip(indices, indices[1:]) for i, row in enumerate(rows)]
        signs = np.zeros((self.parameters, len(neurons)))
        for i, (into, out) in enumerate(neurons):
            signs[into, i], signs[out, i] = 1.0, -1.0
        return signs

    def gauge(self, theta):
        """Orthonormal directions (P, n) that leave f unchanged: a homogeneous neuron's w_i grows as its a_i shrinks.

        n is 0 for other activations; a neuron without weights has no such direction.
        """
        theta = self._checked(theta)
        if not ACTIVATIONS[self.activation].homogeneous:
            return np.zeros((theta.size, 0))
        directions = self.scalings * theta[:, None]
        lengths = np.linalg.norm(directions, axis=0)
        return np.linalg.qr(directions[:, lengths > 0] / lengths[lengths > 0])[0]

    @cached_property
    def _rows(self):
        return kernels.workspace(self.plan)

    def _checked(self, theta, data=None):
        theta = np.ascontiguousarray(theta, dtype=float)
        if theta.shape != (self.parameters,):
            raise ValueError(f"theta has shape {theta.shape}; this network has {self.parameters} parameters")
        if data is not None and data.dimension != self.inputs:
            raise ValueError(f"the data have {data.dimension} inputs; the network takes {self.inputs}")
        return theta


def regulariser(theta, maxnorm, gradient=None, hessian=None):
    """R(θ) = (‖θ‖ − maxnorm)³ / 3 outside the norm wall, 0 inside (paper, section 1).

    Returns the float R; adds ∇R and ∇²R in place where `gradient` (P,) and `hessian` (P, P) are given.
    """
    excess = weight_norm(theta) - maxnorm
    if not excess > 0:
        return 0.0
    slope = theta / theta.size  # the gradient of ‖θ‖
    if gradient is not None:
        gradient += excess**2 * slope
    if hessian is not None:
        hessian += 2 * excess * np.outer(slope, slope)
        hessian[np.diag_indices_from(hessian)] += excess**2 / theta.size
    return excess**3 / 3
