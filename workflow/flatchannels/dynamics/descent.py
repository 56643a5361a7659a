"""Gradient descent, stochastic gradient descent and Adam, as fused loops for networks of few parameters.

Networks with one input, one hidden layer of erf neurons and no biases, θ = (w_1 … w_r, a_1 … a_r). A step of four
parameters takes less time than a call from Python, hence millions of them run within one compiled loop, which keeps θ
after the steps (or epochs) that it is told.

Source: paper, section 5 (Figure 6); Kingma & Ba 2015 (Adam).
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.scalars import LOOP, erf

Array = NDArray[np.float64]

BETA1, BETA2, STABILISER = 0.9, 0.999, 1e-8  # Adam's, as in its paper


def log_spaced(last: int, samples: int) -> NDArray[np.int64]:
    """Whole numbers from 0, all but equally spaced in the logarithm.

    Parameters
    ----------
    last : int
        The largest.
    samples : int
        At most so many.

    Returns
    -------
    int64 array
    """
    return np.unique(np.concatenate([[0], np.geomspace(1, last, samples - 1).round()]).astype(np.int64))


def gradient_descent(theta: ArrayLike, data: Dataset, rate: float, keep: ArrayLike) -> Array:
    """θ ← θ − rate ∇L(θ) on all samples.

    Parameters
    ----------
    theta : (2r,)
    data : Dataset
        With one input.
    rate : float
        The learning rate.
    keep : int (K,)
        Numbers of steps after which θ is kept, increasing, from 0.

    Returns
    -------
    (K, 2r)
    """
    x, y, weights = _checked(theta, data, rate)
    return _gradient_descent(np.array(theta, dtype=float), x, y, weights, float(rate), np.asarray(keep, dtype=np.int64))


def stochastic(theta: ArrayLike, data: Dataset, rate: float, batch: int, keep: ArrayLike, seed: int, adam: bool = False) -> Array:
    """SGD, or Adam: every epoch goes through the samples in a new order, `batch` at a time.

    Parameters
    ----------
    theta : (2r,)
    data : Dataset
        With one input and equal weights.
    rate : float
        The learning rate.
    batch : int
        Samples left over at the end of an epoch wait for the next order.
    keep : int (K,)
        Epochs after which θ is kept, increasing, from 0.
    seed : int
        Of the orders; below 2³².
    adam : bool

    Returns
    -------
    (K, 2r)

    Raises
    ------
    ValueError
        More than one input, a rate that is not positive, or a batch larger than the data.
    """
    x, y, _ = _checked(theta, data, rate)
    if not 1 <= batch <= x.size:
        raise ValueError(f"batch is {batch}; it must be from 1 to the number of samples, {x.size}")
    epochs = np.asarray(keep, dtype=np.int64)
    return _stochastic(np.array(theta, dtype=float), x, y, float(rate), int(batch), epochs, int(seed), bool(adam))


def _checked(theta: ArrayLike, data: Dataset, rate: float) -> tuple[Array, Array, Array]:
    parameters = np.size(theta)
    if data.dimension != 1 or parameters % 2:
        raise ValueError(f"{data.dimension} inputs and {parameters} parameters; there must be one input, and two for each neuron")
    if not rate > 0:
        raise ValueError(f"rate is {rate}; it must be positive")
    return np.ascontiguousarray(data.x[:, 0]), data.y, data.weights


@njit(**LOOP)
def _activate(z: Array, slope: Array) -> None:
    """σ(z) in place, and σ'(z) into `slope`: a loop without sums, which runs on vectors."""
    for n in range(z.size):
        z[n], slope[n], _, _ = erf(z[n], 0.0)


@njit(**SETTINGS | {"fastmath": {"reassoc", "contract", "nsz"}})
def _gradient(theta: Array, x: Array, y: Array, weights: Array, h: Array, slope: Array, error: Array, gradient: Array) -> None:
    """∇ Σ weights (f − y)² into `gradient` (2r,); h and slope (r · samples,) and error (samples,) are scratch."""
    r, samples = theta.size // 2, x.size
    for i in range(r):
        for n in range(samples):
            h[i * samples + n] = theta[i] * x[n]
    _activate(h, slope)
    for n in range(samples):
        error[n] = -y[n]
    for i in range(r):
        for n in range(samples):
            error[n] += theta[r + i] * h[i * samples + n]
    for n in range(samples):
        error[n] *= 2 * weights[n]
    for i in range(r):
        by_output, by_input = 0.0, 0.0
        for n in range(samples):
            by_output += error[n] * h[i * samples + n]
            by_input += error[n] * slope[i * samples + n] * x[n]
        gradient[i], gradient[r + i] = theta[r + i] * by_input, by_output


@njit(**SETTINGS)
def _gradient_descent(theta: Array, x: Array, y: Array, weights: Array, rate: float, keep: NDArray[np.int64]) -> Array:
    h, slope = np.empty(theta.size // 2 * x.size), np.empty(theta.size // 2 * x.size)
    error, gradient = np.empty(x.size), np.empty(theta.size)
    kept = np.empty((keep.size, theta.size))
    step = 0
    for k in range(keep.size):
        while step < keep[k]:
            _gradient(theta, x, y, weights, h, slope, error, gradient)
            for p in range(theta.size):
                theta[p] -= rate * gradient[p]
            step += 1
        kept[k] = theta
    return kept


@njit(**SETTINGS)
def _stochastic(theta: Array, x: Array, y: Array, rate: float, batch: int, keep: NDArray[np.int64], seed: int, adam: bool) -> Array:
    np.random.seed(seed)
    order = np.arange(x.size)
    h, slope = np.empty(theta.size // 2 * batch), np.empty(theta.size // 2 * batch)
    error, gradient = np.empty(batch), np.empty(theta.size)
    first, second = np.zeros(theta.size), np.zeros(theta.size)
    power1, power2 = 1.0, 1.0
    xs, ys, weights = np.empty(batch), np.empty(batch), np.full(batch, 1.0 / batch)
    kept = np.empty((keep.size, theta.size))
    epoch = 0
    for k in range(keep.size):
        while epoch < keep[k]:
            np.random.shuffle(order)
            for start in range(0, x.size - batch + 1, batch):
                for n in range(batch):
                    xs[n], ys[n] = x[order[start + n]], y[order[start + n]]
                _gradient(theta, xs, ys, weights, h, slope, error, gradient)
                if adam:
                    power1, power2 = power1 * BETA1, power2 * BETA2
                    for p in range(theta.size):
                        first[p] = BETA1 * first[p] + (1 - BETA1) * gradient[p]
                        second[p] = BETA2 * second[p] + (1 - BETA2) * gradient[p] ** 2
                        gradient[p] = first[p] / (1 - power1) / (np.sqrt(second[p] / (1 - power2)) + STABILISER)
                for p in range(theta.size):
                    theta[p] -= rate * gradient[p]
            epoch += 1
        kept[k] = theta
    return kept
