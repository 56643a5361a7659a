"""Could runs end before the norm wall? Runs that end at it are made again with walls a third and a tenth as far.

    PYTHONPATH=workflow python workflow/studies/nearer_walls.py results [--runs 30] [--seed 0] [--out nearer_walls.csv]

Of the runs of smooth activations at the norm wall in a folder of results it draws some at random. What a nearer wall would save is the rest
of the way; what it would cost is seen in the certificates: how many minima at infinity are found from there, and whether they are
those that are found from the wall. Seconds are of the processor. A summary goes to the terminal, the table to a file.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from continued import route_rows

from flatchannels.dynamics.training import train
from flatchannels.infinity.certificates import CERTIFIED
from flatchannels.infinity.routes import find_route
from flatchannels.networks.network import network_of
from flatchannels.precision import SAME_MINIMUM, on_the_wall
from flatchannels.storage import dataset_files, run_records

SHARES = (0.1, 1 / 3, 1.0)  # of the wall, in ‖θ‖


def start(results, row):
    """Network, Dataset, θ₀ and norm wall of a row of the table of routes."""
    path = Path(results, *Path(row["record"]).parts[Path(row["record"]).parts.index("runs") :])
    meta, arrays = run_records.read_runs(path, ["seed", "theta_initial"])
    data, _ = dataset_files.read_dataset(Path(results, "datasets", f"{row['dataset']}.npz"))
    return network_of(meta), data, arrays["theta_initial"][list(arrays["seed"]).index(row["seed"])], meta["training"]["maxnorm"]


def made_again(network, data, theta, maxnorm):
    """One run with each wall: seconds and Hessians to its end, where that is, and the route from there."""
    for share in SHARES:
        begin = time.process_time()
        run = train(network, data, theta, maxnorm=share * maxnorm, spectrum_samples=1)
        made = time.process_time()
        there = on_the_wall(run.weight_norm, share * maxnorm)
        route = find_route(network, data, run.theta, share * maxnorm) if there else None
        yield {
            "share": share, "seconds": made - begin, "seconds_route": time.process_time() - made, "hessians": run.flow.hessians,
            "at_the_wall": there, "verdict": route.verdict if route else "", "infinity": route.loss_infinity if route else np.nan,
        }  # fmt: skip


def summary(table):
    """Lines: for each wall what it takes, in units of the whole way, and what is found from it."""
    whole = table[table["share"] == 1].set_index("start")
    for share, rows in table.groupby("share"):
        rows = rows.set_index("start")
        ratios = rows["seconds"] / whole["seconds"]
        certified = rows["verdict"] == CERTIFIED
        both = certified & (whole["verdict"] == CERTIFIED)
        same = abs(rows["infinity"] / whole["infinity"] - 1)[both] < SAME_MINIMUM
        yield (
            f"wall × {share:.2f}: {ratios.median():.2f} of the seconds in the median ({ratios.min():.2f} to {ratios.max():.2f}), "
            f"{rows['seconds'].sum() / whole['seconds'].sum():.2f} of all; {int(certified.sum())} of {len(rows)} certified, "
            f"{int(same.sum())} of them with the L_∞ of the whole way, {int((~same).sum())} with another; "
            f"certificates take {rows['seconds_route'].sum() / whole['seconds_route'].sum():.2f} of the time"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", help="a folder of results")
    parser.add_argument("--runs", type=int, default=30, help="how many runs")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of these")
    parser.add_argument("--out", default="nearer_walls.csv", help="file of the table")
    options = parser.parse_args()
    table = route_rows(options.results)
    chosen = table.sample(min(options.runs, len(table)), random_state=options.seed).to_dict("records")
    list(made_again(*start(options.results, chosen[0])))  # compiles all kernels, which is not to be measured
    rows = []
    for number, before in enumerate(chosen):
        for row in made_again(*start(options.results, before)):
            rows.append({"start": number, "record": before["record"], "seed": before["seed"], **row})
        pd.DataFrame(rows).to_csv(options.out, index=False)
    print(f"{rows[-1]['start'] + 1} runs; the table is in {options.out}")
    print("\n".join(summary(pd.DataFrame(rows))))


if __name__ == "__main__":
    main()
