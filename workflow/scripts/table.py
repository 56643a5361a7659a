"""A table that derives from the table of runs, by the function of its name in `statistics`."""

from flatchannels.reporting import statistics
from flatchannels.storage import records


def main(snakemake):
    name = snakemake.wildcards.table
    runs = records.read_table(snakemake.input[0], "runs")
    records.write_table(snakemake.output[0], name, getattr(statistics, name)(runs))


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
