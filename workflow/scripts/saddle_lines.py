"""The table of the saddle lines of all converged networks: one row per neuron."""

from pathlib import Path

import compile  # first: it says where numba keeps compiled code

from flatchannels.pipeline import jobs
from flatchannels.storage import dataset_files, table_files
from flatchannels.storage.schemas.saddles import SADDLE_LINES
from flatchannels.studies import saddle_tables


def read_datasets(paths):
    """Name → Dataset."""
    return {Path(path).name.removesuffix(".npz"): dataset_files.read_dataset(path)[0] for path in paths}


def main(snakemake):
    compile.once()
    table = saddle_tables.line_table(snakemake.input.records, read_datasets(snakemake.input.datasets))
    table_files.write_table(snakemake.output[0], SADDLE_LINES, table)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
