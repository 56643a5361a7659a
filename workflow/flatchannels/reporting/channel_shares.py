"""Table of the runs of the sweep `channels` → shares, with Wilson 95 % intervals.

Failed runs are left out, but for the share that converged.  Source: paper, section 4 and Appendix B.3.
"""

from itertools import chain, combinations

import pandas as pd

from flatchannels.names import widths_of
from flatchannels.reporting.groups import ALL, NETWORK, ended, groups
from flatchannels.reporting.shares import share_columns
from flatchannels.storage.schemas.channels import CHANNEL_LAYERS, CHANNEL_SHARES
from flatchannels.storage.table_files import typed_table


def channel_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Shares of the runs of every network, and of every setting (dimension 0 and widths "all").

    Of all runs count "channel" and "infinite". "aligned" is the third criterion, of the runs that fulfil the other two. "several
    dimensions" is a group of three neurons or more, of the runs in a channel. "converged" is of all, failed ones included.

    Parameters
    ----------
    runs : table of the runs of the sweep `channels`.

    Returns
    -------
    The table of channel shares.
    """
    everything = runs.assign(dimension=0, widths=ALL)
    rows = []
    for table in [everything, runs]:
        for key, group in groups(table, NETWORK):
            done = ended(group)
            inside, towards = done[done["channel"]], done[done["infinite"] & done["parallel"]]
            for quantity, hits in {
                "channel": done["channel"], "infinite": done["infinite"], "aligned": towards["aligned"],
                "several dimensions": inside["channel_dimension"] > 1, "converged": group["converged"],
            }.items():  # fmt: skip
                rows.append({**dict(zip(NETWORK, key, strict=True)), "quantity": quantity, **share_columns(hits)})
    return typed_table(CHANNEL_SHARES, rows)


def layer_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of the runs of each setting with several layers that have channels in exactly these layers, for all combinations.

    criterion "paper": the layers with a parallel pair, of runs in a channel. "diverging": those of them in which the output
    weights of parallel neurons diverge as well (`criteria.LayerChannels.diverging`).

    Parameters
    ----------
    runs : table of the runs of the sweep `channels`.

    Returns
    -------
    The table of channel layers.
    """
    rows = []
    for (name, widths), group in groups(ended(runs), ["setting", "widths"]):
        depth = len(widths_of(widths))
        for criterion, column in [("paper", "channel_layers"), ("diverging", "strict_layers")] if depth > 1 else []:
            for layers in layer_combinations(depth):
                rows.append({"setting": name, "criterion": criterion, "layers": layers, **share_columns(group[column] == layers)})
    return typed_table(CHANNEL_LAYERS, rows)


def layer_combinations(depth: int) -> list[str]:
    """The names of all combinations of layers: 1, 2, 3, 1+2, …, 1+2+3."""
    subsets = chain.from_iterable(combinations(range(1, depth + 1), size) for size in range(1, depth + 1))
    return ["+".join(map(str, subset)) for subset in subsets]
