"""From a configuration to the runs and the datasets that it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from flatchannels import names
from flatchannels.pipeline.protocols import listed, protocols


@dataclass(frozen=True)
class Block:
    """Runs of consecutive seeds of one network on one dataset: what one job does and one record file holds."""

    sweep: str
    dataset: str  # product name, e.g. rosenbrock-d4
    dimension: int
    activation: str
    widths: tuple[int, ...]
    bias: bool
    first: int  # first and last seed
    last: int
    protocol: Mapping[str, Any] = field(default_factory=dict)  # empty for the default one, which has no place in names

    @property
    def network(self) -> str:
        """r4x4-nobias, r4x4-scale0.1"""
        return names.network_name(self.widths, self.bias, self.protocol)

    @property
    def job(self) -> dict[str, Any]:
        """All of it, for whoever runs the block; a protocol only where there is one."""
        return {key: value for key, value in vars(self).items() if key != "protocol" or value}

    @property
    def folder(self) -> str:
        """levels/rosenbrock-grid/g/r4-nobias"""
        return f"{self.sweep}/{self.dataset}/{self.activation}/{self.network}"

    @property
    def record(self) -> str:
        """The record file, below the folder of results."""
        return names.RECORD.format(network=self.network, **vars(self))

    @property
    def runs(self) -> int:
        """How many runs the block has."""
        return self.last - self.first + 1


def run_job(config: dict, block: Block) -> dict[str, Any]:
    """What the script of the runs is to do for a block.

    Parameters
    ----------
    config : dict
        A validated configuration.
    block : Block

    Returns
    -------
    dict
        The block, the root seed and the training settings, with what its protocol says of them.
    """
    training = {key: value for key, value in config["training"].items() if key != "continue_unfinished"}
    training |= {key: value for key, value in block.protocol.items() if key in training}
    return block.job | {"seed": config["seed"], "training": training}


def dataset_product(config: dict, name: str, dimension: int, widths: Sequence[int], activation: str, seed: int) -> str:
    """The name of a dataset's file: a grid's own name, for others the dimension with it, e.g. rosenbrock-d4.

    A Gaussian process is drawn anew for every network, gp-s0.5-d4-r8-softplus, and with `redraw: run` for every seed.

    Parameters
    ----------
    config : dict
        A validated configuration.
    name : str
        In the configuration.
    dimension : int
        Of the inputs.
    widths : sequence of int
        Of the hidden layers.
    activation : str
    seed : int
        Of the run.

    Returns
    -------
    str
    """
    spec = config["datasets"][name]
    if names.has_own_name(spec):
        return name
    network = (widths, activation) if spec["target"] == "gaussian-process" else None
    return names.dataset_name(name, dimension, network, seed if _per_run(spec) else None)


def _per_run(spec: dict) -> bool:
    return spec.get("redraw") == "run"


def datasets(config: dict) -> dict[str, dict]:
    """The datasets that some sweep uses.

    Parameters
    ----------
    config : dict
        A validated configuration.

    Returns
    -------
    dict
        File name → {name: the same, dimension, spec}.
    """
    used = {}
    for sweep, settings in config["sweeps"].items():
        for entry in settings["entries"]:
            for block in blocks_of_entry(config, sweep, entry):
                used[block.dataset] = {"name": block.dataset, "dimension": block.dimension, "spec": config["datasets"][entry["dataset"]]}
    return used


def blocks(config: dict) -> list[Block]:
    """All blocks of runs, sweep by sweep, in the order of its entries.

    Parameters
    ----------
    config : dict
        A validated configuration.

    Returns
    -------
    list of Block
    """
    return [
        block
        for sweep, settings in config["sweeps"].items()
        for entry in settings["entries"]
        for block in blocks_of_entry(config, sweep, entry)
    ]


def blocks_of_entry(config: dict, sweep: str, entry: dict) -> Iterator[Block]:
    """The blocks of one entry of a sweep, network by network.

    Parameters
    ----------
    config : dict
        A validated configuration.
    sweep : str
    entry : dict
        One of the sweep's.

    Yields
    ------
    Block
    """
    size = seeds_per_block(config, sweep, entry)
    networks = product(listed(entry["dimension"]), listed(entry["activation"]), entry["widths"], listed(entry["bias"]))
    for (dimension, activation, widths, bias), protocol in product(networks, protocols(entry, config["training"]["maxnorm"])):
        end = entry["first_seed"] + entry["seeds"]
        for first in range(entry["first_seed"], end, size):
            data = dataset_product(config, entry["dataset"], dimension, widths, activation, first)
            last = min(first + size, end) - 1
            yield Block(sweep, data, dimension, activation, tuple(widths), bias, first, last, protocol)


def seeds_per_block(config: dict, sweep: str, entry: dict) -> int:
    """How many seeds a block has; one with a draw per run, because a record holds the runs of one dataset.

    Parameters
    ----------
    config : dict
        A validated configuration.
    sweep : str
    entry : dict
        One of the sweep's.

    Returns
    -------
    int
    """
    return 1 if _per_run(config["datasets"][entry["dataset"]]) else config["sweeps"][sweep]["seeds_per_job"]


def files_of(spec: dict) -> list[str]:
    """The user's files that a dataset is made from.

    Parameters
    ----------
    spec : mapping
        What the configuration says about the dataset.

    Returns
    -------
    list of str
    """
    return [spec["file"]] if spec["target"] == "file" else [spec["target"].rsplit(":", 1)[0]] if ".py:" in spec["target"] else []
