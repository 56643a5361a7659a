"""What `train` accepts, checked before anything runs: one line for each mistake, with what was given and what is allowed."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.checks import check_counts, check_numbers, checked_theta
from flatchannels.dynamics.optimisers import Optimiser
from flatchannels.networks.initialisation import check_scheme
from flatchannels.networks.network import Network

COUNTED = ("max_steps", "trajectory_samples", "spectrum_samples")


def check_settings(settings: dict[str, Any]) -> None:
    """Check the settings of `train`.

    rtol lies between 0 and 1, the counts in COUNTED are integers of at least 1, all others but the scheme and the optimiser are
    positive; infinite limits are none.

    Parameters
    ----------
    settings : dict
        The keywords of `train`.

    Raises
    ------
    ValueError
        A setting is out of its range.
    """
    for name, value in settings.items():
        if name == "scheme":
            check_scheme(value)
        elif name == "optimiser":
            if value is not None and not isinstance(value, Optimiser):
                raise ValueError(f"optimiser is {value!r}; it must be an Optimiser, or None for the gradient flow")
        elif name in COUNTED:
            check_counts(**{name: value})
        else:
            check_numbers(**{name: value})


def check_start(
    net: Network, data: Dataset, theta0: ArrayLike | None, seed: int | None, scheme: str = "glorot_normal", initial_scale: float = 1.0
) -> NDArray[np.float64]:
    """The start of a run, given or drawn from a seed by a scheme and times a scale.

    Parameters
    ----------
    net : Network
    data : Dataset
    theta0 : (P,) or None
    seed : int or None
    scheme : str
        One of `initialisation.SCHEMES`.
    initial_scale : float

    Returns
    -------
    (P,)

    Raises
    ------
    ValueError
        Neither or both are given, so is a scheme or scale beside a θ₀, θ₀ is not real and finite, its shape or the data do not
        fit the network, its kinks are rounded, or the loss is not finite there.
    """
    if not isinstance(net, Network) or not isinstance(data, Dataset):
        raise ValueError(f"train takes a Network and a Dataset, not {type(net).__name__} and {type(data).__name__}")
    if net.smoothing:
        raise ValueError("the kinks of this network are rounded, and train rounds them as it needs; give the network without smoothing")
    if (theta0 is None) == (seed is None):
        raise ValueError(f"train needs either theta0 or seed; {'neither' if seed is None else 'both'} given")
    if theta0 is None:
        check_counts(0, seed=seed)
        theta = net.initialise(np.random.default_rng(seed), scheme, initial_scale)
    elif (scheme, initial_scale) != ("glorot_normal", 1):
        raise ValueError(f"scheme is {scheme} and initial_scale {initial_scale!r}; they are for a start from a seed, not for a theta0")
    else:
        theta = checked_theta(theta0, "theta0")
        if theta.shape != (net.parameters,):
            raise ValueError(f"theta0 has shape {theta.shape}; this network has {net.parameters} parameters")
        if not np.isfinite(theta).all():
            raise ValueError(f"theta0 must be finite; {np.sum(~np.isfinite(theta))} of its {theta.size} numbers are not")
    if not np.isfinite(net.loss(theta, data)):
        raise ValueError("the loss at theta0 is not finite")
    return theta
