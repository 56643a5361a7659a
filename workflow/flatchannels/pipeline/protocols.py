"""Protocols: what of the training of its runs an entry of a sweep gives itself, key by key of `names.PROTOCOL`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from flatchannels import names
from flatchannels.pipeline import mistakes

DEFAULTS = {"initial_scale": 1, "scheme": "glorot_normal", "optimiser": "flow"}  # maxnorm: that of `training`
# Optimiser → key that it has → whether it needs it. The gradient flow has none of them.
KEYS = {
    "flow": {},
    "gd": {"rate": True, "budget": True},
    "sgd": {"rate": True, "batch": True, "budget": True},
    "adam": {"rate": True, "batch": False, "budget": True},
}


def protocols(entry: dict, maxnorm: float) -> list[dict[str, Any]]:
    """What the runs of an entry have for protocols: every combination of its lists, without what is the default.

    Of rate, batch and budget an optimiser takes those that it has, so that a list of optimisers can share them.

    Parameters
    ----------
    entry : dict
        Of a sweep.
    maxnorm : float
        That of `training`, which runs have for default.

    Returns
    -------
    list of dict
    """
    defaults = DEFAULTS | {"maxnorm": maxnorm}
    given = {key: [_number(key, value) for value in listed(entry[key])] for key in names.PROTOCOL if key in entry}
    found = []
    for values in product(*given.values()):
        asked = dict(zip(given, values))
        own = KEYS[asked.get("optimiser", "flow")]
        idle = {key for keys in KEYS.values() for key in keys if key not in own}
        found.append({key: value for key, value in asked.items() if key not in idle and value != defaults.get(key)})
    return [protocol for number, protocol in enumerate(found) if protocol not in found[:number]]


def wrong_keys(where: str, entry: dict) -> Iterator[str]:
    """Mistakes: a key that none of the entry's optimisers has, or one that is missing.

    Parameters
    ----------
    where : str
        Where the entry stands, for the messages.
    entry : dict
        Of a sweep.

    Yields
    ------
    str
    """
    optimisers = listed(entry.get("optimiser", DEFAULTS["optimiser"]))
    for key in ("rate", "batch", "budget"):
        homes = [name for name, keys in KEYS.items() if key in keys]
        if key in entry and not set(homes) & set(optimisers):
            goes = f"that key goes with optimiser {', '.join(homes)}, not with {', '.join(optimisers)}"
            yield f"{where}.{key} is {mistakes.shown(entry[key])}; {goes}"
        needs = [name for name in optimisers if KEYS[name].get(key)]
        if key not in entry and needs:
            yield f"{where} lacks the key {key}, which optimiser {needs[0]} needs"


def wrong_batches(where: str, entry: dict, spec: dict) -> Iterator[str]:
    """A batch that is larger than the dataset, where the configuration tells its size.

    Parameters
    ----------
    where : str
        Where the entry stands, for the messages.
    entry : dict
        Of a sweep.
    spec : dict
        What the configuration says about the dataset.

    Yields
    ------
    str
    """
    samples = spec["points"] ** 2 if "points" in spec else spec.get("samples")
    for batch in listed(entry.get("batch", [])):
        if samples is not None and batch > samples:
            yield f"{where}.batch is {batch}; {entry['dataset']} has {samples} samples"


def _number(key: str, value: Any) -> Any:
    """2.0 for 2 where a number need not be whole: both are one protocol."""
    return float(value) if key in ("initial_scale", "rate", "maxnorm") else value


def listed(value: Any) -> list:
    """A value, or a list of such values, as a list.

    Parameters
    ----------
    value : object

    Returns
    -------
    list
    """
    return value if isinstance(value, list) else [value]
