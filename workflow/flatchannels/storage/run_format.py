"""The format of run records: which arrays a block of runs has, and which metadata.

A record holds the runs of consecutive seeds of one network on one dataset. The first axis of every array runs over them.
What the arrays mean stands in `schemas.run_arrays`: an edit of these words must not make all runs again.
"""

from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

from flatchannels.networks.layout import layout_of
from flatchannels.storage.errors import RecordError

RUNS_FORM = "flatchannels runs"


class ArrayForm(NamedTuple):
    """The form of an array of a run record.

    Attributes
    ----------
    dtype
        Its type.
    axes
        After the run axis, a letter each: P parameters, T trajectory samples, S spectrum samples.
    nan
        Where NaN is legal: "failed", only in runs that raised; "tail", also after the last sample of a shorter run.
    """

    dtype: str
    axes: str
    nan: str | None


RUN_ARRAYS: dict[str, ArrayForm] = {
    "seed": ArrayForm("int64", "", None),
    "theta_initial": ArrayForm("float64", "P", "failed"),
    "theta_flow": ArrayForm("float64", "P", "failed"),
    "theta": ArrayForm("float64", "P", "failed"),
    "loss_initial": ArrayForm("float64", "", "failed"),
    "loss_flow": ArrayForm("float64", "", "failed"),
    "loss": ArrayForm("float64", "", "failed"),
    "loss_cusp": ArrayForm("float64", "", "failed"),
    "gradient_norm_flow": ArrayForm("float64", "", "failed"),
    "gradient_norm": ArrayForm("float64", "", "failed"),
    "weight_norm_flow": ArrayForm("float64", "", "failed"),
    "weight_norm": ArrayForm("float64", "", "failed"),
    "trajectory_t": ArrayForm("float64", "T", "tail"),
    "trajectory_theta": ArrayForm("float64", "TP", "tail"),
    "trajectory_loss": ArrayForm("float64", "T", "tail"),
    "stop": ArrayForm("int8", "", None),
    "finish": ArrayForm("int8", "", None),
    "spectrum_t": ArrayForm("float64", "S", "tail"),
    "spectrum_min": ArrayForm("float64", "S", "tail"),
    "spectrum_max": ArrayForm("float64", "S", "tail"),
    "hessian_min": ArrayForm("float64", "", "failed"),
    "hessian_max": ArrayForm("float64", "", "failed"),
    "t_end": ArrayForm("float64", "", "failed"),
    "steps": ArrayForm("int64", "", None),
    "rejections": ArrayForm("int64", "", None),
    "gradients": ArrayForm("int64", "", None),
    "hessians": ArrayForm("int64", "", None),
    "polish_iterations": ArrayForm("int64", "", None),
    "seconds_flow": ArrayForm("float64", "", "failed"),
    "seconds_polish": ArrayForm("float64", "", "failed"),
    "message": ArrayForm("str", "", None),
}
RUN_META = {"sweep": str, "dataset": str, "inputs": int, "widths": list, "activation": str, "bias": bool, "training": dict,
            "seed": int, "spec": dict, "data": str, "versions": dict, "cpu": str, "first_seed": int, "last_seed": int,
            "stop_codes": dict, "finish_codes": dict}  # fmt: skip


def axis_lengths(path: str | PathLike[str], meta: Mapping[str, Any]) -> dict[str, int]:
    """Lengths of the axes as the metadata implies them: B runs, P, T and S.

    Parameters
    ----------
    path : path
        Of the file.
    meta : mapping
        Metadata, JSON types.

    Returns
    -------
    dict[str, int]

    Raises
    ------
    RecordError
        The metadata is incomplete, or of wrong types.
    """
    for key, kind in RUN_META.items():
        if not isinstance(meta.get(key), kind):
            raise RecordError(path, f"metadata: {key} is {meta.get(key)!r}; it must be a {kind.__name__}")
    try:
        return {
            "B": meta["last_seed"] - meta["first_seed"] + 1,
            "P": layout_of(meta).parameters,
            "T": int(meta["training"]["trajectory_samples"]),
            "S": int(meta["training"]["spectrum_samples"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(path, f"metadata is incomplete: {error!r}") from error
