"""Table of the runs of the sweep `channels` → shares, with Wilson 95 % intervals.

Failed runs are left out, but for the share that converged.  Source: paper, section 4 and Appendix B.3.
"""

from itertools import chain, combinations

import numpy as np
import pandas as pd

from flatchannels.names import setting_key, widths_key
from flatchannels.reporting.groups import NETWORK
from flatchannels.reporting.shares import wilson_interval
from flatchannels.storage.schemas.channels import CHANNEL_LAYERS, CHANNEL_SHARES
from flatchannels.storage.table_files import typed_table


def channel_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Shares of the runs of every network, and of every setting (dimension 0 and widths "all").

    channel, infinite: of all runs. aligned: the third criterion, of those that fulfil the other two. several dimensions: a
    group of three neurons or more, of the runs in a channel. converged: of all, failed ones included.
    """
    everything = runs.assign(dimension=0, widths="all")
    rows = []
    for table in [everything, runs]:
        for key, group in _groups(table, NETWORK):
            ended = group[group["stop"] != "FAILED"]
            inside, towards = ended[ended["channel"]], ended[ended["infinite"] & ended["parallel"]]
            for quantity, hits in {
                "channel": ended["channel"], "infinite": ended["infinite"], "aligned": towards["aligned"],
                "several dimensions": inside["channel_dimension"] > 1, "converged": group["converged"],
            }.items():  # fmt: skip
                rows.append({**dict(zip(NETWORK, key, strict=True)), "quantity": quantity, **_share(hits)})
    return typed_table(CHANNEL_SHARES, rows)


def _share(hits):
    count, total = int(np.sum(hits)), len(hits)
    low, high = wilson_interval(count, total)
    return {"count": count, "runs": total, "share": count / total if total else np.nan, "low": low, "high": high}


def layer_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of the runs of each setting with several layers that have channels in exactly these layers, for all combinations.

    criterion "paper": the layers with a parallel pair, of runs in a channel. "diverging": those of them in which the output
    weights of parallel neurons diverge as well (`LayerChannels.diverging`).
    """
    rows = []
    for (name, widths), group in _groups(runs[runs["stop"] != "FAILED"], ["setting", "widths"]):
        depth = len(widths.split("x"))
        for criterion, column in [("paper", "channel_layers"), ("diverging", "strict_layers")] if depth > 1 else []:
            for layers in layer_combinations(depth):
                rows.append({"setting": name, "criterion": criterion, "layers": layers, **_share(group[column] == layers)})
    return typed_table(CHANNEL_LAYERS, rows)


def layer_combinations(depth: int) -> list[str]:
    """The names of all combinations of layers: 1, 2, 3, 1+2, …, 1+2+3."""
    subsets = chain.from_iterable(combinations(range(1, depth + 1), size) for size in range(1, depth + 1))
    return ["+".join(map(str, subset)) for subset in subsets]


def _groups(frame, columns):
    """(values of the columns, rows) of every group, in order."""
    keys = {"setting": setting_key, "widths": lambda widths: (0, ()) if widths == "all" else widths_key(widths)}

    def order(item):
        return [keys.get(column, lambda value: value)(value) for column, value in zip(columns, item[0], strict=True)]

    return sorted(frame.groupby(columns, sort=False), key=order)
