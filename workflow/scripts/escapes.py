"""Tables of the flows that began next to a saddle line, and of the last updates of runs in a channel."""

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.saddles import CHANNEL_UPDATES, ESCAPES
from flatchannels.studies import saddle_tables


def main(snakemake):
    table = saddle_tables.escape_table(snakemake.input.plateau, snakemake.input.channel)
    table_files.write_table(snakemake.output.escapes, ESCAPES, table)
    table_files.write_table(snakemake.output.channel_updates, CHANNEL_UPDATES, saddle_tables.update_table(snakemake.input.records))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
