"""A table that derives from the table of runs, by the function for its name."""

from flatchannels.reporting.levels import loss_levels
from flatchannels.reporting.shares import shares
from flatchannels.reporting.solutions import solutions
from flatchannels.storage import table_files

TABLES = {"loss_levels": loss_levels, "solutions": solutions, "shares": shares}


def main(snakemake):
    name = snakemake.wildcards.table
    runs = table_files.read_table(snakemake.input[0], "runs")
    table_files.write_table(snakemake.output[0], name, TABLES[name](runs))


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
