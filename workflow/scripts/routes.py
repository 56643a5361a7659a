"""The table of routes to infinity of all networks."""

from flatchannels.reporting import routes
from flatchannels.storage import records


def main(snakemake):
    tables = [records.read_table(path, "routes") for path in snakemake.input]
    records.write_table(snakemake.output[0], "routes", routes.join(tables))


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
