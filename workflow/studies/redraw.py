"""Shares of channels with a Gaussian process drawn anew for every run, as the original's code draws it, or for every network.

    PYTHONPATH=workflow python workflow/studies/redraw.py results/paper --configfile config/paper.yaml --folder redrawn [--seeds 10]

Of the configuration it takes the networks with one hidden layer and softplus on Gaussian processes, with fewer seeds, lets each run have
a draw of its own (`redraw: run`), makes these runs with snakemake in a folder, and compares shares with those of the finished results.
With a draw for each network the runs of a network share its target, and intervals are by network; with one for each run they do
not. So the second tells whether a share depends on which targets happened to be drawn. Each draw takes seconds and a gigabyte or two.
"""

import argparse
import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import sample
import yaml
from scipy.stats import norm

from flatchannels.names import widths_of
from flatchannels.pipeline import config
from flatchannels.pipeline.expansion import listed
from flatchannels.reporting.cluster_intervals import cluster_share
from flatchannels.reporting.groups import ended
from flatchannels.reporting.shares import wilson_interval
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNEL_RUNS

READINGS_ASKED = ["infinite", "channel_pair", "channel"]


def redrawn(given: dict, folder: Path, seeds: int, max_width: int, max_dimension: int) -> dict:
    """The configuration of the second set of runs.

    Parameters
    ----------
    given : validated configuration.
    folder : of the second set.
    seeds, max_width, max_dimension : how much of the sweep `channels`.

    Raises
    ------
    ValueError: nothing of the configuration is of that kind.
    """
    made = copy.deepcopy(given)
    entries = []
    for entry in made["sweeps"].get("channels", {"entries": []})["entries"]:
        spec = made["datasets"][entry["dataset"]]
        widths = [each for each in entry["widths"] if len(each) == 1 and each[0] <= max_width]
        dimensions = [each for each in listed(entry["dimension"]) if each <= max_dimension]
        if spec["target"] == "gaussian-process" and "softplus" in listed(entry["activation"]) and widths and dimensions:
            spec["redraw"] = "run"
            entries.append(
                entry | {"widths": widths, "dimension": dimensions, "activation": "softplus", "seeds": min(seeds, entry["seeds"])}
            )
    if not entries:
        raise ValueError("the configuration has no softplus networks with one hidden layer on Gaussian processes, of these sizes")
    made["sweeps"] = {"channels": {"seeds_per_job": 1, "entries": entries}}
    return made | {"preset": "redrawn", "results_dir": str(folder / "results")}


def comparable(runs: pd.DataFrame, seeds: int, networks: set) -> pd.DataFrame:
    """The runs of the same networks and seeds, but for failures."""
    asked = pd.Series([key in networks for key in zip(runs["setting"], runs["dimension"], runs["widths"])], index=runs.index, dtype=bool)
    return ended(runs[asked & (runs["seed"] <= seeds)])


def compare(by_network: pd.DataFrame, by_run: pd.DataFrame) -> pd.DataFrame:
    """Shares in per cent, with 95 % intervals by network for the first and by run for the second, and the difference, per setting."""
    rows = []
    for name in sorted(set(by_run["setting"]), key=sample.setting_key):
        first, second = by_network[by_network["setting"] == name], by_run[by_run["setting"] == name]
        for quantity in READINGS_ASKED:
            shared = cluster_share(first[quantity], first[["dimension", "widths"]])
            low, high = wilson_interval(int(second[quantity].sum()), len(second))
            rows.append({
                "setting": name, "quantity": quantity,
                "a draw per network": f"{100 * shared.value:.0f} [{100 * shared.low:.0f}, {100 * shared.high:.0f}]",
                "a draw per run": f"{100 * second[quantity].mean():.0f} [{100 * low:.0f}, {100 * high:.0f}]",
                "difference": f"{100 * (second[quantity].mean() - shared.value):+.0f}", "runs": f"{len(first)}, {len(second)}",
            })  # fmt: skip
    return pd.DataFrame(rows)


def slope(by_run: pd.DataFrame, scales: dict[str, float], quantity: str) -> tuple[float, float, float]:
    """The least-squares slope of a share over log10 of the inverse length scale, with its 97.5 % interval, as in C7, of independent runs.

    scales : of each setting, two of them at least.
    """
    shares = by_run.groupby("setting")[quantity].agg(["mean", "count"])
    x = np.log10([scales[name] for name in shares.index])
    x = x - np.average(x, weights=shares["count"])
    leverage = shares["count"] * x / (shares["count"] @ x**2)
    value = float(leverage @ shares["mean"])
    half = norm.ppf(1 - 0.025 / 2) * float(np.sqrt(leverage**2 @ (shares["mean"] * (1 - shares["mean"]) / shares["count"])))
    return value, value - half, value + half


def table_of(results: Path) -> pd.DataFrame:
    return table_files.read_table(results / "statistics" / "channel_runs.parquet", CHANNEL_RUNS)


def main() -> None:
    """Make the second set of runs, and compare."""
    parser = sample.parser(__doc__ or "")
    parser.add_argument("--configfile", type=Path, required=True, metavar="FILE", help="by which the results were made")
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="where the second set of runs goes; it can be resumed")
    parser.add_argument("--cores", default="2", metavar="N", help="of snakemake (%(default)s)")
    given: argparse.Namespace = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        made = redrawn(config.validate(config.load(given.configfile)), folder, given.seeds, given.max_width, given.max_dimension)
    except (config.ConfigError, ValueError) as error:
        sys.exit(str(error))
    (folder / "config.yaml").write_text(yaml.safe_dump(made, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--cores", given.cores, "--configfile", folder / "config.yaml", "--", "channels"]
    if code := subprocess.run(command).returncode:
        sys.exit(code)
    second = table_of(folder / "results")
    networks = set(zip(second["setting"], second["dimension"], second["widths"]))
    first = comparable(table_of(given.results), given.seeds, networks)
    assert all(len(widths_of(name)) == 1 for name in second["widths"])
    table = compare(first, ended(second))
    if given.out:
        table.to_csv(given.out, index=False)
    print(table.to_string(index=False))
    scales = {name: made["datasets"][name]["scale"] for name in set(second["setting"])}
    if len(scales) > 1:
        value, low, high = slope(ended(second), scales, "channel")
        print(f"a draw per run: share of channels by factor of ten in s {value:+.3f}, 97.5 % interval [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
