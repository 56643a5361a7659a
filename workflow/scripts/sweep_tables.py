"""The tables of any sweep: runs, hidden layers, loss levels, ends, shares, and a summary for people of how its runs ended."""

from runs_table import summarise

from flatchannels.pipeline import jobs
from flatchannels.reporting.channel_tables import channel_tables
from flatchannels.reporting.end_shares import end_shares
from flatchannels.reporting.levels import loss_levels
from flatchannels.storage import atomic, table_files
from flatchannels.storage.schemas.catalogue import SCHEMAS


def main(snakemake):
    tables = channel_tables(snakemake.input.records, snakemake.input.datasets)
    runs = tables["channel_runs"]
    tables |= {"loss_levels": loss_levels(runs), "end_shares": end_shares(runs)}
    for name in ["channel_runs", "channels", "channel_shares", "loss_levels", "end_shares"]:
        table_files.write_table(snakemake.output[name], SCHEMAS[name], tables[name])
    atomic.write_text(snakemake.output.summary, summarise(runs))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
