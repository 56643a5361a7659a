"""The routes to infinity of one network's runs."""

import compile  # first: it says where numba keeps compiled code

from flatchannels.infinity.compiled import compile_kernels
from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.studies import network_routes


def main(snakemake):
    compile.once()
    compile.once(compile_kernels, "limits")
    table_files.write_table(snakemake.output[0], ROUTES, network_routes.route_table(snakemake.input.records, snakemake.input.dataset))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
