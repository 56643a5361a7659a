"""The columns that say of which network the runs of a record are."""

from collections.abc import Mapping
from typing import Any

from flatchannels.names import dataset_family, setting_name, widths_name


def place_columns(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Where a record stands: sweep, dataset, dimension, activation, widths and bias.

    Parameters
    ----------
    meta : mapping
        Of the record.

    Returns
    -------
    dict[str, Any]
    """
    return {
        "sweep": meta["sweep"],
        "dataset": meta["dataset"],
        "dimension": meta["inputs"],
        "activation": meta["activation"],
        "widths": widths_name(meta["widths"]),
        "bias": meta["bias"],
    }


def network_columns(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Which networks a record has: setting, family, dimension, activation, widths and bias.

    Parameters
    ----------
    meta : mapping
        Of the record.

    Returns
    -------
    dict[str, Any]
    """
    family = dataset_family(meta["dataset"], meta["inputs"], meta["spec"])
    setting = setting_name(family, meta["activation"], len(meta["widths"]))
    place = place_columns(meta)
    return {"setting": setting, "family": family, **{key: place[key] for key in ["dimension", "activation", "widths", "bias"]}}
