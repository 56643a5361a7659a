"""The saddle line that Figures 2c, 2d, A2 and A4 show: its spectrum, the loss around it, flows that begin next to it and to others."""

import compile  # first: it says where numba keeps compiled code
from saddle_lines import read_datasets

from flatchannels.pipeline import jobs
from flatchannels.storage import products, table_files
from flatchannels.storage.schemas.saddles import SADDLE_LINES
from flatchannels.studies import plateau_flows, saddle_examples


def main(snakemake):
    compile.once()
    lines, datasets = table_files.read_table(snakemake.input.lines, SADDLE_LINES), read_datasets(snakemake.input.datasets)
    told, arrays = saddle_examples.plateau(saddle_examples.choose_plateau(lines, **snakemake.params.network), datasets)
    told["escapes"] = plateau_flows.network_flows(plateau_flows.choose_neurons(lines), datasets)
    products.write_saddles(snakemake.output[0], "plateau", told, arrays)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
