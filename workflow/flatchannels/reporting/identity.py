"""The columns that say of which network the runs of a record are, and by which protocol."""

from collections.abc import Mapping
from typing import Any

from flatchannels.names import dataset_family, setting_name, widths_name
from flatchannels.storage.schemas.columns import PROTOCOL_COLUMNS

DEFAULT_PROTOCOL = {"initial_scale": 1.0, "scheme": "glorot_normal", "optimiser": "flow", "rate": 0.0, "batch": 0, "budget": 0}


def place_columns(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Where a record stands: sweep, dataset, dimension, activation, widths, bias and protocol.

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
        **protocol_columns(meta),
    }


def protocol_columns(meta: Mapping[str, Any]) -> dict[str, Any]:
    """By which protocol the runs of a record were made: `columns.PROTOCOL_COLUMNS`, with 0 for what an optimiser does not have.

    Parameters
    ----------
    meta : mapping
        Of the record.

    Returns
    -------
    dict[str, Any]
    """
    return DEFAULT_PROTOCOL | {"maxnorm": meta["training"]["maxnorm"]} | meta.get("protocol", {})


def network_columns(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Which networks a record has: setting, family, dimension, activation, widths, bias and protocol.

    Parameters
    ----------
    meta : mapping
        Of the record.

    Returns
    -------
    dict[str, Any]
    """
    family = dataset_family(meta["dataset"], meta["inputs"], meta["spec"])
    setting = setting_name(family, meta["activation"], len(meta["widths"]), meta.get("protocol"))
    place = place_columns(meta)
    return {
        "setting": setting,
        "family": family,
        **{key: place[key] for key in ["dimension", "activation", "widths", "bias", *PROTOCOL_COLUMNS]},
    }
