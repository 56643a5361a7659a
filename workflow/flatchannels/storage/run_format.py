"""The format of run records: which arrays a block of runs has, and which metadata.

A record holds the runs of consecutive seeds of one network on one dataset. The first axis of every array runs over them.
"""

from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

from flatchannels.networks.layout import layout_of
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.columns import CURVATURE, LOSS, ONE, TIME, WEIGHT
from flatchannels.storage.schemas.runs import RUNS

RUNS_FORM = "flatchannels runs"


class ArrayForm(NamedTuple):
    """The form of an array of a run record.

    dtype : its type.
    axes : after the run axis, a letter each: P parameters, T trajectory samples, S spectrum samples.
    nan : where NaN is legal: "failed", only in runs that raised; "tail", also after the last sample of a shorter run.
    meaning, unit : as of a `columns.Column`.
    """

    dtype: str
    axes: str
    nan: str | None
    meaning: str
    unit: str


def as_in_the_table(name: str) -> tuple[str, str]:
    """Meaning and unit of the column of that name in the table of runs."""
    return RUNS.columns[name].meaning, RUNS.columns[name].unit


RUN_ARRAYS: dict[str, ArrayForm] = {
    "seed": ArrayForm("int64", "", None, *as_in_the_table("seed")),
    "theta_initial": ArrayForm("float64", "P", "failed", "The initial point θ₀.", WEIGHT),
    "theta_flow": ArrayForm("float64", "P", "failed", "The end of the flow.", WEIGHT),
    "theta": ArrayForm("float64", "P", "failed", "The minimum that the finish found.", WEIGHT),
    "loss_initial": ArrayForm("float64", "", "failed", *as_in_the_table("loss_initial")),
    "loss_flow": ArrayForm("float64", "", "failed", *as_in_the_table("loss_flow")),
    "loss": ArrayForm("float64", "", "failed", *as_in_the_table("loss")),
    "loss_cusp": ArrayForm("float64", "", "failed", *as_in_the_table("loss_cusp")),
    "gradient_norm_flow": ArrayForm("float64", "", "failed", *as_in_the_table("gradient_norm_flow")),
    "gradient_norm": ArrayForm("float64", "", "failed", *as_in_the_table("gradient_norm")),
    "weight_norm_flow": ArrayForm("float64", "", "failed", *as_in_the_table("weight_norm_flow")),
    "weight_norm": ArrayForm("float64", "", "failed", *as_in_the_table("weight_norm")),
    "trajectory_t": ArrayForm("float64", "T", "tail", "Times of the samples of the flow, spaced evenly in log t.", TIME),
    "trajectory_theta": ArrayForm("float64", "TP", "tail", "The flow at these times.", WEIGHT),
    "trajectory_loss": ArrayForm("float64", "T", "tail", "Its loss at these times.", LOSS),
    "stop": ArrayForm("int8", "", None, "Why the flow ended; the metadata name the codes.", ONE),
    "finish": ArrayForm("int8", "", None, "Why the finish ended; the metadata name the codes.", ONE),
    "spectrum_t": ArrayForm("float64", "S", "tail", "Times at which the Hessian was looked at.", TIME),
    "spectrum_min": ArrayForm("float64", "S", "tail", "The smallest eigenvalue of ∇²L at these times.", CURVATURE),
    "spectrum_max": ArrayForm("float64", "S", "tail", "The largest eigenvalue of ∇²L at these times.", CURVATURE),
    "hessian_min": ArrayForm("float64", "", "failed", *as_in_the_table("hessian_min")),
    "hessian_max": ArrayForm("float64", "", "failed", *as_in_the_table("hessian_max")),
    "t_end": ArrayForm("float64", "", "failed", *as_in_the_table("t_end")),
    "steps": ArrayForm("int64", "", None, *as_in_the_table("steps")),
    "rejections": ArrayForm("int64", "", None, *as_in_the_table("rejections")),
    "gradients": ArrayForm("int64", "", None, *as_in_the_table("gradients")),
    "hessians": ArrayForm("int64", "", None, *as_in_the_table("hessians")),
    "polish_iterations": ArrayForm("int64", "", None, *as_in_the_table("polish_iterations")),
    "seconds_flow": ArrayForm("float64", "", "failed", *as_in_the_table("seconds_flow")),
    "seconds_polish": ArrayForm("float64", "", "failed", *as_in_the_table("seconds_polish")),
    "message": ArrayForm("str", "", None, *as_in_the_table("message")),
}
RUN_META = {"sweep": str, "dataset": str, "inputs": int, "widths": list, "activation": str, "bias": bool, "training": dict,
            "seed": int, "spec": dict, "data": str, "versions": dict, "cpu": str, "first_seed": int, "last_seed": int,
            "stop_codes": dict, "finish_codes": dict}  # fmt: skip


def axis_lengths(path: str | PathLike[str], meta: Mapping[str, Any]) -> dict[str, int]:
    """Lengths of the axes as the metadata implies them: B runs, P, T and S.

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
