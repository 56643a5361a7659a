"""The datasets of the paper: a target on a grid or on normal inputs.

To add one: write its function, name it in `TARGETS` and in the schema, and give it a line in the config. Nothing here
imports the numerical engine: the environment of the Gaussian processes does without it.

Source: paper, section 2 and Appendix B.1.
"""

import math

import numpy as np

from flatchannels.data import gaussian_process
from flatchannels.data.dataset import Dataset
from flatchannels.data.seeds import generator

GRID_HALF_WIDTH = math.sqrt(3.0)  # a uniform density on [−√3, √3] has variance 1


def rosenbrock(x):
    """log10 of the modified Rosenbrock function, before standardisation: (N,) from x (N, d), d ≥ 2.

    Source: paper, section 2; after Rosenbrock 1960.
    """
    before, after = x[:, :-1], x[:, 1:]
    return np.log10(((1 - before) ** 2 + 3 * (after - before**2 + 1) ** 2).sum(axis=1) + 0.1)


def rosenbrock_target(x, spec, random):
    """The standardised Rosenbrock function.  ValueError for d < 2."""
    if x.shape[1] < 2:
        raise ValueError(f"dimension is {x.shape[1]}; the Rosenbrock target needs at least 2")
    return rosenbrock(x), True


def gaussian_process_target(x, spec, random):
    """A draw of a Gaussian process with the inverse length scale spec["scale"]; standardised if spec["standardise"]."""
    return gaussian_process.draw(x, spec["scale"], random.normal(size=len(x))), spec.get("standardise", False)


# Functions of x (N, d), the spec of the dataset and a numpy Generator. Each returns y (N,) and whether to standardise it.
TARGETS = {"rosenbrock": rosenbrock_target, "gaussian-process": gaussian_process_target}


def grid(points):
    """A regular grid on [−√3, √3]², end points included: x (points², 2), the second coordinate running fastest.

    The paper calls it 10⁴ points; its code has 101 × 101, and so have we (specification, section 8).
    """
    axis = np.linspace(-GRID_HALF_WIDTH, GRID_HALF_WIDTH, points)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def standardise(y, samples=None):
    """y shifted and scaled so that its first `samples` values (all by default) have mean 0 and population variance 1."""
    return (y - y[:samples].mean()) / y[:samples].std()


def draw(spec, dimension, root_seed, name, test=0):
    """Inputs and targets of one product, and of test points of the same target behind them.

    Parameters
    ----------
    spec : dict with target (a key of `TARGETS`) and either inputs: grid with points (per axis), or inputs: normal with
        samples; for a Gaussian process also scale, and standardise: true where the draw is to be standardised.
    dimension : int, d.  root_seed : int.  name : str, the product; whatever is random belongs to it.
    test : int, how many test points: normal, or uniform on the square of the grid. They do not change the others, but
        for the last digits of a Gaussian process, which is drawn for all of them together.

    Returns
    -------
    x (N + test, d), y (N + test,). Standardisation is by mean and variance of the first N.

    Raises
    ------
    ValueError: an unknown target or kind of inputs, a grid with d ≠ 2, or what the target refuses.
    """
    if spec["target"] not in TARGETS:
        raise ValueError(f"{name}: target is {spec['target']!r}; it must be one of {', '.join(TARGETS)}")
    random = generator(root_seed, "inputs", name)
    if spec["inputs"] == "grid":
        if dimension != 2:
            raise ValueError(f"{name}: dimension is {dimension}; the grid has 2")
        fresh = random.uniform(-GRID_HALF_WIDTH, GRID_HALF_WIDTH, size=(test, 2))
        x = np.concatenate([grid(spec["points"]), fresh])
    elif spec["inputs"] == "normal":
        x = random.normal(size=(spec["samples"] + test, dimension))
    else:
        raise ValueError(f"{name}: inputs is {spec['inputs']!r}; it must be grid or normal")
    try:
        y, standardised = TARGETS[spec["target"]](x, spec, generator(root_seed, "target", name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return x, standardise(y, len(x) - test) if standardised else y


def make(spec, dimension, root_seed, name):
    """The `Dataset` of one product, parameters and errors as for `draw`."""
    return make_with_test(spec, dimension, root_seed, name, 0)[0]


def make_with_test(spec, dimension, root_seed, name, test):
    """The `Dataset` of one product, and one of `test` fresh points of the same target (None for 0), as for `draw`."""
    x, y = draw(spec, dimension, root_seed, name, test)
    samples = len(x) - test
    return Dataset(x[:samples], y[:samples]), Dataset(x[samples:], y[samples:]) if test else None
