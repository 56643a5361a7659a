"""The groups of runs that tables are about."""

import pandas as pd

from flatchannels.names import natural_key, widths_key
from flatchannels.storage.schemas import columns
from flatchannels.storage.schemas import runs as run_schemas

CONFIGURATION = list(run_schemas.CONFIGURATION)  # columns: runs that share their loss levels
NETWORK = list(columns.NETWORK)  # columns: runs of one network on one dataset


def groups(runs: pd.DataFrame, columns: list[str], failed: bool = False) -> list[tuple[tuple, pd.DataFrame]]:
    """(values of columns, rows) of every group, widths and datasets in numerical order; failed runs left out unless asked for."""
    if not failed and "stop" in runs:
        runs = runs[runs["stop"] != "FAILED"]
    found = runs.groupby(columns, sort=False)

    keys = {"widths": widths_key, "dataset": natural_key}

    def key(item):
        return tuple(keys[column](value) if column in keys else value for column, value in zip(columns, item[0], strict=True))

    return sorted(found, key=key)


def outcomes(runs: pd.DataFrame) -> dict[str, pd.Series]:
    """Masks of the subsets of runs by how they ended."""
    everything = pd.Series(True, index=runs.index)
    return {"all": everything, "finite": ~runs["infinite"], "infinite": runs["infinite"], "no duplicates": runs["duplicates"] == 0}
