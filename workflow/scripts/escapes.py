"""The table of all flows that began next to a saddle line."""

from flatchannels import records, saddle_examples


def main(snakemake):
    table = saddle_examples.escape_table(snakemake.input.plateau, snakemake.input.channel)
    records.write_table(snakemake.output[0], "escapes", table)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
