"""Networks at critical points, and the saddle lines of converged networks."""

import numpy as np

from flatchannels import Dataset, Network
from flatchannels.landscape.saddle_lines import saddle_line, stability
from flatchannels.networks.scalars import kernel_values


def example(activation="g", bias=True, width=3, inputs=2, residual=0.1, samples=150, seed=0):
    """A network exactly at a critical point: targets chosen such that the residuals are orthogonal to the Jacobian."""
    rng = np.random.default_rng(seed)
    net = Network(inputs, (width,), activation, bias)
    theta = rng.normal(size=net.parameters)
    x, weights = rng.normal(size=(samples, inputs)), rng.uniform(0.5, 1.5, samples)
    weights /= weights.sum()
    noise = rng.normal(size=samples) + rng.normal() * np.cos(2 * x[:, 0] + rng.normal())
    basis = np.linalg.qr(weights[:, None] ** 0.5 * jacobian(net, theta, x))[0]
    noise = weights**0.5 * noise
    for _ in range(2):  # twice is enough for orthogonality to rounding
        noise = noise - basis @ (basis.T @ noise)
    return net, theta, Dataset(x, net.predict(theta, x) - residual * noise / weights**0.5, weights)


def jacobian(net, theta, x):
    """∂f/∂θ (N, P), written down from the formula of the network."""
    (W, _), (a, _) = net.unpack(theta)
    value, slope, *_ = kernel_values(net.activation, net.first_layer(theta, x))
    inputs = np.column_stack([x, np.ones(len(x))]) if net.bias else x
    columns = [a[0, i] * slope[:, i, None] * inputs for i in range(len(W))] + [value]
    return np.column_stack(columns + [np.ones(len(x))] if net.bias else columns)


def smoothed_example():
    net, theta, data = example("relu")
    return net.smoothed(theta, 0.3), theta, data


def lines(networks):
    return [(net, theta, neuron, saddle_line(net, theta, neuron)) for net, theta in networks for neuron in range(net.widths[0])]


def line_of(networks, data, wanted):
    """The first saddle line with this verdict."""
    return next(line for net, theta, neuron, line in lines(networks) if stability(net, theta, neuron, data) == wanted)
