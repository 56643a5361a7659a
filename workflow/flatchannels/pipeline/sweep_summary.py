"""What a sweep cost and how its runs ended: python -m flatchannels.pipeline.sweep_summary RESULTS.

It reads what is there: the records of runs, benchmarks/….tsv, and the logs of snakemake. So it says how far a sweep is, too.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flatchannels.names import natural_key, widths_key
from flatchannels.reasons import Stop
from flatchannels.reporting.runs import TABLE_KEYS, TURNED, finish_cosine, run_columns
from flatchannels.storage import run_records
from flatchannels.storage.errors import RecordError

HOUR = 3600.0  # s
OFTEN, SELDOM = 15.0, 30.0  # s; Snakemake looks at a job every half second for so long, and after that every so many seconds
LEAST_CONVERGED = 0.995  # share of a network's runs below which it is named
MUCH_LONGER = 10.0  # longest run of a network in units of its median, from which on it is named
GROUPED_BY = ["sweep", "dataset", "activation", "network"]
COLUMNS = ["sweep", "dataset", "dimension", "activation", "widths", "seed", "stop", "converged", "message"]
AT_A_LIMIT = {Stop.TIME_LIMIT.name, Stop.STEP_LIMIT.name, Stop.T_LIMIT.name}
RESTARTED, FAILED_JOB = re.compile(r"Trying to restart job"), re.compile(r"^Error in rule (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """What one job of a results folder took.

    Parameters
    ----------
    kind : str
        The folder of its benchmark: runs, routes, statistics, …
    place : str
        Its path below that, without the suffix.
    seconds : float
        Processor time, s: `processor_seconds`.
    memory : float
        Largest resident set, MB; NaN where none was measured.
    """

    kind: str
    place: str
    seconds: float
    memory: float


def jobs(results: Path) -> list[Job]:
    """All jobs of which there is a benchmark; of one that was repeated, its last success.

    Parameters
    ----------
    results : Path
        The folder of results.

    Returns
    -------
    list of Job
    """
    found = []
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        with open(path, encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        if rows:
            place = path.relative_to(results / "benchmarks").with_suffix("")
            seconds = processor_seconds(rows[-1])
            kind = place.parts[0] if len(place.parts) > 1 else "other"
            found.append(Job(kind, str(place.relative_to(kind) if kind != "other" else place), seconds, _number(rows[-1]["max_rss"])))
    return found


def processor_seconds(row: Mapping[str, str]) -> float:
    """Processor time of a job, s; its wall time where Snakemake measured none, since the job was too short.

    What stands under cpu_time is what the job had used when Snakemake last looked: after 15 s where it took 44. What
    it did from then on is taken to be as busy as what it did before.

    Parameters
    ----------
    row : mapping
        A line of its benchmark, column → text.

    Returns
    -------
    float
    """
    wall, seen = _number(row["s"]), _number(row["cpu_time"])
    if not seen > 0:  # 0, NA or -
        return wall
    last_look = OFTEN + (wall - OFTEN) // SELDOM * SELDOM if wall > OFTEN else wall
    return seen * wall / last_look


def _number(text: str) -> float:
    """A number of a benchmark; NaN for NA and for -."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def records(results: Path) -> list[Path]:
    """The records of runs, without those whose seeds lie in another one, as when seeds were added to a block.

    Parameters
    ----------
    results : Path
        The folder of results.

    Returns
    -------
    list of Path
    """
    folders: dict[Path, list[tuple[int, int]]] = {}
    for path in sorted((results / "runs").rglob("seeds-*-*.npz")):
        first, last = path.stem.split("-")[1:]
        folders.setdefault(path.parent, []).append((int(first), int(last)))
    return [
        folder / f"seeds-{first}-{last}.npz"
        for folder, spans in folders.items()
        for first, last in spans
        if not any(low <= first and last <= high for low, high in spans if (low, high) != (first, last))
    ]


def read(results: Path) -> tuple[pd.DataFrame, list[str]]:
    """All runs, and what cannot be read.

    Parameters
    ----------
    results : Path
        The folder of results.

    Returns
    -------
    DataFrame
        One row per run of all records that there are.
    list of str
        A line for each record that cannot be used.
    """
    frames, damaged = [], []
    for path in records(results):
        try:
            meta, arrays = run_records.read_runs(path, [*TABLE_KEYS, "theta_flow"])
        except RecordError as error:
            damaged.append(str(error))
            continue
        columns = run_columns(str(path), meta, arrays)
        own = {
            "network": path.parent.name,
            "seconds": columns["seconds_flow"] + columns["seconds_polish"],
            "turned": finish_cosine(arrays["theta_flow"], arrays["theta"]) > TURNED,
        }
        frames.append(pd.DataFrame({key: columns[key] for key in COLUMNS} | own))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*COLUMNS, "network", "seconds", "turned"]), damaged


def costs(done: Iterable[Job]) -> pd.DataFrame:
    """Jobs, core-hours and largest memory, MB, by kind of job, with their sum.

    Parameters
    ----------
    done : iterable of Job
        `jobs`.

    Returns
    -------
    DataFrame
    """
    table = pd.DataFrame([vars(job) for job in done], columns=["kind", "place", "seconds", "memory"])
    groups = table.groupby("kind")
    sums = pd.DataFrame({"jobs": groups.size(), "core_hours": groups["seconds"].sum() / HOUR, "memory_mb": groups["memory"].max()})
    sums.loc["all"] = [len(table), table["seconds"].sum() / HOUR, table["memory"].max()]
    return sums.astype({"jobs": int})


def costs_by_size(done: Iterable[Job], runs: pd.DataFrame, sweep: str) -> pd.DataFrame:
    """Core-hours of the runs of a sweep: a row for each network r, a column for each dimension d, with sums.

    Parameters
    ----------
    done : iterable of Job
        `jobs`.
    runs : DataFrame
        `read`, which says the dimension of a dataset.
    sweep : str

    Returns
    -------
    DataFrame
    """
    mine = runs[runs["sweep"] == sweep]
    dimensions = dict(zip(mine["dataset"], mine["dimension"]))
    names = dict(zip(mine["network"], mine["widths"]))
    spent: dict[tuple[str, int], float] = {}
    for job in done:
        parts = job.place.split("/")  # sweep/dataset/activation/network/seeds
        if job.kind == "runs" and parts[0] == sweep and parts[1] in dimensions and parts[3] in names:
            key = names[parts[3]], dimensions[parts[1]]
            spent[key] = spent.get(key, 0.0) + job.seconds / HOUR
    return _by_size(pd.Series(spent, dtype=float), "sum")


def means_by_size(runs: pd.DataFrame, sweep: str, column: str) -> pd.DataFrame:
    """Mean of a column over the runs of a sweep: a row for each network r, a column for each dimension d.

    Parameters
    ----------
    runs : DataFrame
        `read`.
    sweep : str
    column : str
        "seconds", the wall time of a run, or "converged", whose mean is a share.

    Returns
    -------
    DataFrame
    """
    mine = runs[runs["sweep"] == sweep]
    return _by_size(mine[column].astype(float).groupby([mine["widths"], mine["dimension"]]).mean(), "")


def _by_size(values: pd.Series, total: str) -> pd.DataFrame:
    """A Series over (widths, dimension) as a table, with sums if `total` names them."""
    if not len(values):
        return pd.DataFrame()
    table = values.unstack()
    table = table.loc[sorted(table.index, key=widths_key), sorted(table.columns)]
    if total:
        table[total] = table.sum(axis=1)
        table.loc[total] = table.sum()
    return table.rename_axis(index="r", columns="d")


def endings(runs: pd.DataFrame) -> pd.DataFrame:
    """How many runs of each sweep ended for which reason, with sums.

    Parameters
    ----------
    runs : DataFrame
        `read`.

    Returns
    -------
    DataFrame
    """
    return pd.crosstab(runs["sweep"], runs["stop"], margins=True, margins_name="all") if len(runs) else pd.DataFrame()


def convergence(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs, converged ones and their share, network by network.

    Parameters
    ----------
    runs : DataFrame
        `read`.

    Returns
    -------
    DataFrame
    """
    table = runs.assign(converged=runs["converged"].astype(bool)).groupby(GROUPED_BY)["converged"].agg(["size", "sum", "mean"])
    return _in_order(table.reset_index().set_axis([*GROUPED_BY, "runs", "converged", "share"], axis=1))


def durations(runs: pd.DataFrame) -> pd.DataFrame:
    """Median and longest wall time of a run, s, and the longest in units of the median, network by network.

    Parameters
    ----------
    runs : DataFrame
        `read`.

    Returns
    -------
    DataFrame
    """
    table = runs.groupby(GROUPED_BY)["seconds"].agg(["median", "max"]).reset_index().set_axis([*GROUPED_BY, "median", "longest"], axis=1)
    return _in_order(table.assign(ratio=table["longest"] / table["median"]))


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of networks in the order of their names, numbers among them as numbers."""
    order = sorted(table.index, key=lambda row: [natural_key(table[key][row]) for key in GROUPED_BY])
    return table.loc[order].reset_index(drop=True)


def calls(logs: Iterable[Path]) -> dict[str, int]:
    """How often snakemake was called, how many jobs were restarted, and how many failed, by rule.

    Parameters
    ----------
    logs : iterable of Path
        Snakemake's.

    Returns
    -------
    dict
    """
    counts: Counter[str] = Counter()
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        counts["calls of snakemake"] += 1
        counts["jobs restarted"] += len(RESTARTED.findall(text))
        for rule in FAILED_JOB.findall(text):
            counts[f"failures of rule {rule}"] += 1
    return dict(counts)


def logs_beside(results: Path) -> list[Path]:
    """The logs of the calls that made a folder of results: in .snakemake of the nearest folder around it that has one.

    Parameters
    ----------
    results : Path
        The folder of results.

    Returns
    -------
    list of Path
    """
    for around in results.absolute().parents:
        if (around / ".snakemake" / "log").is_dir():
            return sorted((around / ".snakemake" / "log").glob("*.log"))
    return []


def describe(results: Path) -> str:
    """The summary, as a text.

    Parameters
    ----------
    results : Path
        The folder of results.

    Returns
    -------
    str
    """
    done = jobs(results)
    runs, damaged = read(results)
    networks, times, sweeps = convergence(runs), durations(runs), sorted(set(runs["sweep"]))
    long = times[times["ratio"] > MUCH_LONGER]
    below = networks[networks["share"] < LEAST_CONVERGED]
    failed = runs[runs["stop"] == Stop.FAILED.name]
    share = f"{runs['converged'].mean():.4%}" if len(runs) else "none"
    parts = [
        f"{len(runs)} runs in {len(records(results))} records, {len(damaged)} of which cannot be used",
        *damaged,
        _titled("Processor time and memory by kind of job", costs(done)),
        *(_titled(f"Core-hours of the runs of the sweep {sweep} by (r, d)", costs_by_size(done, runs, sweep)) for sweep in sweeps),
        *(_titled(f"Mean seconds of a run of the sweep {sweep}", means_by_size(runs, sweep, "seconds")) for sweep in sweeps),
        f"Longest run of a network: up to {times['ratio'].max():.3g} times its median; "
        f"{len(long)} of {len(times)} networks above {MUCH_LONGER:g}",
        *([long.to_string(index=False, float_format="{:.3g}".format)] if len(long) else []),
        _titled("How the runs ended", endings(runs)),
        *(_titled(f"Converged share of the runs of the sweep {sweep}", means_by_size(runs, sweep, "converged")) for sweep in sweeps),
        f"Converged: {int(runs['converged'].sum())} of {len(runs)} runs, {share}; "
        f"{len(below)} of {len(networks)} networks below {LEAST_CONVERGED:.1%}",
        *([below.to_string(index=False)] if len(below) else []),
        f"Turned by the finish by a cosine distance above {TURNED:g}, for which the original drops a run: {int(runs['turned'].sum())}",
        f"At a limit: {int(runs['stop'].isin(AT_A_LIMIT).sum())}. Failed: {len(failed)}",
        *(f"  {row.sweep}/{row.dataset}/{row.activation}/{row.network} seed {row.seed}: {row.message}" for row in failed.itertuples()),
        "; ".join(f"{name}: {count}" for name, count in calls(logs_beside(results)).items()) or "no logs of snakemake",
    ]
    return "\n".join(parts) + "\n"


def _titled(title: str, table: pd.DataFrame) -> str:
    return f"\n{title}:\n{table.to_string(float_format='{:.3g}'.format, na_rep='-') if len(table) else '  nothing yet'}\n"


def main() -> None:
    """Say what the runs in a folder of results cost, and how they ended."""
    parser = argparse.ArgumentParser(prog="python -m flatchannels.pipeline.sweep_summary", description=main.__doc__)
    parser.add_argument("results", nargs="?", default="results", help="the folder, such as results/paper (%(default)s)")
    results = Path(parser.parse_args().results)
    if not results.is_dir():
        parser.error(f"results is {results}; there is no such folder")
    print(describe(results), end="")


if __name__ == "__main__":
    main()
