"""Table of the runs of the sweep `channels` → shares, with 95 % intervals: of one network Wilson's, of several by network.

Failed runs are left out, but for the share that converged.  Source: paper, section 4 and Appendix B.3; the intervals by network are
`cluster_intervals`, where the paper takes all runs for independent.
"""

from itertools import chain, combinations

import pandas as pd

from flatchannels.names import numbers_name, widths_of
from flatchannels.reporting.cluster_intervals import cluster_share
from flatchannels.reporting.groups import ALL, NETWORK, ended, grouped
from flatchannels.reporting.shares import share_columns
from flatchannels.storage.schemas.channels import CHANNEL_LAYERS, CHANNEL_SHARES
from flatchannels.storage.table_files import typed_table

# Columns of the table channel_runs and quantities of channel_shares: what of a run in a channel is asked for. The first decides.
READINGS = {"channel": "the original's reading of condition 3", "channel_span": "the rows of the group alone",
            "channel_pair": "conditions 1 + 2 alone"}  # fmt: skip


def channel_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Shares of the runs of every network, and of every setting (dimension 0 and widths "all").

    Of all runs count "channel", "channel_span" and "channel_pair", in a channel by the readings of the third criterion, "channel_turned",
    up to the symmetry of the activation, and "infinite". "aligned" is the third criterion, of the runs that fulfil the other two. "several
    dimensions" is a group of three neurons or more, of the runs in a channel. "converged" is of all, failed ones included.

    Parameters
    ----------
    runs
        Table of the runs of the sweep `channels`.

    Returns
    -------
    DataFrame
        The table of channel shares.
    """
    networks = runs[NETWORK]
    rows = []
    for table in [runs.assign(dimension=0, widths=ALL), runs]:
        for key, group in grouped(table, NETWORK):
            done = ended(group)
            inside, towards = done[done["channel"]], done[done["channel_pair"]]
            for quantity, hits in {
                **{name: done[name] for name in [*READINGS, "channel_turned", "infinite"]}, "aligned": towards["aligned"],
                "several dimensions": inside["channel_dimension"] > 1, "converged": group["converged"],
            }.items():  # fmt: skip
                rows.append({**dict(zip(NETWORK, key, strict=True)), "quantity": quantity, **_share(hits, networks)})
    return typed_table(CHANNEL_SHARES, rows)


def _share(hits: pd.Series, networks: pd.DataFrame) -> dict[str, float]:
    """The columns of a share; networks has the columns that name the network of each run, and more rows than hits."""
    found = cluster_share(hits.astype(bool), networks.loc[hits.index])
    by_network = {"low": found.low, "high": found.high} if found.clusters > 1 else {}
    return share_columns(hits) | {"networks": found.clusters} | by_network


def layer_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of the runs of each setting with several layers that have channels in exactly these layers, for all combinations.

    criterion "paper": the layers with a parallel pair, of runs in a channel. "diverging": those of them in which the output
    weights of parallel neurons diverge as well (`criteria.LayerChannels.diverging`).

    Parameters
    ----------
    runs
        Table of the runs of the sweep `channels`.

    Returns
    -------
    DataFrame
        The table of channel layers.
    """
    rows = []
    for (name, widths), group in grouped(ended(runs), ["setting", "widths"]):
        depth = len(widths_of(widths))
        for criterion, column in [("paper", "channel_layers"), ("diverging", "strict_layers")] if depth > 1 else []:
            for layers in layer_combinations(depth):
                rows.append({"setting": name, "criterion": criterion, "layers": layers, **_share(group[column] == layers, runs[NETWORK])})
    return typed_table(CHANNEL_LAYERS, rows)


def layer_combinations(depth: int) -> list[str]:
    """The names of all combinations of layers: 1, 2, 3, 1+2, …, 1+2+3.

    Parameters
    ----------
    depth : int
        The number of hidden layers.

    Returns
    -------
    list of str
    """
    subsets = chain.from_iterable(combinations(range(1, depth + 1), size) for size in range(1, depth + 1))
    return [numbers_name(subset) for subset in subsets]
