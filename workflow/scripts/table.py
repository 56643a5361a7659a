"""A table that derives from the table of runs, by the function for its name."""

from flatchannels.pipeline import jobs
from flatchannels.reporting.levels import loss_levels
from flatchannels.reporting.shares import shares
from flatchannels.reporting.solutions import solutions
from flatchannels.storage import table_files
from flatchannels.storage.schemas.runs import LOSS_LEVELS, RUNS, SHARES, SOLUTIONS

TABLES = {schema.name: (schema, make) for schema, make in [(LOSS_LEVELS, loss_levels), (SOLUTIONS, solutions), (SHARES, shares)]}


def main(snakemake):
    schema, make = TABLES[snakemake.wildcards.table]
    runs = table_files.read_table(snakemake.input.runs, RUNS)
    table_files.write_table(snakemake.output[0], schema, make(runs))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
