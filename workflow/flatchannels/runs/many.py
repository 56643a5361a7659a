"""Many runs of one network on one dataset: over processes, kept as they finish, taken up again after an interruption."""

import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.optimisers import checked_batch
from flatchannels.dynamics.settings import check_settings, check_start
from flatchannels.dynamics.training import compile_kernels
from flatchannels.networks.network import Network
from flatchannels.runs import run as runs
from flatchannels.runs.outcomes import OUTCOMES, outcome
from flatchannels.runs.processes import results
from flatchannels.runs.progress import Progress
from flatchannels.runs.records import check_record_writable, record_of
from flatchannels.runs.seeds import checked_seed
from flatchannels.storage import continuation
from flatchannels.storage.archives import read_meta
from flatchannels.storage.dataset_files import digest
from flatchannels.storage.foreign import foreign
from flatchannels.storage.run_records import Failure

if TYPE_CHECKING:
    import pandas as pd

NOT_OF_MANY = {"theta0", "seed", "flow"}  # keywords of `train` that belong to one run
Job = tuple[Network, Dataset, int, Path | None, dict[str, Any]]


def train_many(
    net: Network,
    data: Dataset,
    seeds: Iterable[int],
    *,
    workers: int = 1,
    folder: str | PathLike[str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> "pd.DataFrame":
    """Train one network from many initialisations.

    Parameters
    ----------
    net
        The network.
    data
        The dataset.
    seeds
        Of the initialisations, as for `train`.
    workers
        Processes. A script needs `if __name__ == "__main__":` around its call where there are several; a notebook does not.
    folder
        Where each run is written as it ends, `seed-<seed>.npz`, for `Run.load`. The same call again reads what is there, goes on
        with runs that met a limit where the limit is now higher (or was that of time), and trains the rest. None: nothing is kept
        but the table.
    progress
        Whether to show a bar.
    **settings
        Keywords of `train`, such as max_seconds.

    Returns
    -------
    DataFrame
        A row for each seed in the order given; columns seed, stop, finish, loss, gradient_norm, weight_norm, hessian_min,
        hessian_max, t (mean-loss time), steps, seconds, unfinished, message (of a run that
        raised; it is tried again by the next call), file.

    Raises
    ------
    TypeError
        A keyword that `train` does not have, or that is for one run.
    ValueError
        A seed, a setting or data that `train` refuses, a seed twice, fewer workers than one, a folder with runs of something else.
    RecordError
        A file in the folder is damaged, or cannot be written.
    ProcessDied
        A process has died; a RuntimeError.
    KeyboardInterrupt
        After the processes have been ended; what is finished is in the folder.
    """
    import pandas as pd

    for name in NOT_OF_MANY & settings.keys():
        raise TypeError(f"{name} is for train, of one run; train_many draws the start of each run from its seed, one of seeds")
    if not isinstance(net, Network):
        raise ValueError(f"train takes a Network and a Dataset, not {type(net).__name__} and {type(data).__name__}")
    asked = runs.arguments(net, data, **settings)
    del asked["net"], asked["data"]
    check_settings(asked)
    check_start(net, data, np.zeros(net.parameters), None)  # whether they fit at all
    if asked["optimiser"]:
        checked_batch(asked["optimiser"], data)
    if not isinstance(seeds, Iterable):
        raise ValueError(f"seeds is {seeds!r}; it must be several integers, such as range(10)")
    wanted = [checked_seed(seed) for seed in seeds]
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"seeds has {len(wanted) - len(set(wanted))} of its {len(wanted)} numbers twice")
    place = None if folder is None else Path(folder)
    rows = {} if place is None else _finished(net, data, wanted, place, asked)
    jobs: list[Job] = [(net, data, seed, place, asked) for seed in wanted if seed not in rows]
    if jobs and place is not None:
        check_record_writable(record_of(place, max(wanted)))
    tell = Progress("runs") if progress else lambda done, of: None
    for row in results(_row, jobs, workers, compile_kernels):
        rows[row["seed"]] = row
        tell(len(rows), len(wanted))
    table = pd.DataFrame([rows[seed] for seed in wanted], columns=[*OUTCOMES, "message", "file"])
    return table.assign(unfinished=table["unfinished"].eq(True), **table[["message", "file"]].astype(object).fillna("").astype(str))


def _finished(net: Network, data: Dataset, seeds: list[int], folder: Path, settings: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Seed → row of the runs that are in a folder and do not go on.  ValueError where one was made by another call."""
    there = [(seed, record_of(folder, seed)) for seed in seeds if os.path.exists(record_of(folder, seed))]  # of any name
    asked, rows = _origin(net, digest(data), runs.plain(settings)), {}
    for seed, path in there:
        with foreign(path):
            meta = read_meta(path)
            known = Network(meta["inputs"], tuple(meta["widths"]), meta["activation"], meta["bias"])
            made = _origin(known, meta["data"], meta["training"])
        if (held := (meta["first_seed"], meta["last_seed"])) != (seed, seed):
            raise ValueError(f"{path} holds the runs of seeds {held[0]} to {held[1]}, not the one that its name says: give another folder")
        for what, value in asked.items():
            if made.get(what) != value:
                raise ValueError(f"{path} was made with {what} {made.get(what)}; now it is {value}: give another folder")
        if continuation.can_go_on(path, settings):
            continue
        run = runs.Run.load(path)
        if run.unfinished or not runs.at_a_limit(run):  # one at a limit without what it needs to go on starts anew
            rows[seed] = outcome(run) | {"message": run.flow.message, "file": str(path)}
    return rows


def _origin(net: Network, data: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What runs must have in common to lie in one folder: all but the limits."""
    limits = continuation.REASON_OF_LIMIT
    return {"the network": net, "the data of digest": data, **{key: value for key, value in settings.items() if key not in limits}}


def _row(job: Job) -> dict[str, Any]:
    """One run, kept if there is a folder, as its row."""
    net, data, seed, folder, settings = job
    path = None if folder is None else record_of(folder, seed)
    try:
        before = runs.Run.load(path) if path is not None and path.exists() else None
        if before is not None and before.unfinished:
            run = runs.train(net, data, before.theta_initial, **settings, flow=before.flow)
            run.seed = seed
        else:
            run = runs.train(net, data, seed=seed, **settings)
    except Exception as error:  # one run of many: its message stands in the table
        return outcome(Failure(seed, f"{type(error).__name__}: {error}"))
    told = outcome(run) | {"message": run.flow.message}
    if path is None:
        return told
    run.save(path)
    return told | {"file": str(path)}
