"""Datasets of the configuration: inputs (`inputs`), targets on them (`targets`), or both from a file (`files`).

Nothing here imports the numerical engine: the environment of the Gaussian processes does without it.

Source: paper, section 2 and Appendix B.1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.data import files
from flatchannels.data.dataset import CONSTANT, Dataset
from flatchannels.data.inputs import INPUTS
from flatchannels.data.seeds import generator
from flatchannels.data.targets import target_of


def standardise(y: NDArray[np.float64], samples: int | None = None) -> NDArray[np.float64]:
    """Targets shifted and scaled so that the first ones have mean 0 and population variance 1.

    Where these are all one value but for rounding, all are shifted alone, as in `Dataset.standardised`.

    Parameters
    ----------
    y : (N,)
    samples : int, optional
        How many are the first; all by default.

    Returns
    -------
    (N,)
    """
    first = y[:samples]
    deviation = first.std()
    return (y - first.mean()) / (deviation if deviation > CONSTANT * abs(first).max() else 1.0)


def make(spec: Mapping[str, Any], dimension: int, root_seed: int, name: str) -> Dataset:
    """A dataset, without its test samples: see `make_with_test`.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset.
    dimension : int
        d.
    root_seed : int
    name : str
        The product; whatever is random belongs to it.

    Returns
    -------
    Dataset
    """
    return make_with_test(spec, dimension, root_seed, name)[0]


def make_with_test(spec: Mapping[str, Any], dimension: int, root_seed: int, name: str) -> tuple[Dataset, Dataset | None]:
    """A dataset and its test samples.

    Parameters
    ----------
    spec : dict
        Of the configuration. target is a key of `TARGETS`, my_targets.py:function, or file; unless it is file, inputs is a key of
        `INPUTS`; the other keys belong to these, but for test_samples: how many fresh samples of the same target there are. They
        do not change the others, but for the last digits of a Gaussian process, which is drawn for all of them together.
    dimension : int
        d.
    root_seed : int
    name : str
        The product; whatever is random belongs to it.

    Returns
    -------
    Dataset
    Dataset or None
        The test samples; None where the specification asks for none.

    Raises
    ------
    ValueError
        An unknown target or kind of inputs, or what these refuse; the text begins with the name. Its cause is what the user's
        own function raised, if that is why.
    """
    random, test = generator(root_seed, "inputs", name), spec.get("test_samples", 0)
    try:
        if spec["target"] == "file":
            return files.split(spec, dimension, random)
        if spec["inputs"] not in INPUTS:
            raise ValueError(f"inputs is {spec['inputs']!r}; it must be one of {', '.join(INPUTS)}")
        function = target_of(spec)
        x = INPUTS[spec["inputs"]](spec, dimension, test, random)
        y, standardised = function(x, spec, generator(root_seed, "target", name))
        samples = len(x) - test
        y = standardise(y, samples) if standardised else y
        return Dataset(x[:samples], y[:samples]), Dataset(x[samples:], y[samples:]) if test else None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error.__cause__
