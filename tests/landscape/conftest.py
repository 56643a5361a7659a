"""A small dataset, and networks that have converged on it."""

import pytest

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.reasons import Stop


@pytest.fixture(scope="session")
def data():
    return make({"target": "rosenbrock", "inputs": "grid", "points": 31}, 2, 1, "grid")


@pytest.fixture(scope="session")
def networks(data):
    """Converged networks of finite norm, one for each minimum found."""
    found = {}
    for activation, bias, width, seeds in (
        ("g", False, 1, (0, 1)),
        ("g", False, 3, (1,)),
        ("g", True, 2, (0, 6)),
        ("erf", True, 2, (0,)),
        ("softplus", True, 2, (0, 3)),
    ):
        net = Network(2, (width,), activation, bias)
        for seed in seeds:
            run = train(net, data, seed=seed, spectrum_samples=1)
            if run.stop == Stop.STATIONARY and run.gradient_norm < 1e-12:
                found.setdefault((net, round(run.loss, 8)), run.theta)
    return [(net, theta) for (net, _), theta in found.items()]
