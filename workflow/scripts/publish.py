"""Lays out what is published of finished results."""

from pathlib import Path

from flatchannels.pipeline import jobs, publication


def main(snakemake):
    given = snakemake.input
    publication.lay_out(
        Path(snakemake.output[0]).parent,
        Path(snakemake.params.config["results_dir"]),
        files=[*given.tables, given.ends, *given.figures, given.scorecard],
        records=given.records,
        configuration=snakemake.params.config,
        left_out=snakemake.params.left_out,
    )


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
