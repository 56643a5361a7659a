"""Records of all sweeps → the table of ends: one row per run, with its θ."""

from collections.abc import Iterable
from os import PathLike

import pandas as pd

from flatchannels.reporting.runs import TABLE_KEYS, run_columns
from flatchannels.storage import run_records
from flatchannels.storage.schemas.runs import ENDS
from flatchannels.storage.table_files import typed_table


def end_table(paths: Iterable[str | PathLike[str]]) -> pd.DataFrame:
    """One row per run of all the given records, in their order; θ of a run that failed is NaN.

    Parameters
    ----------
    paths : iterable of path
        Of the records.

    Returns
    -------
    DataFrame
        The table of ends.

    Raises
    ------
    RecordError
        A record cannot be used.
    """
    frames = []
    for path in map(str, paths):
        meta, arrays = run_records.read_runs(path, TABLE_KEYS)
        columns = run_columns(path, meta, arrays) | {"theta": list(arrays["theta"])}
        frames.append(typed_table(ENDS, {key: columns[key] for key in ENDS.columns}))
    return pd.concat(frames, ignore_index=True) if frames else typed_table(ENDS, [])
