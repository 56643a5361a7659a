"""Random weights to start from.

Sources: paper, section 1 (Glorot normal); Glorot & Bengio 2010; He et al. 2015; LeCun et al. 1998, section 4.6.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from flatchannels.networks.layout import Layers, Layout

# Fan in, fan out → variance of a weight, drawn from a normal or a uniform distribution that is not truncated.
VARIANCES: dict[str, Callable[[int, int], float]] = {
    "glorot": lambda below, out: 2.0 / (below + out),
    "he": lambda below, out: 2.0 / below,
    "lecun": lambda below, out: 1.0 / below,
}
SCHEMES = tuple(f"{family}_{distribution}" for family in VARIANCES for distribution in ("normal", "uniform"))


def check_scheme(scheme: Any) -> None:
    """Check the name of a scheme.

    Parameters
    ----------
    scheme : str

    Raises
    ------
    ValueError
        It is none of `SCHEMES`.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}; it must be one of {', '.join(SCHEMES)}")


def initial_layers(layout: Layout, generator: np.random.Generator, scheme: str, scale: float) -> Layers:
    """Weights of variance scale² · `VARIANCES`, and biases 0.

    Parameters
    ----------
    layout : Layout
    generator : numpy.random.Generator
    scheme : str
        One of `SCHEMES`. Those of one distribution draw the same numbers, up to a factor for each layer.
    scale : float
        Factor on all weights.

    Returns
    -------
    list of (W, b)
        Hidden layers first; W is (out, in), b is (out,), or None without biases.

    Raises
    ------
    ValueError
        The scheme is another.
    """
    check_scheme(scheme)
    family, distribution = scheme.split("_")
    layers = []
    for below, out in zip(layout.sizes, layout.sizes[1:]):
        variance = VARIANCES[family](below, out)
        if distribution == "normal":
            W = generator.normal(0.0, math.sqrt(variance), size=(out, below))
        else:
            W = generator.uniform(-1.0, 1.0, size=(out, below)) * math.sqrt(3.0 * variance)
        layers.append((scale * W, np.zeros(out) if layout.bias else None))
    return layers
