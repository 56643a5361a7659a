"""Every on-disk format: run records and datasets (npz), tables (Parquet), text. Written atomically, validated when read.

A file is *sealed*: it carries the SHA-256 of its own bytes (the seal's digits taken as zeros) in the zip comment or in
the Parquet key-value metadata, both of which sit at the end. One pass over the bytes therefore finds a truncation or a
flipped bit anywhere, before a zip or Parquet parser sees them and without decompressing what the reader does not need.
Sealed files remain ordinary files: `numpy.load` and `pandas.read_parquet` open them.

Equal content gives equal bytes (fixed zip times, sorted JSON), so results of two machines compare with `cmp`, but for
the wall times in run records: the `sha256` in their metadata covers every array except `seconds_*`.

Records, datasets and products of the toy say by which configuration they were made (`check_origin`): where the pipeline reads
them, one that has the right place but another root seed, dataset or setting is refused.
"""

import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from flatchannels.reasons import Finish, Stop

VERSION = 1
ASKED = "FLATCHANNELS_ASKED"  # environment variable: `config.origin` of the pipeline's configuration, in JSON
SEAL = b"flatchannels sha256 "
DIGITS = 64  # of a SHA-256 in hexadecimal
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that zip can express

# Run records: key → (dtype, axes after the run axis, where NaN is legal). Axes: P parameters, T trajectory samples,
# S spectrum samples. NaN: "failed" only in runs that raised, "tail" also after the last sample of a shorter run.
RUN_ARRAYS = {
    "seed": ("int64", "", None),
    "theta_initial": ("float64", "P", "failed"),
    "theta_flow": ("float64", "P", "failed"),
    "theta": ("float64", "P", "failed"),
    "loss_initial": ("float64", "", "failed"),
    "loss_flow": ("float64", "", "failed"),
    "loss": ("float64", "", "failed"),
    "loss_cusp": ("float64", "", "failed"),
    "gradient_norm_flow": ("float64", "", "failed"),
    "gradient_norm": ("float64", "", "failed"),
    "weight_norm_flow": ("float64", "", "failed"),
    "weight_norm": ("float64", "", "failed"),
    "trajectory_t": ("float64", "T", "tail"),
    "trajectory_theta": ("float64", "TP", "tail"),
    "trajectory_loss": ("float64", "T", "tail"),
    "stop": ("int8", "", None),
    "finish": ("int8", "", None),
    "spectrum_t": ("float64", "S", "tail"),
    "spectrum_min": ("float64", "S", "tail"),
    "spectrum_max": ("float64", "S", "tail"),
    "hessian_min": ("float64", "", "failed"),
    "hessian_max": ("float64", "", "failed"),
    "t_end": ("float64", "", "failed"),
    "steps": ("int64", "", None),
    "rejections": ("int64", "", None),
    "gradients": ("int64", "", None),
    "hessians": ("int64", "", None),
    "polish_iterations": ("int64", "", None),
    "seconds_flow": ("float64", "", "failed"),
    "seconds_polish": ("float64", "", "failed"),
    "message": ("str", "", None),
}
DATASET_ARRAYS = {"x": 2, "y": 1, "weights": 1}  # key → number of axes
TEST_ARRAYS = {"x_test": 2, "y_test": 1}  # fresh points of the same target, which a dataset may have
# Examples of saddle lines: name → key → axes, a letter each; equal letters are equal lengths. NaN: behind the ends of shorter
# trajectories (T), and throughout where no example was found: all lengths are 0 then.
FLOWS = {"start": "F", "size": "F", "curvature": "F", "end_loss": "F", "end_gamma": "F", "end_distance": "F", "flow_t": "FT",
         "flow_gamma": "FT", "flow_distance": "FT", "flow_loss": "FT", "flow_neuron_distances": "FTN"}  # fmt: skip
SADDLES = {
    "plateau": FLOWS | {"theta": "R", "origin": "P", "velocity": "P", "gamma": "G", "eigenvalues": "GP", "angles": "GP",
                        "surface_gamma": "U", "surface_alpha": "A", "surface_loss": "UA"},
    "channel": FLOWS | {"theta": "P", "narrow": "R", "origin": "P", "velocity": "P", "surface_gamma": "U", "surface_alpha": "A",
                        "surface_loss": "UA", "top_gamma": "V", "top_loss": "VA", "flow_alpha": "FT", "flow_cosine": "FT",
                        "loss_infinity": "F"},
}  # fmt: skip
# The toy: name → key → axes, as above.
TOY = {
    "toy_landscape": {"gamma": "G", "alpha": "A", "loss": "GA", "narrow": "R", "w": "W", "limit_loss": "W", "limit_h": "W", "limit_c": "W",
                      "limit_a": "W", "x": "X", "target": "X", "sharp_gamma": "S", "sharp_alpha": "B", "sharp_loss": "SB",
                      "sharpness": "S"},
    "toy_flows": {"gamma": "FT", "alpha": "FT", "theta": "FTP"},
    "toy_descents": {"epoch": "E", "gamma": "ME", "alpha": "ME", "step": "RN", "rate": "R", "sharpness": "RN", "epsilon": "RN"},
    "relu_channel": {"x": "G", "target": "GG", "function": "GG", "teacher": "P", "theta": "P", "t": "T", "loss": "T", "epsilon": "T"},
}  # fmt: skip
RUN_META = {"sweep": str, "dataset": str, "inputs": int, "widths": list, "activation": str, "bias": bool, "training": dict,
            "seed": int, "spec": dict, "data": str, "versions": dict, "cpu": str, "first_seed": int, "last_seed": int,
            "stop_codes": dict, "finish_codes": dict}  # fmt: skip


class RecordError(Exception):
    """A file that cannot be used: one line with its path and what is wrong."""

    def __init__(self, path, problem):
        super().__init__(f"{path}: {problem}")


@dataclass
class Failure:
    """Stands in a list of runs for a run that raised: its seed, the message, its initial point if it got that far."""

    seed: int
    message: str
    theta_initial: np.ndarray | None = None


# Atomic, sealed bytes


def write_bytes(path, data):
    """Write `data` under a temporary name in the folder of `path`, then rename: no reader ever sees half a file.

    Raises RecordError where it cannot be written: a full disk, a folder without permission.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise RecordError(path, f"cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path, text):
    """Write a text file atomically, UTF-8 with Unix line ends."""
    write_bytes(path, text.encode("utf-8"))


def _digest(data, start):
    """SHA-256 of `data` with the seal's digits, which begin at `start`, taken as zeros."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:start])
    digest.update(b"0" * DIGITS)
    digest.update(view[start + DIGITS :])
    return digest.hexdigest().encode()


def _seal(data):
    """`data` with the digits of its last, empty seal filled in."""
    start = data.rfind(SEAL) + len(SEAL)
    return data[:start] + _digest(data, start) + data[start + DIGITS :]


def _read_sealed(path, magic, kind):
    """The bytes of a sealed file that begins with `magic`, verified."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise RecordError(path, error.strerror or str(error)) from error
    if not data:
        raise RecordError(path, "is empty")
    if not data.startswith(magic):
        raise RecordError(path, f"is not {kind} (its first bytes are wrong)")
    start = data.rfind(SEAL) + len(SEAL)
    if start < len(SEAL):
        raise RecordError(path, "has no seal: truncated, or not written by flatchannels")
    if data[start : start + DIGITS] != _digest(data, start):
        raise RecordError(path, "does not match its seal: its bytes changed after it was written")
    return data


# npz


def _npz_bytes(meta, arrays):
    """A compressed, sealed npz; `meta` becomes the member of that name, a JSON string."""
    arrays = {"meta": np.array(json.dumps(meta, sort_keys=True, allow_nan=False)), **arrays}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
            info = zipfile.ZipInfo(f"{key}.npy", ZIP_EPOCH)
            # Level 1: trajectories are noise to a compressor, and the higher levels cost seconds for a few per cent.
            archive.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
        archive.comment = SEAL + b"0" * DIGITS
    return _seal(buffer.getvalue())


def _read_npz(path, form, keys=None):
    """Metadata and arrays (all, or those in `keys`) of a sealed npz of the given format name."""
    data = _read_sealed(path, b"PK\x03\x04", "an npz file")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            meta = json.loads(str(_member(archive, "meta")))
            if meta["format"] != form:
                raise RecordError(path, f"holds {meta['format']!r}, not {form!r}")
            if meta["version"] != VERSION:
                raise RecordError(path, f"has version {meta['version']!r} of the format; this code reads version {VERSION}")
            present = [name.removesuffix(".npy") for name in archive.namelist() if name != "meta.npy"]
            return meta, {key: _member(archive, key) for key in (present if keys is None else keys)}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:  # sealed, yet not a record of this format
        raise RecordError(path, f"is not a record of {form!r}: {error}") from error


def check_seal(path):
    """RecordError where the bytes of an npz of this package are not those that were written."""
    _read_sealed(path, b"PK\x03\x04", "an npz file")


def read_meta(path):
    """The metadata of an npz alone, fast: neither the rest nor the seal is looked at.  RecordError if there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(str(_member(archive, "meta")))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RecordError(path, f"has no metadata: {error}") from error


def _member(archive, key):
    return np.lib.format.read_array(io.BytesIO(archive.read(f"{key}.npy")), allow_pickle=False)


def content_digest(arrays):
    """SHA-256 of names, dtypes, shapes and bytes of the arrays, wall times (`seconds_*`) left out.

    Equal digests mean equal results, whichever machine and however fast.
    """
    digest = hashlib.sha256()
    for key in sorted(key for key in arrays if not key.startswith("seconds_")):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {arrays[key].shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


# Run records


def parameter_count(inputs, widths, bias):
    """P of a network with `widths` hidden neurons per layer and one output."""
    fan_in = [inputs, *widths]
    fan_out = [*widths, 1]
    return sum((n + bool(bias)) * m for n, m in zip(fan_in, fan_out, strict=True))


def write_runs(path, meta, runs):
    """Write a block of runs of one configuration with consecutive seeds.

    Parameters
    ----------
    path : of the npz file to write.
    meta : dict with sweep, dataset, inputs, widths, activation, bias, training, the root seed, spec (of the dataset, in the
        configuration), data (digest of the dataset), versions, cpu.
    runs : list of Run, or Failure for a run that raised.

    Raises
    ------
    RecordError: metadata or runs that do not make a valid record (nothing is written then).
    """
    if not runs:
        raise RecordError(path, "a block needs at least one run")
    seeds = [int(run.seed) for run in runs]
    meta = {**meta, "format": "flatchannels runs", "version": VERSION, "first_seed": seeds[0], "last_seed": seeds[-1],
            "stop_codes": {code.name: int(code) for code in Stop}, "finish_codes": {code.name: int(code) for code in Finish}}  # fmt: skip
    lengths = _axis_lengths(path, meta)
    columns = [_failure_values(run, Stop.FAILED, Finish.FAILED) if isinstance(run, Failure) else _run_values(run) for run in runs]
    arrays = {key: _stack(path, key, [values[key] for values in columns], lengths) for key in RUN_ARRAYS}
    _check_runs(path, meta, arrays)
    write_bytes(path, _npz_bytes({**meta, "sha256": content_digest(arrays)}, arrays))


def read_runs(path, keys=None, asked=None):
    """Read a block of runs.

    Parameters
    ----------
    path : of the npz file.
    keys : names of the arrays to return; all by default. The seal is verified over the whole file in any case.
    asked : of `config.origin`, by which the record must have been made; by default what the job was asked for, if anything.

    Returns
    -------
    meta : dict
    arrays : dict, key → array whose first axis runs over the runs of the block (RUN_ARRAYS lists them).

    Raises
    ------
    RecordError: the file is missing, damaged, foreign, of another version, made by another configuration, or contradicts itself.
    """
    wanted = None if keys is None else list(dict.fromkeys([*keys, "stop", "finish"]))  # NaN is judged by the stop
    meta, arrays = _read_npz(path, "flatchannels runs", wanted)
    if keys is None and set(arrays) != set(RUN_ARRAYS):
        raise RecordError(path, f"arrays missing or unknown: {sorted(set(arrays) ^ set(RUN_ARRAYS))}")
    _check_runs(path, meta, arrays)
    _check_place(path, meta)
    codes = {(key, code): name for key in ("stop", "finish") for name, code in meta[f"{key}_codes"].items()}
    check_origin(path, meta, asked, {codes[key, code] for key in ("stop", "finish") for code in arrays[key].tolist()})
    return meta, arrays if keys is None else {key: arrays[key] for key in keys}


def _check_place(path, meta):
    """A record that stands under runs/ must be the one that its path says."""
    network = f"r{'x'.join(map(str, meta['widths']))}{'' if meta['bias'] else '-nobias'}"
    place = f"runs/{meta['sweep']}/{meta['dataset']}/{meta['activation']}/{network}/seeds-{meta['first_seed']}-{meta['last_seed']}.npz"
    found = "/".join(Path(path).parts[-6:])
    if found.startswith("runs/") and found != place:
        raise RecordError(path, f"is out of place: it holds {place}")


# Where records come from


def family(dataset, dimension):
    """The name in the configuration of the dataset behind a file name: gp-s0.5 of gp-s0.5-d4-r8-softplus."""
    found = re.fullmatch(rf"(.+)-d{dimension}(-r[0-9x]+-[a-z]+)?(-seed\d+)?", dataset)
    return found[1] if found else dataset


def check_origin(path, meta, asked=None, reasons=()):
    """RecordError unless a record of runs, a dataset or a product of the toy was made by the configuration asked for.

    Parameters
    ----------
    meta : its metadata; of seed, spec, training and toy those are compared that it has.
    asked : of `config.origin`; None for what the Snakefile asks all its jobs for, and for anything where there is no Snakefile.
    reasons : names of stop reasons in a record of runs. A limit that no run met did not change them.
    """
    asked = asked or json.loads(os.environ.get(ASKED, "null"))
    if not asked:
        return
    pairs = {"seed": (meta.get("seed"), asked["seed"])}
    if "training" in meta:
        idle = {key for key, reason in LIMITS.items() if asked["training"]["continue_unfinished"] or reason not in reasons}
        idle.add("continue_unfinished")
        pairs["training"] = [{key: value for key, value in each["training"].items() if key not in idle} for each in (meta, asked)]
    if "toy" in meta:
        pairs["toy"] = meta["toy"], asked["toy"]
    if "spec" in meta:
        product, dimension = (meta["dataset"], meta["inputs"]) if "dataset" in meta else (meta["name"], meta["dimension"])
        name = (
            product if meta["spec"].get("inputs") == "grid" and meta["spec"]["target"] != "gaussian-process" else family(product, dimension)
        )
        pairs[f"datasets.{name}"] = meta["spec"], asked["datasets"].get(name, "nothing of that name")
    for name, (made, wanted) in pairs.items():
        for difference in _differences(made, wanted, name):
            raise RecordError(path, f"was made with {difference}")


def _differences(made, asked, name):
    """'training.rtol 0.001; the configuration says 1e-05' for each leaf of two mappings that differs."""
    if isinstance(made, dict) and isinstance(asked, dict):
        for key in sorted(made.keys() | asked.keys()):
            yield from _differences(made.get(key), asked.get(key), f"{name}.{key}")
    elif made != asked:
        yield f"{name} {made}; the configuration says {asked}"


def _run_values(run):
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


def _failure_values(failure, stop, finish):
    """A run that raised as the values of RUN_ARRAYS: codes, counts 0, and NaN (an empty sequence is padded with it)."""
    values = {key: (np.nan if axes == "" else []) if dtype == "float64" else 0 for key, (dtype, axes, _) in RUN_ARRAYS.items()}
    values.update(seed=failure.seed, stop=stop, finish=finish, message=failure.message or "no message")
    if failure.theta_initial is not None:
        values["theta_initial"] = failure.theta_initial
    return values


def _stack(path, key, values, lengths):
    """The values of all runs as one array; sequences shorter than their axis are filled up with NaN."""
    dtype, axes, _ = RUN_ARRAYS[key]
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


def _axis_lengths(path, meta):
    """Lengths of the axes B, P, T, S as the metadata implies them; RecordError where it is incomplete."""
    for key, kind in RUN_META.items():
        if not isinstance(meta.get(key), kind):
            raise RecordError(path, f"metadata: {key} is {meta.get(key)!r}; it must be a {kind.__name__}")
    try:
        return {
            "B": meta["last_seed"] - meta["first_seed"] + 1,
            "P": parameter_count(meta["inputs"], meta["widths"], meta["bias"]),
            "T": int(meta["training"]["trajectory_samples"]),
            "S": int(meta["training"]["spectrum_samples"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(path, f"metadata is incomplete: {error!r}") from error


def _check_runs(path, meta, arrays):
    """Types, shapes, codes, seeds and NaN of a block of runs against its metadata."""
    lengths = _axis_lengths(path, meta)
    for key, array in arrays.items():
        dtype, axes, _ = RUN_ARRAYS[key]
        if array.dtype.kind != "U" if dtype == "str" else array.dtype != dtype:
            raise RecordError(path, f"{key} has type {array.dtype}; it must be {dtype}")
        shape = (lengths["B"], *(lengths[axis] for axis in axes))
        if array.shape != shape:
            raise RecordError(path, f"{key} has shape {array.shape}; the metadata implies {shape}")
    if "seed" in arrays and not np.array_equal(arrays["seed"], np.arange(meta["first_seed"], meta["last_seed"] + 1)):
        raise RecordError(path, f"seeds are not {meta['first_seed']}…{meta['last_seed']}")
    for key in {"stop", "finish"} & set(arrays):
        unknown = set(arrays[key].tolist()) - set(meta[f"{key}_codes"].values())
        if unknown:
            raise RecordError(path, f"{key} holds unknown codes {sorted(unknown)}")
    failed = arrays["stop"] == meta["stop_codes"]["FAILED"]
    for key, array in arrays.items():
        if array.dtype.kind == "f":
            _check_finite(path, key, array[~failed], tail=RUN_ARRAYS[key][2] == "tail")
    if "message" in arrays and np.any((arrays["message"] == "") == failed):
        raise RecordError(path, "messages and failures do not belong together")


def _check_finite(path, key, array, tail):
    """Every number finite; with `tail` the samples (second axis) of a run may end with ones that are NaN altogether."""
    finite = np.isfinite(array)
    if tail and array.size:
        finite = finite.reshape(*array.shape[:2], -1)
        filled = np.isnan(array).reshape(finite.shape).all(axis=2)
        filled &= np.logical_and.accumulate(filled[:, ::-1], axis=1)[:, ::-1]  # only from the end
        finite = finite.all(axis=2) | filled
    if not finite.all():
        raise RecordError(path, f"{key} is not finite in a run that did not fail")


# Unfinished runs: beside a record the runs of its block, whole, as long as a limit keeps one of them from its end


LIMITS = {"max_seconds": "TIME_LIMIT", "max_steps": "STEP_LIMIT", "max_t": "T_LIMIT"}  # training setting → reason


def unfinished_path(record):
    """The file with what the unfinished runs of a record need to go on."""
    return Path(record).with_suffix(".unfinished")


def write_unfinished(record, origin, runs):
    """Keep the runs (list of Run) of a block for `read_unfinished`; where all are finished, remove what was kept.

    origin : what they belong to, JSON types: {"job": {…, "training": …}, …}.
    """
    path = unfinished_path(record)
    reasons = {run.seed: (run.stop if run.flow.state else run.finish).name for run in runs if run.unfinished}
    if reasons:
        meta = {**origin, "format": "flatchannels unfinished runs", "version": VERSION, "reasons": reasons}
        write_bytes(path, _npz_bytes(meta, {"runs": np.frombuffer(pickle.dumps(runs), np.uint8)}))
    elif path.exists():
        path.unlink()


def read_unfinished(record, origin):
    """The runs that were kept for a record, seed → Run; none where the file is missing or belongs to something else.

    Raises RecordError where it is damaged.
    """
    path = unfinished_path(record)
    if not path.exists():
        return {}
    meta, arrays = _read_npz(path, "flatchannels unfinished runs")
    if any(_without_limits(meta.get(key)) != _without_limits(json.loads(json.dumps(origin[key]))) for key in origin):
        return {}
    try:
        return {run.seed: run for run in _Unpickler(io.BytesIO(arrays["runs"].tobytes())).load()}
    except pickle.UnpicklingError as error:
        raise RecordError(path, str(error)) from error


def _without_limits(value):
    if not isinstance(value, dict):
        return value
    return {key: _without_limits(item) for key, item in value.items() if key not in LIMITS}


class _Unpickler(pickle.Unpickler):
    """Loads numbers, arrays and classes of this package alone: a pickle could otherwise run anything."""

    def find_class(self, module, name):
        """The class; UnpicklingError for others."""
        found = super().find_class(module, name)
        ours = module.startswith("flatchannels.") and isinstance(found, type)
        if not (ours or module.startswith("numpy") and name in {"scalar", "_reconstruct", "_frombuffer", "ndarray", "dtype"}):
            raise pickle.UnpicklingError(f"{module}.{name} does not belong to a run")
        return found


def can_go_on(record, training):
    """Whether runs of a record can be taken up again: the clock ended one, or a limit of `training` is now higher.

    True where what is kept of them cannot be read: then they start anew.
    """
    path = unfinished_path(record)
    if not path.exists():
        return False
    try:
        meta = read_meta(path)
    except RecordError:
        return True
    higher = {reason for key, reason in LIMITS.items() if training[key] > meta["job"]["training"][key]}
    return not {"TIME_LIMIT", *higher}.isdisjoint(meta["reasons"].values())


def limits_kept(record, training):
    """The limits in `training`, or those with which a record was made that has nothing unfinished under the new ones."""
    try:
        before = training if can_go_on(record, training) else read_meta(record)["training"]
    except RecordError:
        before = training
    return {key: before[key] for key in LIMITS}


# Datasets


def write_dataset(path, dataset, meta, test=None):
    """Write a dataset: its x (N, d), y (N,), weights (N,), and `meta` (name, spec, seed, …; JSON types).

    test : fresh points x (M, d), y (M,) of the same target, or None; stored as x_test and y_test.
    """
    arrays = {key: np.asarray(getattr(dataset, key), dtype=float) for key in DATASET_ARRAYS}
    if test is not None:
        arrays |= {"x_test": np.asarray(test.x, dtype=float), "y_test": np.asarray(test.y, dtype=float)}
    _check_dataset(path, arrays)
    meta = {**meta, "format": "flatchannels dataset", "version": VERSION, "sha256": content_digest(arrays)}
    write_bytes(path, _npz_bytes(meta, arrays))


def read_dataset(path):
    """Dataset and metadata; RecordError if the file is missing, damaged, foreign or inconsistent."""
    from flatchannels.data.dataset import Dataset

    arrays, meta = read_dataset_arrays(path)
    return Dataset(**{key: arrays[key] for key in DATASET_ARRAYS}), meta


def read_dataset_arrays(path, asked=None):
    """As read_dataset, with plain arrays {x, y, weights} and, where there are test points, {x_test, y_test}: no engine needed.

    asked : as for read_runs.
    """
    meta, arrays = _read_npz(path, "flatchannels dataset")
    _check_dataset(path, arrays)
    if Path(path).parent.name == "datasets" and meta.get("name") != Path(path).stem:
        raise RecordError(path, f"is out of place: it holds the dataset {meta.get('name')}")
    check_origin(path, meta, asked)
    return arrays, meta


def _check_dataset(path, arrays):
    known = DATASET_ARRAYS | TEST_ARRAYS
    if set(arrays) not in (set(DATASET_ARRAYS), set(known)):
        raise RecordError(path, f"holds the arrays {sorted(arrays)}; a dataset has {list(DATASET_ARRAYS)}, perhaps {list(TEST_ARRAYS)}")
    for key, array in arrays.items():
        samples = len(arrays["x_test" if key in TEST_ARRAYS else "x"])
        if array.dtype != np.float64 or array.ndim != known[key] or len(array) != samples or array.size == 0:
            raise RecordError(path, f"{key} has type {array.dtype} and shape {array.shape}; expected float64 for {samples} samples")
        if not np.isfinite(array).all():
            raise RecordError(path, f"{key} is not finite")
    if "x_test" in arrays and arrays["x_test"].shape[1] != arrays["x"].shape[1]:
        raise RecordError(path, f"x_test has {arrays['x_test'].shape[1]} columns; x has {arrays['x'].shape[1]}")
    if np.any(arrays["weights"] < 0) or abs(arrays["weights"].sum() - 1) > 1e-9:
        raise RecordError(path, f"weights must be ≥ 0 and sum to 1; the sum is {arrays['weights'].sum()}")


# Saddle lines and the toy


def write_saddles(path, name, meta, arrays):
    """Write an example of a saddle line, name being a key of SADDLES; `arrays` None says that there is none."""
    meta = {**meta, "format": f"flatchannels {name}", "version": VERSION, "found": arrays is not None}
    if arrays is None:
        arrays = {key: np.empty((0,) * len(axes)) for key, axes in SADDLES[name].items()}
    arrays = {key: np.asarray(array, dtype=float) for key, array in arrays.items()}
    _check_axes(path, SADDLES[name], arrays)
    write_bytes(path, _npz_bytes({**meta, "sha256": content_digest(arrays)}, arrays))


def read_saddles(path, name):
    """Metadata and arrays of an example of a saddle line; RecordError if it is missing, damaged, foreign or inconsistent.

    meta["found"] says whether there is one: without, the arrays are empty.
    """
    meta, arrays = _read_npz(path, f"flatchannels {name}")
    _check_axes(path, SADDLES[name], arrays)
    return meta, arrays


def write_toy(path, name, arrays, meta=None):
    """Write a product of the toy, name being a key of TOY, with what it was made from (`meta`, JSON types)."""
    arrays = {key: np.asarray(array, dtype=float) for key, array in arrays.items()}
    _check_axes(path, TOY[name], arrays)
    meta = {**(meta or {}), "format": f"flatchannels {name}", "version": VERSION}
    write_bytes(path, _npz_bytes({**meta, "sha256": content_digest(arrays)}, arrays))


def read_toy(path, name, asked=None):
    """The arrays of a product of the toy; RecordError and `asked` as for read_runs."""
    meta, arrays = _read_npz(path, f"flatchannels {name}")
    _check_axes(path, TOY[name], arrays)
    check_origin(path, meta, asked)
    return arrays


def _check_axes(path, form, arrays):
    """Names, types and lengths of arrays against a form, key → axes."""
    if set(arrays) != set(form):
        raise RecordError(path, f"arrays missing or unknown: {sorted(set(arrays) ^ set(form))}")
    lengths = {}
    for key, axes in form.items():
        array = arrays[key]
        if array.dtype != np.float64 or array.ndim != len(axes):
            raise RecordError(path, f"{key} has type {array.dtype} and {array.ndim} axes; it must be float64 with {len(axes)}")
        for axis, length in zip(axes, array.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise RecordError(path, f"{key} has shape {array.shape}, other arrays have length {lengths[axis]} there")
        if not np.isfinite(array).all() and "T" not in axes:
            raise RecordError(path, f"{key} is not finite")


# Tables


def write_table(path, name, frame, meta=None):
    """Write a pandas table as Parquet; `name` says which table it is and is checked when it is read."""
    import pyarrow as pa  # here, because run jobs read no tables and start faster without
    import pyarrow.parquet as pq

    meta = {**(meta or {}), "format": "flatchannels table", "version": VERSION, "table": name}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"flatchannels": json.dumps(meta, sort_keys=True), "seal": SEAL.decode() + "0" * DIGITS})
    write_bytes(path, _seal(sink.getvalue()))


def read_table(path, name):
    """The table `name` as a DataFrame, its metadata in `.attrs`; RecordError as for read_runs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = _read_sealed(path, b"PAR1", "a Parquet file")
    file = pq.ParquetFile(pa.BufferReader(data))
    meta = json.loads(file.metadata.metadata.get(b"flatchannels", b"{}"))
    if meta.get("table") != name:
        raise RecordError(path, f"holds the table {meta.get('table')!r}, not {name!r}")
    if meta["version"] != VERSION:
        raise RecordError(path, f"has version {meta['version']!r} of the format; this code reads version {VERSION}")
    frame = file.read().to_pandas()
    frame.attrs.update(meta)
    return frame
