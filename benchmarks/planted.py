"""Is what is planted in a network found again, and nothing else?

    python benchmarks/planted.py [--trials 20] [--seed 0]

Random networks, Glorot-normal or of unit weights (widths 2 to 256, 1 to 4 hidden layers, 1 to 10 outputs, every activation), in one
hidden layer of which a group is planted at ε between 1e-1 and 1e-6 of |w|: a pair, an antiparallel pair where the activation has a
mirror image, a triple, or duplicates. Its gate v, and the second derivative of a triple, are as strong as the other neurons, at any ε.
As many networks have nothing planted. Recall is the share of networks in which exactly the planted neurons are found; a false
group is any other. Errors of ε and v are relative, of groups that were found.
"""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from flatchannels.inspection.inspection import Inspection, inspect
from flatchannels.networks.activations import ACTIVATIONS

KINDS = ("pair", "antiparallel", "triple", "duplicate")
EPSILONS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # of |w|
WIDTHS = (2, 3, 4, 8, 16, 32, 64, 128, 256)
SHARES = {"triple": [(1, 1), (0, -2), (-1, 1)], "pair": [(1, 0), (-1, 0)]}  # place along Δ, share of the second derivative


class Network(NamedTuple):
    """[W | b] (out, in + 1) of each layer, its activation, and the hidden layers' scale of W."""

    matrices: list[np.ndarray]
    activation: str

    @property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """[(W, b), …]."""
        return [(matrix[:, :-1], matrix[:, -1]) for matrix in self.matrices]


class Planted(NamedTuple):
    """What is in a network: hidden layer from 1, neurons, ε, c (m,), v (m, k)."""

    layer: int
    neurons: tuple[int, ...]
    epsilon: float
    sum: np.ndarray
    direction: np.ndarray


def random_network(random: np.random.Generator, activation: str, narrowest: int = 2) -> Network:
    """Glorot-normal weights or unit ones, with biases of the same scale."""
    widths = random.choice([width for width in WIDTHS if width >= narrowest], size=random.integers(1, 5))
    sizes = [int(random.integers(1, 21)), *widths.tolist(), int(random.integers(1, 11))]
    glorot = random.random() < 0.5
    return Network(
        [random.normal(0, np.sqrt(2 / (below + out)) if glorot else 1.0, (out, below + 1)) for below, out in zip(sizes, sizes[1:])],
        activation,
    )


def plant(random: np.random.Generator, network: Network, kind: str, epsilon: float) -> Planted:
    """Plant a group in place in a random hidden layer; epsilon is relative to |w|."""
    layer = int(random.integers(1, len(network.matrices)))
    rows, above = network.matrices[layer - 1 : layer + 1]
    columns = above[:, :-1].T
    shares = SHARES.get(kind, SHARES["pair"])
    neurons = np.sort(random.choice(len(rows), len(shares), replace=False))
    strength = np.sqrt((columns**2).mean())
    w, c, gate, bend = rows[neurons[0]].copy(), *(strength * random.normal(size=(3, columns.shape[1])))
    if kind == "duplicate":
        rows[neurons[1]] = w
        return Planted(layer, tuple(map(int, neurons)), 0.0, columns[neurons].sum(axis=0), np.zeros((columns.shape[1], len(w))))
    length = np.linalg.norm(w)
    unit = random.normal(size=len(w))
    unit /= np.linalg.norm(unit)
    for neuron, (place, share) in zip(neurons, shares):
        rows[neuron] = w + place * epsilon * length * unit
        columns[neuron] = c / len(shares) + place * gate / (2 * epsilon) + share * bend / epsilon**2
    if kind == "antiparallel":
        rows[neurons[1]] *= -1
        columns[neurons[1]] *= ACTIVATIONS[network.activation].reflection.sign  # type: ignore[union-attr]
    return Planted(layer, tuple(map(int, neurons)), epsilon * length, c, np.outer(gate, unit) * length)


def trial(seed: tuple[int, ...], activation: str, kind: str, epsilon: float) -> dict[str, object]:
    """One network with a planted group, and one without: what was found."""
    random = np.random.default_rng(seed)
    network = random_network(random, activation, narrowest=3 if kind == "triple" else 2)
    plain = inspect(network.layers, activation)
    planted = plant(random, network, kind, epsilon)
    found = inspect(network.layers, activation)
    told = {"kind": kind, "activation": activation, "epsilon": epsilon, "false_without": len(plain.groups) + _copies(plain)}
    if kind == "duplicate":
        hit = planted.neurons in found.layers[planted.layer - 1].duplicates
        return told | {"found": hit, "false": len(found.groups) + _copies(found) - hit}
    hits = [group for layer, group in found.groups if (layer, group.neurons) == (planted.layer, planted.neurons)]
    told |= {"found": len(hits) == 1, "false": len(found.groups) + _copies(found) - len(hits)}
    if hits:
        turn = hits[0].signs[0]  # the group is taken to the side of its first neuron, as it was planted
        told["epsilon_error"] = abs(hits[0].epsilon / planted.epsilon - 1)
        told["direction_error"] = np.linalg.norm(turn * hits[0].direction - planted.direction) / np.linalg.norm(planted.direction)
        told["sum_error"] = np.linalg.norm(hits[0].sum - planted.sum) / np.linalg.norm(planted.sum)
    return told


def trials(count: int, seed: int) -> Iterator[dict[str, object]]:
    """`count` trials for each activation, kind and ε that there are."""
    for k, kind in enumerate(KINDS):
        for a, (activation, record) in enumerate(ACTIVATIONS.items()):
            if kind != "antiparallel" or record.reflection is not None:
                for e, epsilon in enumerate(EPSILONS if kind != "duplicate" else (0.0,)):
                    for n in range(count if kind != "duplicate" else count * len(EPSILONS)):
                        yield trial((seed, k, a, e, n), activation, kind, epsilon)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """A row for each kind and ε: networks, recall, false groups per network, errors in the median and at most."""
    errors = {f"{name}_{how}": (f"{name}_error", how) for name in ("epsilon", "direction", "sum") for how in ("median", "max")}
    return found.groupby(["kind", "epsilon"], sort=False).agg(
        networks=("found", "size"), recall=("found", "mean"), false=("false", "mean"), false_without=("false_without", "mean"), **errors
    )


def _copies(found: Inspection) -> int:
    return sum(len(layer.duplicates) for layer in found.layers)


def main() -> None:
    """The tables by ε and by activation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="of each kind, activation and ε")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = pd.DataFrame(list(trials(given.trials, given.seed)))
    with pd.option_context("display.width", 200, "display.max_columns", None, "display.float_format", "{:.3g}".format):
        print(table(found).reset_index().to_string(index=False))
        print(found.groupby("activation")[["found", "false", "false_without"]].mean().to_string())


if __name__ == "__main__":
    main()
