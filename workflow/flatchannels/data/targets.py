"""The functions to learn: one for each `target` in the configuration.

To add one: its function (x, spec, random) → (y, whether to standardise it), its entry in `TARGETS`, its name in the schema.
A function of one's own needs none of this: `target: my_targets.py:function` (`user_target`).

Source: paper, section 2 and Appendix B.1 (Rosenbrock, Gaussian process); the others are this project's.
"""

import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.data import gaussian_process
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.layout import Layout

Array = NDArray[np.float64]
Spec = Mapping[str, Any]
Target = tuple[Array, bool]


def rosenbrock(x: Array) -> Array:
    """log10 of the modified Rosenbrock function, before standardisation.

    Source: paper, section 2; after Rosenbrock 1960.

    Parameters
    ----------
    x : (N, d)
        d ≥ 2.

    Returns
    -------
    (N,)
    """
    before, after = x[:, :-1], x[:, 1:]
    return np.log10(((1 - before) ** 2 + 3 * (after - before**2 + 1) ** 2).sum(axis=1) + 0.1)


def rosenbrock_target(x: Array, spec: Spec, random: np.random.Generator) -> Target:
    """The standardised Rosenbrock function.

    Parameters
    ----------
    x : (N, d)
    spec : mapping
        What the configuration says about the dataset.
    random : numpy.random.Generator

    Returns
    -------
    y : (N,)
    standardise : bool

    Raises
    ------
    ValueError
        d < 2.
    """
    if x.shape[1] < 2:
        raise ValueError(f"dimension is {x.shape[1]}; the Rosenbrock target needs at least 2")
    return rosenbrock(x), True


def gaussian_process_target(x: Array, spec: Spec, random: np.random.Generator) -> Target:
    """A draw of a Gaussian process with the inverse length scale spec["scale"]; standardised if spec["standardise"].

    Parameters
    ----------
    x : (N, d)
    spec : mapping
        What the configuration says about the dataset.
    random : numpy.random.Generator

    Returns
    -------
    y : (N,)
    standardise : bool
    """
    return gaussian_process.draw(x, spec["scale"], random.normal(size=len(x))), spec.get("standardise", False)


def teacher_target(x: Array, spec: Spec, random: np.random.Generator) -> Target:
    """The output of a random network: Glorot-normal weights times spec["weight_scale"] (1), normal biases of that scale.

    Glorot-normal weights alone would give biases of 0.

    Parameters
    ----------
    x : (N, d)
    spec : mapping
        With the keys widths, activation, bias (true), weight_scale, standardise (false).
    random : numpy.random.Generator

    Returns
    -------
    y : (N,)
    standardise : bool
    """
    layout = Layout(x.shape[1], tuple(spec["widths"]), spec.get("bias", True))
    scale, h = spec.get("weight_scale", 1.0), x
    for number, (out, columns) in enumerate(layout.shapes):
        below = columns - layout.bias
        weights = random.normal(0.0, scale * math.sqrt(2.0 / (below + out)), size=(out, below))
        z = h @ weights.T + (random.normal(0.0, scale, size=out) if layout.bias else 0.0)
        h = z if number == len(layout.widths) else ACTIVATIONS[spec["activation"]].derivatives(z)[0]
    return h[:, 0], spec.get("standardise", False)


def sinusoids_target(x: Array, spec: Spec, random: np.random.Generator) -> Target:
    """Σ_k a_k sin(ω_k·x + φ_k) of spec["terms"] random waves, with ω_k ~ N(0, frequency² I): standardised unless told not to be.

    Parameters
    ----------
    x : (N, d)
    spec : mapping
        What the configuration says about the dataset.
    random : numpy.random.Generator

    Returns
    -------
    y : (N,)
    standardise : bool
    """
    waves = random.normal(0.0, spec["frequency"], size=(spec["terms"], x.shape[1]))
    amplitudes, phases = random.normal(size=len(waves)), random.uniform(0, 2 * math.pi, size=len(waves))
    return np.sin(x @ waves.T + phases) @ amplitudes, spec.get("standardise", True)


def user_target(x: Array, spec: Spec, random: np.random.Generator) -> Target:
    """The function named in spec["target"], my_targets.py:function, which takes x (N, d) and returns y (N,).

    Parameters
    ----------
    x : (N, d)
    spec : mapping
        What the configuration says about the dataset.
    random : numpy.random.Generator

    Returns
    -------
    y : (N,)
    standardise : bool

    Raises
    ------
    ValueError
        There is no such function, or it fails.
    """
    file, name = spec["target"].rsplit(":", 1)
    module_spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if not Path(file).is_file() or module_spec is None or module_spec.loader is None:
        raise ValueError(f"target is {spec['target']!r}; there is no Python file {file}")
    module = importlib.util.module_from_spec(module_spec)
    try:
        module_spec.loader.exec_module(module)
        function = getattr(module, name)
        y = np.asarray(function(x.copy()), dtype=float)
    except Exception as error:
        raise ValueError(f"target {spec['target']} raised {type(error).__name__}: {error}") from error
    if y.shape != (len(x),) or not np.isfinite(y).all():
        raise ValueError(f"target {spec['target']} gave shape {y.shape}; it must give one finite number for each of {len(x)} samples")
    return y, spec.get("standardise", False)


TARGETS: dict[str, Callable[[Array, Spec, np.random.Generator], Target]] = {
    "rosenbrock": rosenbrock_target,
    "gaussian-process": gaussian_process_target,
    "teacher": teacher_target,
    "sinusoids": sinusoids_target,
}


def target_of(spec: Spec) -> Callable[[Array, Spec, np.random.Generator], Target]:
    """The function of a dataset's target.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset.

    Returns
    -------
    function x, spec, random → y, standardise

    Raises
    ------
    ValueError
        The target is not known.
    """
    if spec["target"] in TARGETS:
        return TARGETS[spec["target"]]
    if ".py:" in spec["target"]:
        return user_target
    raise ValueError(f"target is {spec['target']!r}; it must be one of {', '.join(TARGETS)}, file, or my_targets.py:function")
