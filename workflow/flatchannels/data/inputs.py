"""Where the samples of a dataset lie: one function for each kind of `inputs` in the configuration.

To add one: its function (spec, dimension, test, random) → x (N + test, d), its entry in `INPUTS`, its name in the schema.

Source: paper, section 2 and Appendix B.1 (grid, normal); the others are this project's.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

HALF_WIDTH = math.sqrt(3.0)  # a uniform density on [−√3, √3] has variance 1
Array = NDArray[np.float64]
Spec = Mapping[str, Any]


def grid(points: int) -> Array:
    """A regular grid on [−√3, √3]², end points included, the second coordinate running fastest.

    The paper calls it 10⁴ points; its code has 101 × 101, and so have we (specification, section 8).

    Parameters
    ----------
    points : int
        Along each side.

    Returns
    -------
    (points², 2)
    """
    axis = np.linspace(-HALF_WIDTH, HALF_WIDTH, points)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def grid_inputs(spec: Spec, dimension: int, test: int, random: np.random.Generator) -> Array:
    """`grid`, with test points that are uniform on its square.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset; samples are how many points.
    dimension : int
        d.
    test : int
        How many more points, for tests.
    random : numpy.random.Generator

    Returns
    -------
    (N + test, 2)

    Raises
    ------
    ValueError
        d ≠ 2.
    """
    if dimension != 2:
        raise ValueError(f"dimension is {dimension}; the grid has 2")
    fresh = random.uniform(-HALF_WIDTH, HALF_WIDTH, size=(test, 2))
    return np.concatenate([grid(spec["points"]), fresh])


def normal_inputs(spec: Spec, dimension: int, test: int, random: np.random.Generator) -> Array:
    """Independent draws from N(0, Σ), Σ = spec["covariance"] (d, d), or the identity.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset; samples are how many points.
    dimension : int
        d.
    test : int
        How many more points, for tests.
    random : numpy.random.Generator

    Returns
    -------
    (N + test, d)

    Raises
    ------
    ValueError
        Σ is no covariance matrix of that dimension.
    """
    x = random.normal(size=(spec["samples"] + test, dimension))
    if "covariance" not in spec:
        return x
    covariance = np.array(spec["covariance"], dtype=float)
    if covariance.shape != (dimension, dimension) or not np.array_equal(covariance, covariance.T):
        raise ValueError(f"covariance must be a symmetric matrix of {dimension} rows and columns")
    try:
        return x @ np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:
        raise ValueError("covariance must be positive definite") from None


def uniform_inputs(spec: Spec, dimension: int, test: int, random: np.random.Generator) -> Array:
    """Independent draws from [−√3, √3]^d, in which every coordinate has variance 1.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset; samples are how many points.
    dimension : int
        d.
    test : int
        How many more points, for tests.
    random : numpy.random.Generator

    Returns
    -------
    (N + test, d)
    """
    return random.uniform(-HALF_WIDTH, HALF_WIDTH, size=(spec["samples"] + test, dimension))


def sphere_inputs(spec: Spec, dimension: int, test: int, random: np.random.Generator) -> Array:
    """Independent draws from the sphere |x| = √d, on which every coordinate has variance 1.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset; samples are how many points.
    dimension : int
        d.
    test : int
        How many more points, for tests.
    random : numpy.random.Generator

    Returns
    -------
    (N + test, d)
    """
    x = random.normal(size=(spec["samples"] + test, dimension))
    return x * (math.sqrt(dimension) / np.linalg.norm(x, axis=1, keepdims=True))


INPUTS: dict[str, Callable[[Spec, int, int, np.random.Generator], Array]] = {
    "grid": grid_inputs,
    "normal": normal_inputs,
    "uniform": uniform_inputs,
    "sphere": sphere_inputs,
}
