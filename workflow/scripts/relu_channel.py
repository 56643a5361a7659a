"""The function that two relu neurons learn in a channel."""

import compile  # first: it says where numba keeps compiled code

from flatchannels.pipeline import jobs
from flatchannels.storage import products


def main(snakemake):
    compile.once()
    from flatchannels.studies import relu_channel

    seed = snakemake.params.seed
    products.write_toy(snakemake.output[0], "relu_channel", relu_channel.product(seed), {"seed": seed})


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
