"""The saddle line that Figures 3, B5 and B6 show: the loss around it, and flows from it into a channel."""

import compile  # first: it says where numba keeps compiled code
from saddle_lines import read_datasets

from flatchannels.pipeline import jobs
from flatchannels.storage import products
from flatchannels.studies import saddle_examples


def main(snakemake):
    compile.once()
    candidates = saddle_examples.channel_candidates(snakemake.input.records, **snakemake.params.network)
    found = saddle_examples.channel(candidates, read_datasets(snakemake.input.datasets), snakemake.params.maxnorm)
    products.write_saddles(snakemake.output[0], "channel", *found)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
