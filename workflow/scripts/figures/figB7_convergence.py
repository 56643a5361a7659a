"""Figure B7: how well the runs of the sweep `channels` converged.

Histograms over runs of the final gradient and of the smallest Hessian eigenvalue, per width. Source: paper, Appendix B, Figure B7.
"""

import style
from figA3_convergence import histograms

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNEL_RUNS


def draw(runs):
    """The figure, from the table channel_runs: a row for runs of finite norm, one for those at the wall."""
    runs = runs[runs["stop"] != "FAILED"]
    parts = [("finite norm", runs[~runs["infinite"]]), ("at the norm wall", runs[runs["infinite"]])]
    return histograms(runs["widths"].unique(), [(f"{title}: {len(part)} runs", part) for title, part in parts], 3.8)


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channel_runs, CHANNEL_RUNS)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
