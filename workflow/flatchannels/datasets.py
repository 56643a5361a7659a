"""The datasets of the paper: a target on a grid or on normal inputs.

To add one: write its function, name it in `TARGETS` and in the schema, and give it a line in the config.

Source: paper, section 2 and Appendix B.1.
"""

import hashlib
import math

import numpy as np

from flatchannels.network import Dataset

GRID_HALF_WIDTH = math.sqrt(3.0)  # a uniform density on [−√3, √3] has variance 1


def rosenbrock(x):
    """log10 of the modified Rosenbrock function, before standardisation: (N,) from x (N, d), d ≥ 2.

    Source: paper, section 2; after Rosenbrock 1960.
    """
    before, after = x[:, :-1], x[:, 1:]
    return np.log10(((1 - before) ** 2 + 3 * (after - before**2 + 1) ** 2).sum(axis=1) + 0.1)


TARGETS = {"rosenbrock": rosenbrock}


def grid(points):
    """A regular grid on [−√3, √3]², end points included: x (points², 2), the second coordinate running fastest.

    The paper calls it 10⁴ points; its code has 101 × 101, and so have we (specification, section 8).
    """
    axis = np.linspace(-GRID_HALF_WIDTH, GRID_HALF_WIDTH, points)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def standardise(y):
    """y shifted and scaled to mean 0 and variance 1, with the population variance (1/N)."""
    return (y - y.mean()) / y.std()


def generator(root_seed, *words):
    """A numpy Generator that belongs to the words (a dataset's name, a network, a seed), whatever the order of the jobs."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([root_seed, *np.frombuffer(digest, dtype=np.uint32).tolist()]))


def make(spec, dimension, root_seed, name):
    """The dataset of one product.

    Parameters
    ----------
    spec : dict with target (a key of `TARGETS`) and either inputs: grid with points (per axis), or inputs: normal with
        samples.  dimension : int, d.  root_seed : int.  name : str, the product; normal inputs are drawn for it.

    Returns
    -------
    Dataset, x (N, d) and the standardised target y (N,).

    Raises
    ------
    ValueError: an unknown target or kind of inputs, a grid with d ≠ 2, or d < 2.
    """
    if spec["target"] not in TARGETS:
        raise ValueError(f"{name}: target is {spec['target']!r}; it must be one of {', '.join(TARGETS)}")
    if dimension < 2:
        raise ValueError(f"{name}: dimension is {dimension}; the Rosenbrock target needs at least 2")
    if spec["inputs"] == "grid":
        if dimension != 2:
            raise ValueError(f"{name}: dimension is {dimension}; the grid has 2")
        x = grid(spec["points"])
    elif spec["inputs"] == "normal":
        x = generator(root_seed, "inputs", name).normal(size=(spec["samples"], dimension))
    else:
        raise ValueError(f"{name}: inputs is {spec['inputs']!r}; it must be grid or normal")
    return Dataset(x, standardise(TARGETS[spec["target"]](x)))
