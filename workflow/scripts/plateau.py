"""The saddle line that Figures 2c, 2d, A2 and A4 show: its spectrum, the loss around it, and flows that begin next to it."""

import compile  # first: it says where numba keeps compiled code
from saddle_lines import read_datasets

from flatchannels.storage import products, table_files
from flatchannels.storage.schemas.saddles import SADDLE_LINES
from flatchannels.studies import saddle_examples


def main(snakemake):
    compile.once()
    row = saddle_examples.choose_plateau(table_files.read_table(snakemake.input.lines, SADDLE_LINES), **snakemake.params.network)
    found = saddle_examples.plateau(row, read_datasets(snakemake.input.datasets))
    products.write_saddles(snakemake.output[0], "plateau", *found)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
