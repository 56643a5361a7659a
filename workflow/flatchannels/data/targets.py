"""The functions to learn: one for each `target` in the configuration.

To add one: its function (x, spec, random) → (y, whether to standardise it), its entry in `TARGETS`, its name in the schema.
A function of one's own needs none of this: `target: my_targets.py:function` (`user_target`).

Source: paper, section 2 and Appendix B.1 (Rosenbrock, Gaussian process); the others are this project's.
"""

import importlib.util
import math
import sys
import traceback
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
        There is no such function, it fails, or it does not give real finite numbers. What it raised is the cause.
    """
    file, name = spec["target"].rsplit(":", 1)
    if not Path(file).is_file():
        raise ValueError(f"target is {spec['target']!r}; there is no Python file {file}")
    try:
        values = _called(Path(file).absolute(), name, x)
    except (Exception, SystemExit) as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"target {spec['target']} raised {told}{_line_of(error, Path(file))}") from error
    y = _real(values)
    if y is None:
        raise ValueError(f"target {spec['target']} gave no array of real numbers; it must give one for each of {len(x)} samples")
    if y.shape != (len(x),):
        raise ValueError(f"target {spec['target']} gave shape {y.shape}; it must give one number for each of {len(x)} samples: ({len(x)},)")
    if count := np.count_nonzero(~np.isfinite(y)):
        raise ValueError(f"target {spec['target']} gave {count} values that are not finite, of {len(x)}; all must be")
    return y, spec.get("standardise", False)


def _called(file: Path, name: str, x: Array) -> Any:
    """What a function in a file returns.  Modules beside the file can be imported meanwhile, as from a script."""
    module_name = f"flatchannels_target_{file.stem.replace('.', '_')}"
    module_spec = importlib.util.spec_from_file_location(module_name, file)
    assert module_spec and module_spec.loader  # the name ends with .py
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module  # dataclasses look their module up there
    path = list(sys.path)
    sys.path.insert(0, str(file.parent))
    try:
        module_spec.loader.exec_module(module)
        if not callable(function := getattr(module, name, None)):
            raise AttributeError(f"{file.name} has no function {name}")
        return function(x.copy())
    except BaseException:
        sys.modules.pop(module_name, None)
        raise
    finally:
        sys.path[:] = path


def _line_of(error: BaseException, file: Path) -> str:
    """Where in the folder of a file something was raised, in words: ' (mine.py, line 7)'; nothing where it was not there."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == file.absolute().parent]
    return f" ({file.parent / Path(lines[-1].filename).name}, line {lines[-1].lineno})" if lines else ""


def _real(values: Any) -> Array | None:
    """Values as an array of floats; None where they are no numbers, or complex ones."""
    try:
        return None if np.iscomplexobj(np.asarray(values)) else np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return None


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
