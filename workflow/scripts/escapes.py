"""The table of the flows that began next to a saddle line."""

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.saddles import ESCAPES
from flatchannels.studies import saddle_tables


def main(snakemake):
    table = saddle_tables.escape_table(snakemake.input.plateau, snakemake.input.channel)
    table_files.write_table(snakemake.output[0], ESCAPES, table)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
