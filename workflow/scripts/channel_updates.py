"""The table of the last updates of runs at the norm wall with a single pair, beside the saddle lines of that pair."""

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.saddles import CHANNEL_UPDATES
from flatchannels.studies import saddle_tables


def main(snakemake):
    table_files.write_table(snakemake.output[0], CHANNEL_UPDATES, saddle_tables.update_table(snakemake.input.records))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
