"""Do minima at infinity keep their promise? Runs at the norm wall are continued to walls ten and a hundred times as far.

    python benchmarks/continued.py results [--certified 50] [--seed 0] [--out continued.csv]

Of the runs in a folder of results it takes so many certified ones, drawn at random, and all undecided ones. For each it compares what
the minimum at infinity predicts, at the wall, with what happens: the loss at the wall and at ten times its norm, as shares of L − L_∞,
and the route that is found at 1e4 and at 1e5. A summary goes to the terminal, the table to a file. It takes some minutes.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from flatchannels.infinity import certificates
from flatchannels.infinity.routes import AT_REST, FURTHER_WALLS, find_route, follow
from flatchannels.networks.network import network_of
from flatchannels.precision import on_the_wall
from flatchannels.storage import dataset_files, run_records


def runs_at_the_wall(results):
    """(path, meta, seed, θ) of every run of a smooth activation at the norm wall in a folder of results."""
    for path in sorted(Path(results, "runs").rglob("*.npz")):
        meta, arrays = run_records.read_runs(path, ["seed", "theta", "weight_norm"])
        if meta["activation"] != "relu":
            for n in np.flatnonzero(on_the_wall(arrays["weight_norm"], meta["training"]["maxnorm"])):
                yield path, meta, int(arrays["seed"][n]), arrays["theta"][n]


def dataset_of(results, path, meta):
    """The Dataset of a record, by the folder that it lies in."""
    folder = path.relative_to(Path(results, "runs")).parts[1]
    return dataset_files.read_dataset(Path(results, "datasets", f"{folder}.npz"))[0]


def continued(network, data, theta, maxnorm, before):
    """The row of the table of one run with the `Route` before."""

    def share(loss, predicted):
        return (loss - before.loss_infinity) / (predicted - before.loss_infinity)

    told = ("route", "verdict", "reason", "loss_infinity", "predicted_wall", "predicted_beyond")
    row = {name: getattr(before, name) for name in told} | {"loss": network.loss(theta, data)}
    row["share_wall"] = share(row["loss"], before.predicted_wall)
    for times, wall in zip(FURTHER_WALLS, FURTHER_WALLS * maxnorm):
        end = follow(network, data, theta, wall)
        theta, name = end.theta, f"{times:.0f}x"
        route = find_route(network, data, theta, wall) if end.at_the_wall else None
        there = {"loss": end.loss, "norm": end.norm, "stop": end.stop.name, "verdict": "", "infinity": np.nan}
        there["route"] = "at rest" if end.stop in AT_REST else "not there"
        if route:
            there |= {"route": route.route, "verdict": route.verdict, "infinity": route.loss_infinity}
        row |= {f"{what}_{name}": value for what, value in there.items()}
        if not end.at_the_wall:
            break
    if row["norm_10x"] >= 9 * maxnorm:
        row["share_10x"] = share(row["loss_10x"], before.predicted_beyond)
    return row


def summary(table):
    """Lines that say what became of the certified and of the undecided runs."""
    certified, undecided = (table[table["verdict"] == verdict] for verdict in (certificates.CERTIFIED, certificates.UNDECIDED))
    yield f"{len(certified)} certified runs:"
    for column, where in (("share_wall", "at the wall"), ("share_10x", "at ten times its norm")):
        shares = certified[column].dropna() if column in certified else pd.Series(dtype=float)
        if len(shares):
            quantiles = ", ".join(f"{value:.4f}" for value in shares.quantile([0, 0.1, 0.5, 0.9, 1]))
            yield f"  L − L_∞ {where}, over the predicted one: least, tenth, median, ninth tenth, most of {len(shares)}: {quantiles}"
    for name in ("10x", "100x"):
        if f"infinity_{name}" in certified:
            there = certified[certified[f"verdict_{name}"] == certificates.CERTIFIED]
            same = abs(there[f"infinity_{name}"] / there["loss_infinity"] - 1) < 1e-9
            yield f"  {name}: {len(there)} certified again, {int(same.sum())} of them with the same L_∞ to 1e-9; the others:"
            others = certified.drop(there[same].index)
            ends = (others[f"route_{name}"].astype(str) + ", " + others[f"verdict_{name}"].astype(str)).value_counts()
            yield from (f"    {count} {end}" for end, count in ends.items())
    yield f"{len(undecided)} undecided runs:"
    for name in ("10x", "100x"):
        if f"verdict_{name}" in undecided:
            ends = undecided[f"verdict_{name}"].where(undecided[f"verdict_{name}"] != "", undecided[f"route_{name}"]).value_counts()
            yield f"  {name}: " + ", ".join(f"{count} {end}" for end, count in ends.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", help="a folder of results")
    parser.add_argument("--certified", type=int, default=50, help="how many certified runs")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of these")
    parser.add_argument("--out", default="continued.csv", help="file of the table")
    options = parser.parse_args()
    found = list(runs_at_the_wall(options.results))
    if not found:
        print(f"{options.results}: there are no runs at the norm wall")
        return
    rows, data, left = [], {}, options.certified
    for k in np.random.default_rng(options.seed).permutation(len(found)):
        path, meta, seed, theta = found[k]
        network, maxnorm = network_of(meta), meta["training"]["maxnorm"]
        folder = path.relative_to(Path(options.results, "runs"))
        if folder.parts[1] not in data:
            data[folder.parts[1]] = dataset_of(options.results, path, meta)
        before = find_route(network, data[folder.parts[1]], theta, maxnorm)
        left -= before.verdict == certificates.CERTIFIED
        if before.verdict == certificates.TURNS_BACK or before.verdict == certificates.CERTIFIED and left < 0:
            continue
        rows.append({"record": str(folder.parent), "seed": seed} | continued(network, data[folder.parts[1]], theta, maxnorm, before))
        pd.DataFrame(rows).to_csv(options.out, index=False)
    print(f"{len(rows)} of {len(found)} runs at the wall, table in {options.out}")
    print("\n".join(summary(pd.DataFrame(rows))))


if __name__ == "__main__":
    main()
