"""Run records: blocks of runs, written and read whole."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.reasons import Finish, Stop
from flatchannels.storage.archives import content_digest, read_archive, write_archive
from flatchannels.storage.errors import RecordError
from flatchannels.storage.origins import check_origin
from flatchannels.storage.run_format import RUN_ARRAYS, RUNS_FORM, axis_lengths
from flatchannels.storage.run_validation import check_place, check_runs


@dataclass
class Failure:
    """Stands in a list of runs for a run that raised.

    Parameters
    ----------
    seed
        Of the run.
    message
        Of the error.
    theta_initial : (P,)
        The initial point, if it got that far.
    """

    seed: int
    message: str
    theta_initial: NDArray[np.float64] | None = None


def write_runs(path: str | PathLike[str], meta: Mapping[str, Any], runs: Sequence[Any]) -> None:
    """Write a block of runs of one configuration with consecutive seeds.

    Parameters
    ----------
    path
        Of the npz file to write.
    meta
        Sweep, dataset, inputs, widths, activation, bias, training, the root seed, spec (of the dataset, in the configuration),
        data (digest of the dataset), versions, cpu.
    runs
        `training.Run` each, or Failure for a run that raised.

    Raises
    ------
    RecordError
        Metadata or runs do not make a valid record. Nothing is written then.
    """
    if not runs:
        raise RecordError(path, "a block needs at least one run")
    seeds = [int(run.seed) for run in runs]
    meta = {**meta, "first_seed": seeds[0], "last_seed": seeds[-1],
            "stop_codes": {code.name: int(code) for code in Stop}, "finish_codes": {code.name: int(code) for code in Finish}}  # fmt: skip
    lengths = axis_lengths(path, meta)
    columns = [_failure_values(run) if isinstance(run, Failure) else _run_values(run) for run in runs]
    arrays = {key: _stacked(path, key, [values[key] for values in columns], lengths) for key in RUN_ARRAYS}
    check_runs(path, meta, arrays)
    write_archive(path, RUNS_FORM, {**meta, "sha256": content_digest(arrays)}, arrays)


def read_runs(
    path: str | PathLike[str], keys: Collection[str] | None = None, asked: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Read a block of runs.

    Parameters
    ----------
    path
        Of the npz file.
    keys
        Names of the arrays to return; all by default. The seal is verified over the whole file in any case.
    asked
        Of `config.origin`, by which the record must have been made; by default any.

    Returns
    -------
    meta : dict
    arrays : dict
        Name → array whose first axis runs over the runs of the block (`run_format.RUN_ARRAYS` lists them).

    Raises
    ------
    RecordError
        The file is missing, damaged, foreign, of another version, made by another configuration, or contradicts itself.
    """
    wanted = None if keys is None else list(dict.fromkeys([*keys, "stop", "finish"]))  # NaN is judged by the stop
    meta, arrays = read_archive(path, RUNS_FORM, wanted)
    if keys is None and set(arrays) != set(RUN_ARRAYS):
        raise RecordError(path, f"arrays missing or unknown: {sorted(set(arrays) ^ set(RUN_ARRAYS))}")
    check_runs(path, meta, arrays)
    check_place(path, meta)
    codes = {(key, code): name for key in ("stop", "finish") for name, code in meta[f"{key}_codes"].items()}
    check_origin(path, meta, asked, {codes[key, code] for key in ("stop", "finish") for code in arrays[key].tolist()})
    return meta, arrays if keys is None else {key: arrays[key] for key in keys}


def _run_values(run: Any) -> dict[str, Any]:
    """One run as the values of RUN_ARRAYS."""
    flow, polish = run.flow, run.polish
    return {
        "seed": run.seed, "theta_initial": run.theta_initial, "theta_flow": flow.theta_end, "theta": run.theta,
        "loss_initial": run.loss_initial, "loss_flow": flow.loss_end, "loss": run.loss, "loss_cusp": run.loss_cusp,
        "gradient_norm_flow": flow.gradient_norm, "gradient_norm": run.gradient_norm,
        "weight_norm_flow": flow.weight_norm, "weight_norm": run.weight_norm,
        "trajectory_t": flow.t, "trajectory_theta": flow.theta, "trajectory_loss": flow.loss,
        "stop": run.stop, "finish": run.finish,
        "spectrum_t": run.spectrum_t, "spectrum_min": run.spectrum_min, "spectrum_max": run.spectrum_max,
        "hessian_min": run.hessian_min, "hessian_max": run.hessian_max, "t_end": flow.t_end,
        "steps": flow.steps, "rejections": flow.rejections, "gradients": flow.gradients, "hessians": flow.hessians,
        "polish_iterations": polish.iterations, "seconds_flow": flow.seconds, "seconds_polish": polish.seconds,
        "message": flow.message,
    }  # fmt: skip


def _failure_values(failure: Failure) -> dict[str, Any]:
    """A run that raised as the values of RUN_ARRAYS: codes, counts 0, and NaN (an empty sequence is padded with it)."""
    values: dict[str, Any] = {}
    for key, form in RUN_ARRAYS.items():
        values[key] = (np.nan if form.axes == "" else []) if form.dtype == "float64" else 0
    values |= {"seed": failure.seed, "stop": Stop.FAILED, "finish": Finish.FAILED, "message": failure.message or "no message"}
    return values if failure.theta_initial is None else values | {"theta_initial": failure.theta_initial}


def _stacked(path: str | PathLike[str], key: str, values: list[Any], lengths: Mapping[str, int]) -> NDArray:
    """The values of all runs as one array; sequences shorter than their axis are filled up with NaN."""
    dtype, axes = RUN_ARRAYS[key].dtype, RUN_ARRAYS[key].axes
    if dtype == "str":
        return np.array(values)
    shape = tuple(lengths[axis] for axis in axes)
    if not shape:
        return np.array(values, dtype=dtype)
    array = np.full((len(values), *shape), np.nan, dtype=dtype)
    for row, value in zip(array, values, strict=True):
        value = np.asarray(value, dtype=dtype)
        if value.size == 0:
            continue
        if value.ndim != row.ndim or len(value) > len(row) or value.shape[1:] != row.shape[1:]:
            raise RecordError(path, f"{key} of a run has shape {value.shape}; at most {shape} fits")
        row[: len(value)] = value
    return array
