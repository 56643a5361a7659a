"""The table of routes to infinity of all networks."""

from flatchannels.pipeline import jobs
from flatchannels.reporting import routes
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES


def main(snakemake):
    tables = [table_files.read_table(path, ROUTES) for path in snakemake.input]
    table_files.write_table(snakemake.output[0], ROUTES, routes.join(tables))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
