"""Do minima at infinity keep their promise? Runs at the norm wall are continued to walls ten and a hundred times as far.

    PYTHONPATH=workflow python workflow/studies/continued.py results [--certified 50] [--seed 0] [--out continued.csv]

Of the certified runs in a folder of results it draws some at random and continues them. What the minimum at infinity predicts, at the
wall, is compared with what happens: the loss at the wall and at ten times its norm, as shares of L − L_∞, and the route that is found at
ten and at a hundred times its norm. What became of the undecided ones, which the table of routes has followed as far, is counted beside
it. A summary goes to the terminal, the table to a file. It takes some minutes.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from flatchannels.infinity.certificates import CERTIFIED, UNDECIDED
from flatchannels.infinity.routes import AT_REST, FURTHER_WALLS, find_route, follow
from flatchannels.networks.network import network_of
from flatchannels.precision import ON_THE_WALL, SAME_MINIMUM
from flatchannels.reporting.routes import join
from flatchannels.storage import dataset_files, run_records, table_files
from flatchannels.storage.schemas.infinity import ROUTES


def route_rows(results):
    """The table of routes of a folder of results, of smooth activations: one row for each run at the norm wall."""
    tables = [table_files.read_table(path, ROUTES) for path in sorted(Path(results, "routes").rglob("*.parquet"))]
    if not tables:
        raise SystemExit(f"{results}/routes: there are no tables of routes; snakemake makes them for figR")
    table = join(tables)
    return table[table["activation"] != "relu"]


def read_run(results, row):
    """Network, Dataset, θ and norm wall of a row of the table."""
    path = Path(results, *Path(row["record"]).parts[Path(row["record"]).parts.index("runs") :])
    meta, arrays = run_records.read_runs(path, ["seed", "theta"])
    data, _ = dataset_files.read_dataset(Path(results, "datasets", f"{row['dataset']}.npz"))
    return network_of(meta), data, arrays["theta"][list(arrays["seed"]).index(row["seed"])], meta["training"]["maxnorm"]


def continued(network, data, theta, maxnorm, before):
    """What the table gets for a certified run, from its row `before` of the table of routes."""

    def share(loss, predicted):
        return (loss - before["loss_infinity"]) / (predicted - before["loss_infinity"])

    told = ("record", "seed", "route", "verdict", "loss", "loss_infinity", "predicted_wall", "predicted_beyond")
    row = {name: before[name] for name in told} | {"share_wall": share(before["loss"], before["predicted_wall"])}
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
    if row["norm_10x"] > maxnorm * FURTHER_WALLS[0] * ON_THE_WALL:
        row["share_10x"] = share(row["loss_10x"], before["predicted_beyond"])
    return row


def summary(certified, others):
    """Lines that say what became of the certified and of the undecided runs.

    certified : rows of `continued`.  others : rows of the table of routes that were not certified at the wall.
    """
    yield f"{len(certified)} certified runs:"
    for column, where in (("share_wall", "at the wall"), ("share_10x", "at ten times its norm")):
        shares = certified[column].dropna() if column in certified else pd.Series(dtype=float)
        if len(shares):
            quantiles = ", ".join(f"{value:.4f}" for value in shares.quantile([0, 0.1, 0.5, 0.9, 1]))
            yield f"  L − L_∞ {where}, over the predicted one: least, tenth, median, ninth tenth, most of {len(shares)}: {quantiles}"
    for name in ("10x", "100x"):
        there = certified[certified[f"verdict_{name}"] == CERTIFIED]
        same = abs(there[f"infinity_{name}"] / there["loss_infinity"] - 1) < SAME_MINIMUM
        yield f"  {name}: {len(there)} certified again, {int(same.sum())} of them with the same L_∞ to {SAME_MINIMUM:g}; the others:"
        rest = certified.drop(there[same].index)
        ends = (rest["route"] + " → " + rest[f"route_{name}"].astype(str) + ", " + rest[f"verdict_{name}"].astype(str)).value_counts()
        yield from (f"    {count} {end}" for end, count in ends.items())
    followed = others[others["loss_beyond"].notna() | (others["verdict"] == UNDECIDED)]
    yield f"{len(followed)} runs that were undecided at the wall, followed to a hundred times its norm:"
    ends = (followed["verdict"] + ", " + followed["reason"].where(followed["verdict"] != CERTIFIED, followed["route"])).value_counts()
    yield from (f"    {count} {end}" for end, count in ends.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", default="results", help="a folder of results")
    parser.add_argument("--certified", type=int, default=50, help="how many certified runs")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of these")
    parser.add_argument("--out", default="continued.csv", help="file of the table")
    options = parser.parse_args()
    table = route_rows(options.results)
    at_the_wall = (table["verdict"] == CERTIFIED) & table["loss_beyond"].isna()
    chosen = table[at_the_wall].sample(min(options.certified, int(at_the_wall.sum())), random_state=options.seed)
    rows = []
    for before in chosen.to_dict("records"):
        rows.append(continued(*read_run(options.results, before), before))
        pd.DataFrame(rows).to_csv(options.out, index=False)
    print(f"{len(table)} runs at the wall, {int(at_the_wall.sum())} of them certified there; the table is in {options.out}")
    print("\n".join(summary(pd.DataFrame(rows), table[~at_the_wall])))


if __name__ == "__main__":
    main()
