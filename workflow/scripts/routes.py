"""The table of routes to infinity of all networks."""

from flatchannels.reporting import routes
from flatchannels.storage import table_files


def main(snakemake):
    tables = [table_files.read_table(path, "routes") for path in snakemake.input]
    table_files.write_table(snakemake.output[0], "routes", routes.join(tables))


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
