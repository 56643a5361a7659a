"""The table of routes to infinity of all networks."""

import pandas as pd

from flatchannels import records


def main(snakemake):
    tables = [records.read_table(path, "routes") for path in snakemake.input]
    filled = [table for table in tables if len(table)] or tables[:1]
    for table in filled:
        table.attrs.clear()
    records.write_table(snakemake.output[0], "routes", pd.concat(filled, ignore_index=True))


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
