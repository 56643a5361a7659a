"""In place of a figure that has nothing to show: why."""

from pathlib import Path

import style
from saddle_panels import none_found

from flatchannels.pipeline import jobs


def draw(name, reason):
    """The page. name : of the figure, as in its files.  reason : half a sentence."""
    return none_found(1.2, f"Figure {name.removeprefix('fig')}: nothing to show, {reason}")


def main(snakemake):
    style.save(draw(Path(snakemake.output[0]).stem, snakemake.params.nothing), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
