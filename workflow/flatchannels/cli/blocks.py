"""Runs of consecutive seeds of one network on one file of data, and the record that they are kept in.

The record is written again after runs have finished, whole and in one step. So an interruption loses the runs that it met alone, and
`flatchannels continue` goes on with these, with runs that met a limit, and with those that failed. A record holds consecutive seeds: in
the place of a run that is still to come stands a `Failure` that says so.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import flatchannels
from flatchannels.data.dataset import Dataset
from flatchannels.runs.processes import results
from flatchannels.runs.records import write_record
from flatchannels.storage.dataset_files import digest
from flatchannels.storage.run_records import Failure

SECONDS_BETWEEN_RECORDS = 10.0
SHARE_OF_WRITING = 0.1  # of the time, at most: a record of ten thousand runs takes seconds
STILL_TO_COME = "not run yet: flatchannels train was interrupted before, flatchannels continue goes on"


@dataclass(frozen=True)
class Block:
    """What is to be run, in JSON types.

    Parameters
    ----------
    network : dict
        inputs, widths, activation, bias.
    training : dict
        The settings of `train`; its optimiser as a dict, whose orders belong to the seed of the run.
    source : dict
        file, standardise.
    seeds : (int, int)
        The first and the last.
    """

    network: dict[str, Any]
    training: dict[str, Any]
    source: dict[str, Any]
    seeds: tuple[int, int]

    def origin(self, data: Dataset) -> dict[str, Any]:
        """What runs that are kept to go on with must have in common with this block.

        Parameters
        ----------
        data : Dataset

        Returns
        -------
        dict[str, Any]
        """
        job = {"network": self.network, "training": self.training}
        return {"job": job, "data": digest(data), "versions": {"flatchannels": flatchannels.__version__, "numpy": np.__version__}}

    def meta(self, data: Dataset) -> dict[str, Any]:
        """The metadata of the record.

        Parameters
        ----------
        data : Dataset

        Returns
        -------
        dict[str, Any]
        """
        origin = self.origin(data)
        named = {"sweep": "train", "dataset": Path(self.source["file"]).stem, "seed": 0, "cpu": "", "asked_seeds": list(self.seeds)}
        return named | self.network | {"training": self.training, "spec": {"target": "file", **self.source}, "data": origin["data"],
                                       "versions": origin["versions"]}  # fmt: skip


def block_of(meta: Mapping[str, Any]) -> Block:
    """The block that a record was made for.

    Parameters
    ----------
    meta : mapping
        Of the record.

    Returns
    -------
    Block

    Raises
    ------
    ValueError
        It was not made by `flatchannels train`.
    """
    if not isinstance(meta, Mapping) or meta.get("sweep") != "train" or "asked_seeds" not in meta:
        raise ValueError(
            "it was not made by flatchannels train; runs of the workflow go on with "
            "continue_unfinished in its configuration, those of the library with train_many, or train(…, flow=run.flow)"
        )
    network = {key: meta[key] for key in ("inputs", "widths", "activation", "bias")}
    source = {key: value for key, value in meta["spec"].items() if key != "target"}
    if not isinstance(source.get("file"), str):
        raise ValueError("its metadata do not name the file of its data")
    first, last = meta["asked_seeds"]
    return Block(network, dict(meta["training"]), {"standardise": False, **source}, (int(first), int(last)))


def run_block(
    block: Block,
    data: Dataset,
    out: Path,
    earlier: Mapping[int, Any],
    workers: int,
    progress: Callable[[int, int], None],
    anew: Mapping[int, Any] | None = None,
) -> list[Any]:
    """Run what is missing, or unfinished, of a block, and keep its record up to date.

    Parameters
    ----------
    block : Block
    data : Dataset
    out : Path
        The record.
    earlier : mapping
        Seed → Run of those that there are.
    workers : int
        How many processes.
    progress : function
        Told how many runs are done, and of how many.
    anew : mapping, optional
        Seed → Run of those that begin anew, and stay in the record until they have ended.

    Returns
    -------
    list of Run and Failure
        Of all seeds, in their order. The record keeps what there was of a run that failed when it should go on.

    Raises
    ------
    KeyboardInterrupt, ProcessDied
        After the record of what is finished has been written.
    """
    from flatchannels.dynamics.training import compile_kernels  # here, and not above: it loads the kernels

    first, last = block.seeds
    seeds = range(first, last + 1)
    kept = {seed: run for seed, run in {**(anew or {}), **earlier}.items() if seed in seeds}
    done = {seed: run for seed, run in earlier.items() if seed in seeds and not run.unfinished}
    due = time.monotonic() + SECONDS_BETWEEN_RECORDS
    jobs = [(block.network, block.training, data, seed, earlier.get(seed)) for seed in seeds if seed not in done]
    try:
        for seed, run in results(_run, jobs, workers, compile_kernels):
            done[seed] = run
            if seed not in kept or not isinstance(run, Failure):
                kept[seed] = run
            progress(len(done), len(seeds))
            if (begin := time.monotonic()) > due:
                _write(block, data, out, kept)
                due = time.monotonic() + max(SECONDS_BETWEEN_RECORDS, (time.monotonic() - begin) / SHARE_OF_WRITING)
    finally:
        _write(block, data, out, kept)
    return [done[seed] for seed in seeds]


def with_limits(block: Block, limits: Mapping[str, Any]) -> Block:
    """The block with other limits.

    Parameters
    ----------
    block : Block
    limits : mapping

    Returns
    -------
    Block
    """
    return replace(block, training={**block.training, **limits})


def _write(block: Block, data: Dataset, out: Path, runs: Mapping[int, Any]) -> None:
    """The record of the runs that there are, if there are any."""
    if runs:
        whole = [runs.get(seed, Failure(seed, STILL_TO_COME)) for seed in range(block.seeds[0], max(runs) + 1)]
        write_record(out, block.origin(data), block.meta(data), whole)


def _run(job: tuple[dict[str, Any], dict[str, Any], Dataset, int, Any]) -> tuple[int, Any]:
    """One run, or the `Failure` that it ended in."""
    network, training, data, seed, before = job
    from flatchannels.dynamics.optimisers import Optimiser  # here, and not above: it loads the kernels
    from flatchannels.dynamics.training import train
    from flatchannels.networks.network import Network

    net = Network(network["inputs"], tuple(network["widths"]), network["activation"], network["bias"])
    if "optimiser" in training:
        training = training | {"optimiser": Optimiser(**training["optimiser"], seed=seed)}
    try:
        if before:
            return seed, replace(train(net, data, before.theta_initial, **training, flow=before.flow), seed=seed)
        return seed, train(net, data, seed=seed, **training)
    except Exception as error:  # one run of many: its message is kept in the record
        return seed, Failure(seed, f"{type(error).__name__}: {error}")
