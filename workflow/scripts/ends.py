"""The table of the ends of all runs."""

from flatchannels.pipeline import jobs
from flatchannels.reporting.ends import end_table
from flatchannels.storage import table_files
from flatchannels.storage.schemas.runs import ENDS


def main(snakemake):
    table_files.write_table(snakemake.output[0], ENDS, end_table(snakemake.input))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
