"""Networks with planted channels."""

import numpy as np

from flatchannels.networks.layout import Layout

NETWORKS = [(2, (4,), False), (3, (4,), True), (2, (4, 4), True), (4, (4, 3, 5), True)]  # inputs, widths, bias
GROUPS = {(4,): {0: [[0, 2]]}, (4, 4): {0: [[1, 3]], 1: [[0, 1, 2]]}, (4, 3, 5): {0: [[0, 1], [2, 3]], 1: [[0, 2]], 2: [[1, 4]]}}


def planted(inputs, widths, bias, neurons, epsilon=1e-3, seed=0):
    """Random θ with channels: neurons {layer: [group, …]} get parallel inputs up to epsilon, and outputs of opposite signs.

    The outputs do not grow with 1/epsilon: two weights that dominate the rows of the layer above would make these parallel.
    """
    rng = np.random.default_rng(seed)
    layout = Layout(inputs, widths, bias)
    theta, layers = rng.normal(size=layout.parameters), layout.hidden_layers
    for number, found in neurons.items():
        for group in found:
            rows, columns = layers[number].rows[group], layers[number].columns[group]
            theta[rows] = theta[rows[0]] + epsilon * rng.normal(size=rows.shape)
            theta[columns] += 4 * (-1.0) ** np.arange(len(group))[:, None] * rng.normal(size=columns.shape[1])
    return theta, layers
