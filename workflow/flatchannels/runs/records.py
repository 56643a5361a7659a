"""The record of some runs, and beside it what those that met a limit need to go on: two files that belong together."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from flatchannels.runs.interruptions import interruptions_held
from flatchannels.storage import continuation, run_records
from flatchannels.storage.atomic import check_writable
from flatchannels.storage.run_records import Failure


def write_record(path: str | PathLike[str], origin: Mapping[str, Any], meta: Mapping[str, Any], runs: Sequence[Any]) -> None:
    """Write both files; whoever is ended in between can still go on with all runs.

    Parameters
    ----------
    path
        Of the record.
    origin
        As for `continuation.write_unfinished`.
    meta
        As for `run_records.write_runs`.
    runs : sequence of training.Run and Failure
        With consecutive seeds.

    Raises
    ------
    RecordError
        They do not make a record, or it cannot be written.
    """
    kept = [run for run in runs if not isinstance(run, Failure)]
    with interruptions_held():
        if any(run.unfinished for run in kept):
            continuation.write_unfinished(path, origin, kept)
        run_records.write_runs(path, meta, runs)
        if not any(run.unfinished for run in kept):  # what an older record needed goes when the new one is there
            continuation.write_unfinished(path, origin, kept)


def record_of(folder: Path, seed: int) -> Path:
    """The file of a run in a folder of `train_many`.

    Parameters
    ----------
    folder : Path
    seed : int

    Returns
    -------
    Path
    """
    return folder / f"seed-{seed}.npz"


def check_record_writable(path: str | PathLike[str]) -> None:
    """Check before the work that both files can be written after it.

    Parameters
    ----------
    path
        Of the record.

    Raises
    ------
    WriteError
        One cannot.
    """
    check_writable(path)
    check_writable(continuation.unfinished_path(path))
