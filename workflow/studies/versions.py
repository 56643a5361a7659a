"""What a change of the engine does to the runs of a configuration: their cost, and their ends.

    PYTHONPATH=workflow python workflow/studies/versions.py BEFORE AFTER [--scale 50]

Two folders of results made by two checkouts, each with `snakemake --cores 1 --until runs --configfile …`; for the cost, side by side on one
machine. Runs of the same network on the same dataset with the same seed are compared. Cost is the processor time of their jobs, with
all that these load, as `sweep_summary` has it, and the Hessians that flows took. --scale SEEDS tells what the sweep `channels` with so many
seeds of each network would take, by the mean of those here.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from flatchannels.names import widths_key
from flatchannels.pipeline import sweep_summary
from flatchannels.precision import SAME_MINIMUM
from flatchannels.reporting.identity import place_columns
from flatchannels.storage import run_records
from flatchannels.storage.schemas.columns import PROTOCOL_COLUMNS

KEYS = ["seed", "loss", "hessians", "stop"]
NETWORK = ["sweep", "dataset", "dimension", "activation", "widths", "bias", *PROTOCOL_COLUMNS]
PLACE = [*NETWORK, "seed"]


def main() -> None:
    """Compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, metavar="BEFORE", help="a folder of results")
    parser.add_argument("after", type=Path, metavar="AFTER", help="a folder of results")
    parser.add_argument("--scale", type=int, metavar="SEEDS", help="of each network")
    given = parser.parse_args()
    both = table(given.before).merge(table(given.after), on=PLACE, suffixes=("_before", "_after"))
    if both.empty:
        raise SystemExit(f"{given.before}, {given.after}: no run is in both")
    print(f"{len(both)} runs are in both\n")
    print(costs(both, given.scale))
    print(f"\n{ends(both)}")


def table(results: Path) -> pd.DataFrame:
    """One row per run of a folder of results: where it belongs, loss, Hessians, stop, and its share of the processor seconds of its job."""
    tables = []
    seconds = {job.place: job.seconds for job in sweep_summary.jobs(results) if job.kind == "runs"}
    for path in sorted((results / "runs").rglob("seeds-*.npz")):
        meta, arrays = run_records.read_runs(path, KEYS)
        names = {code: name for name, code in meta["stop_codes"].items()}
        place = {key: value for key, value in place_columns(meta).items() if key in PLACE}
        rows = pd.DataFrame(arrays).replace({"stop": names}).assign(**place)
        job = str(path.relative_to(results / "runs").with_suffix(""))
        tables.append(rows.assign(seconds=seconds.get(job, np.nan) / len(rows)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*PLACE, *KEYS, "seconds"])


def costs(runs: pd.DataFrame, scale: int | None) -> str:
    """Means per run by width and dimension, and the sums."""
    lines = ["| r, d | runs | seconds before, after | ratio | Hessians before, after | ratio |", "|---|---|---|---|---|---|"]
    groups = runs.groupby(["widths", "dimension"])
    for widths, dimension in sorted(groups.groups, key=lambda key: (widths_key(key[0]), key[1])):
        here = groups.get_group((widths, dimension))
        mean = here[["seconds_before", "seconds_after", "hessians_before", "hessians_after"]].mean()
        lines.append(
            f"| {widths}, {dimension} | {len(here)} | {mean['seconds_before']:.2f}, {mean['seconds_after']:.2f} "
            f"| {mean['seconds_after'] / mean['seconds_before']:.2f} | {mean['hessians_before']:.0f}, {mean['hessians_after']:.0f} "
            f"| {mean['hessians_after'] / mean['hessians_before']:.2f} |"
        )
    hours = runs[["seconds_before", "seconds_after"]].sum() / 3600
    lines.append(f"\ncore-hours: {hours['seconds_before']:.3f} before, {hours['seconds_after']:.3f} after")
    if scale:
        channels = runs[runs["sweep"] == "channels"].groupby(NETWORK)
        whole = channels[["seconds_before", "seconds_after"]].mean().sum() * scale / 3600
        lines.append(
            f"with {scale} runs of each of the {channels.ngroups} networks of the sweep channels: "
            f"{whole['seconds_before']:.2f} before, {whole['seconds_after']:.2f} after"
        )
    return "\n".join(lines)


def ends(runs: pd.DataFrame) -> str:
    """How many runs ended at the same loss, to 1e-9 relative; those that did not."""
    both = np.isfinite(runs["loss_before"]) & np.isfinite(runs["loss_after"])
    change = (runs["loss_after"] - runs["loss_before"]) / runs["loss_before"].where(both).abs()
    same = (change.abs() <= SAME_MINIMUM) | (runs["stop_before"] == "EXACT") & (runs["stop_after"] == "EXACT")
    other = runs.assign(change=change)[~same]
    stops = (runs["stop_before"] != runs["stop_after"])[same].sum()
    lines = [
        f"the same loss to {SAME_MINIMUM:g}: {same.sum()} of {len(runs)} runs, of these {stops} with another stop; "
        f"of the others {(other['change'] < 0).sum()} end lower"
    ]
    if len(other):
        columns = ["sweep", "dataset", "activation", "widths", "seed", "stop_before", "stop_after", "loss_before", "loss_after", "change"]
        lines.append(other[columns].to_string(index=False))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
