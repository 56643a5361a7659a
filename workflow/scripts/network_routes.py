"""The routes to infinity of one network's runs; what an earlier table says of the same runs is kept."""

import hashlib
from pathlib import Path

import compile  # first: it says where numba keeps compiled code

from flatchannels.infinity.compiled import compile_kernels
from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.studies import network_routes


def main(snakemake):
    compile.once()
    compile.once(compile_kernels, "limits")
    dataset = snakemake.input.dataset
    made_by = {"code": snakemake.params.code, "dataset": hashlib.sha256(Path(dataset).read_bytes()).hexdigest()}
    before = network_routes.earlier_table(snakemake.output[0], made_by)
    table = network_routes.route_table(snakemake.input.records, dataset, before)
    table_files.write_table(snakemake.output[0], ROUTES, table, made_by)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
