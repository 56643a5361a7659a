"""The tables of the sweep `channels`, and a summary for people of how its runs ended."""

from runs_table import summarise

from flatchannels.pipeline import jobs
from flatchannels.reporting.channel_tables import channel_tables
from flatchannels.storage import atomic, table_files
from flatchannels.storage.schemas import channels


def main(snakemake):
    tables = channel_tables(snakemake.input.records, snakemake.input.datasets)
    for schema in channels.CHANNEL_SCHEMAS:
        table_files.write_table(snakemake.output[schema.name], schema, tables[schema.name])
    atomic.write_text(snakemake.output.summary, summarise(tables["channel_runs"]))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
