"""The jump procedure along the channel of Figure 5, chosen from tables of routes."""

import compile  # first: it says where numba keeps compiled code
from saddle_lines import read_datasets

from flatchannels.infinity import jumps
from flatchannels.infinity.compiled import compile_kernels
from flatchannels.pipeline import jobs
from flatchannels.reporting import routes
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import JUMPS, ROUTES


def main(snakemake):
    compile.once()
    compile.once(compile_kernels, "limits")
    all_routes = routes.join([table_files.read_table(path, ROUTES) for path in snakemake.input.routes])
    chosen = routes.channel_of_figure_5(all_routes)
    table_files.write_table(snakemake.output[0], JUMPS, jumps.jump_table(chosen, read_datasets(snakemake.input.datasets)))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
