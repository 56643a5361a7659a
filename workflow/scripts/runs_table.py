"""The table of runs, from all records, and a summary for people of how the runs ended."""

import pandas as pd

from flatchannels.pipeline import jobs
from flatchannels.reporting.runs import run_table
from flatchannels.storage import atomic, table_files
from flatchannels.storage.schemas.runs import RUNS


def summarise(runs):
    """Counts of the stop reasons for every sweep, dataset and activation, then convergence and time."""
    counts = pd.crosstab([runs["sweep"], runs["dataset"], runs["activation"]], runs["stop"].str.lower(), margins=True, margins_name="all")
    seconds = runs["seconds_flow"] + runs["seconds_polish"]
    return (
        f"How the runs ended:\n{counts.to_string()}\n"
        f"{runs['converged'].sum()} of {len(runs)} runs converged. "
        f"Seconds per run: {seconds.median():.2g} in the median, {seconds.max():.2g} at most.\n"
    )


def main(snakemake):
    runs = run_table(snakemake.input)
    table_files.write_table(snakemake.output.table, RUNS, runs)
    atomic.write_text(snakemake.output.summary, summarise(runs))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
