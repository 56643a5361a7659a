"""Several states of one training: a folder of files, or the trajectory in a record of this package; and records in a folder."""

import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flatchannels.inspection.formats import MODEL_SUFFIXES, ModelError, load
from flatchannels.inspection.model import Dense, Model
from flatchannels.names import natural_key
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.layout import Layout, layout_of
from flatchannels.storage.archives import read_meta
from flatchannels.storage.errors import RecordError
from flatchannels.storage.foreign import foreign
from flatchannels.storage.run_records import read_runs

STEPS = [
    re.compile(rf"(?:{words})[=_-]?(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", re.IGNORECASE)
    for words in ("step|iter|iteration", "epoch", "(?<![A-Za-z])t")  # the finest first
]
NUMBER = re.compile(r"\d+")
MOST_STRETCHES = 8  # of seeds that a line names
NEAR_THE_WALL = 1 - 1e-6  # of maxnorm, from which on a flow no longer follows the loss alone


@dataclass(frozen=True)
class Checkpoint:
    """A network at some step, or time, of its training.

    Parameters
    ----------
    step : float
    name : str
        Of its file.
    model : Model
    """

    step: float
    name: str
    model: Model


def read_folder(folder: str | PathLike[str], activation: str | None = None, layers: Sequence[str] = ()) -> list[list[Checkpoint]]:
    """The checkpoints of a folder in their order, for each chain of layers.

    The step is the number after "step", "epoch" or the like in the name of a file, else its last number. Where no name has one, or all
    have the same, files count from 1 in natural order (2 before 10). Where some have one, the others, such as a best.pt, are left out
    and named.

    Parameters
    ----------
    folder : path
    activation : str, optional
    layers : sequence of str
        Names of the matrices to take; all by default.

    Returns
    -------
    list of list of Checkpoint

    Raises
    ------
    ModelError
        No two models in the folder, two of the same step, one that cannot be read, or one whose shapes are not those of the first;
        records of runs, whose seeds are told.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder of checkpoints")
    if holds_records(folder):
        record_with(folder, None)  # which says their seeds
    numbered, left_out = _numbered(_models_in(folder))
    if len(numbered) < 2:
        raise ModelError(f"{folder} has {len(numbered)} files that end with {', '.join(MODEL_SUFFIXES)}; a training has at least 2")
    chains: list[list[Checkpoint]] = []
    for step, path in numbered:
        models = load(path, activation, layers)
        chains = chains or [[] for _ in models]
        before = [chain[0].model for chain in chains if chain]
        if before and [_shapes(model) for model in models] != [_shapes(model) for model in before]:
            raise ModelError(f"{path} has other layers than {numbered[0][1].name}; a folder holds one training")
        for chain, model in zip(chains, models):
            chain.append(Checkpoint(step, path.name, replace(model, skipped=model.skipped + left_out)))
    return chains


def _numbered(paths: Sequence[Path]) -> tuple[list[tuple[float, Path]], tuple[str, ...]]:
    """Files with their steps, in that order, and the files that are left out, each with the reason."""
    steps = {path: _step(path.stem) for path in paths}
    known = {path: step for path, step in steps.items() if step is not None}
    if len(set(known.values())) < 2:
        return [(float(n), path) for n, path in enumerate(paths, 1)], ()
    numbered = sorted((step, path) for path, step in known.items())
    for (step, path), (next_step, next_path) in zip(numbered, numbered[1:]):
        if step == next_step:
            raise ModelError(f"{path} and {next_path.name} are both of step {step:g}; a folder holds one training")
    return numbered, tuple(f"{path.name}: no step in its name" for path in paths if path not in known)


def read_trajectory(path: str | PathLike[str], seed: int | None = None) -> list[Checkpoint]:
    """The trajectory of a run in a record of this package, over its time t, up to the norm wall.

    Parameters
    ----------
    path : path
        Of the record, or of a folder of records.
    seed : int, optional
        Of the run; None where a record has one alone.

    Returns
    -------
    list of Checkpoint

    Raises
    ------
    ModelError
        No record, no such run, one that failed, or no two points within the wall.
    """
    meta, arrays, n = _run(path, seed, ["seed", "trajectory_t", "trajectory_theta"])
    t, theta = arrays["trajectory_t"][n], arrays["trajectory_theta"][n]
    norms = (theta**2).sum(axis=1) / (2 * theta.shape[1])
    inside = np.isfinite(t) & (norms < NEAR_THE_WALL * meta["training"]["maxnorm"])
    layout = layout_of(meta)
    if inside.sum() < 2:
        raise ModelError(f"the trajectory in {path} has {inside.sum()} points within the norm wall; a history takes at least 2")
    return [Checkpoint(float(t[k]), f"t = {t[k]:.3g}", _model(layout, theta[k], meta["activation"])) for k in np.flatnonzero(inside)]


def read_end(path: str | PathLike[str], seed: int | None = None) -> Model:
    """The network in which a run of a record ended.

    Parameters
    ----------
    path : path
        Of the record, or of a folder of records.
    seed : int, optional
        Of the run; None where a record has one alone.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        As `read_trajectory`.
    """
    meta, arrays, n = _run(path, seed, ["seed", "theta"])
    return _model(layout_of(meta), arrays["theta"][n], meta["activation"])


def is_record(path: str | PathLike[str]) -> bool:
    """Whether a file is a record of runs of this package, by the names of its arrays.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    bool
    """
    if not Path(path).is_file():  # of a device, the end would be looked for for ever
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"meta.npy", "theta.npy", "trajectory_theta.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def holds_records(path: str | PathLike[str]) -> bool:
    """Whether a path is a record of runs, or a folder with some, such as `train_many` leaves.

    Parameters
    ----------
    path : path

    Returns
    -------
    bool
    """
    return is_record(path) or Path(path).is_dir() and any(map(is_record, _models_in(Path(path))))


def record_with(folder: str | PathLike[str], seed: int | None) -> Path:
    """The record in a folder that has the run of a seed, whatever its name.

    Parameters
    ----------
    folder : path
        That holds records.
    seed : int or None
        Of the run.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        No seed is given, no record has it, or several have; or one cannot be read.
    """
    paths = _models_in(Path(folder))
    held = {path: _seeds_of(path) for path in paths if is_record(path)}
    seeds = _in_words(held.values())
    if seed is None:
        raise ModelError(f"{folder} holds records of runs, of the seeds {seeds}; name one with --run, in Python Run.load(path, seed)")
    found = [path for path, (first, last) in held.items() if first <= seed <= last]
    if not found:
        others = [path.name for path in paths if path not in held]
        beside = f"; no records are {', '.join(others[:4])}" if others else ""
        raise ModelError(f"run is {seed}; {folder} has the seeds {seeds}{beside}")
    if len(found) > 1:
        raise ModelError(f"run is {seed}; {folder} has several of that seed, in {found[0].name} and {found[1].name}: inspect one of these")
    return found[0]


def _models_in(folder: Path) -> list[Path]:
    """Files whose names have the ending of a model, in natural order."""
    return sorted((path for path in folder.iterdir() if path.suffix in MODEL_SUFFIXES), key=lambda path: natural_key(path.name))


def _seeds_of(record: Path) -> tuple[int, int]:
    """The first and the last."""
    try:
        with foreign(record):
            meta = read_meta(record)
            return int(meta["first_seed"]), int(meta["last_seed"])
    except RecordError as error:
        raise ModelError(str(error)) from None


def _in_words(stretches: Iterable[tuple[int, int]]) -> str:
    """Stretches of seeds, those that touch joined: 1 to 3, 7."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(stretches):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    words = [f"{first} to {last}" if last > first else str(first) for first, last in joined]
    return ", ".join(words if len(words) <= MOST_STRETCHES else [*words[: MOST_STRETCHES - 1], "…", words[-1]])


def _run(path: str | PathLike[str], seed: int | None, keys: list[str]) -> tuple[dict, dict[str, NDArray], int]:
    """Metadata and arrays of a record, or of the one in a folder that has the seed, and the number of a run in it."""
    if Path(path).is_dir():
        path = record_with(path, seed)
    try:
        with foreign(path):
            meta, arrays = read_runs(path, keys)
            if meta["activation"] not in ACTIVATIONS:
                raise RecordError(path, f"has the activation {str(meta['activation'])[:40]!r}; it must be one of {', '.join(ACTIVATIONS)}")
            meta["training"]["maxnorm"] = float(meta["training"].get("maxnorm", np.inf))
    except RecordError as error:
        raise ModelError(str(error)) from None
    seeds = arrays["seed"].tolist()
    if seed is None and len(seeds) > 1:
        raise ModelError(f"{path} has the runs of seeds {seeds[0]} to {seeds[-1]}; name one with --run, in Python Run.load(path, seed)")
    if seed is not None and seed not in seeds:
        raise ModelError(f"run is {seed}; {path} has the seeds {seeds[0]} to {seeds[-1]}")
    n = seeds.index(seed) if seed is not None else 0
    if not np.isfinite(arrays[keys[-1]][n]).any():
        raise ModelError(f"the run of seed {seeds[n]} in {path} failed; there is nothing to inspect")
    return meta, arrays, n


def _model(layout: Layout, theta: NDArray[np.float64], activation: str) -> Model:
    dense = []
    for number, matrix in enumerate(layout.matrices(theta), 1):
        W, b = (matrix[:, :-1], matrix[:, -1]) if layout.bias else (matrix, None)
        dense.append(Dense(f"W{number}", W, b))
    return Model(tuple(dense), activation)


def _shapes(model: Model) -> list[tuple[int, ...]]:
    return [layer.rows.shape for layer in model.layers]


def _step(stem: str) -> float | None:
    for words in STEPS:
        if named := words.findall(stem):
            return float(named[-1])
    numbers = NUMBER.findall(stem)
    return float(numbers[-1]) if numbers else None
