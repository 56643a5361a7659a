"""Table of runs → how many different networks were found, one row per width and outcome.

Source: paper, Appendix A. A failed run is left out.
"""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform

from flatchannels.names import widths_of
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.layout import Layout
from flatchannels.reporting.groups import CONFIGURATION, ended, grouped, outcomes
from flatchannels.storage import run_records
from flatchannels.storage.schemas.runs import SOLUTIONS
from flatchannels.storage.table_files import typed_table

# ASSUME: two networks nearer than this are the same solution; the paper cuts at the largest gap only, which is
# undefined when all runs agree and meaningless when all differ. The value is the paper's own for equal neurons.
SOLUTION_DISTANCE = 1e-6
EXACT_WIDTH = 8  # up to here the assignment of neurons runs over subsets, all pairs of networks at once


def neuron_vectors(theta: np.ndarray, inputs: int, width: int, bias: bool, activation: str) -> np.ndarray:
    """Vectors (w_i, b_i, a_i) of the neurons of networks with one hidden layer.

    Those of homogeneous activations (relu) are brought to |(w, b)| = |a|: scaling one up and the other down leaves the function as
    it is. ASSUME: the output bias is not compared; at a critical point it follows from the neurons.

    Parameters
    ----------
    theta : (n, P)
        The networks.
    inputs : int
    width : int
    inputs, width, bias, activation
        Of all of them.

    Returns
    -------
    (n, width, inputs + bias + 1)
    """
    hidden, output = Layout(inputs, (width,), bias).matrices(theta)
    outgoing = output[:, 0, :width, None]
    if ACTIVATIONS[activation].homogeneous:
        norm_in = np.linalg.norm(hidden, axis=2, keepdims=True)
        balance = np.sqrt(np.divide(np.abs(outgoing), norm_in, out=np.ones_like(norm_in), where=(norm_in > 0) & (outgoing != 0)))
        hidden, outgoing = hidden * balance, outgoing / balance
    return np.concatenate([hidden, outgoing], axis=2)


def has_sign_symmetry(activation: str, bias: bool) -> bool:
    """Whether (w, b, a) → −(w, b, a) leaves the function of a network as it is.

    It does for odd activations; for the sigmoid, σ(−z) = 1 − σ(z), the output bias has to take up the constant.

    Parameters
    ----------
    activation : str
    bias : bool

    Returns
    -------
    bool
    """
    return ACTIVATIONS[activation].is_even_or_odd(bias)


def network_distances(vectors: np.ndarray, sign_symmetry: bool) -> np.ndarray:
    """Distances between all pairs of networks up to the order (and sign) of their neurons, condensed as by pdist.

    Minimum over all assignments of neurons of the Euclidean distance of the assigned (w_i, b_i, a_i).
    ASSUME: the paper's assignment costs are squared distances, so that this is the L2 distance of parameters modulo
    permutations. It tells apart the equal functions along a saddle line, where a sum a_i + a_j is split differently.

    Parameters
    ----------
    vectors : (n, r, k)
        Of the neurons.
    sign_symmetry : bool
        Whether a neuron may change its sign.

    Returns
    -------
    (n (n − 1) / 2,)

    Notes
    -----
    Source: paper, Appendix A.
    """
    rows = [np.empty(0)]
    for i in range(len(vectors) - 1):
        own, others = vectors[i, None, :, None], vectors[i + 1 :, None]
        costs = ((own - others) ** 2).sum(axis=3)
        if sign_symmetry:
            costs = np.minimum(costs, ((own + others) ** 2).sum(axis=3))
        rows.append(np.sqrt(assignment_costs(costs)))
    return np.concatenate(rows)


def assignment_costs(costs: np.ndarray) -> np.ndarray:
    """Least total cost of assigning rows to columns, for every one of many matrices.

    Up to r = 8 by recursion over subsets of columns, all matrices at once: ten times faster than m Hungarian calls
    at r = 5. The cost of a set S of columns for the first |S| rows is the least over which column the last row takes.

    Parameters
    ----------
    costs : (m, r, r)

    Returns
    -------
    (m,)
    """
    matrices, width, _ = costs.shape
    if width > EXACT_WIDTH:
        return np.array([matrix[linear_sum_assignment(matrix)].sum() for matrix in costs])
    best = np.zeros((1 << width, matrices))
    for subset in range(1, 1 << width):
        row = subset.bit_count() - 1
        columns = [column for column in range(width) if subset >> column & 1]
        best[subset] = np.min([best[subset ^ (1 << column)] + costs[:, row, column] for column in columns], axis=0)
    return best[-1]


def cluster(distances: np.ndarray, runs: int) -> np.ndarray:
    """Cluster label (from 1) of each of `runs` networks: average linkage, cut at the largest gap of log10 heights.

    Heights below SOLUTION_DISTANCE are rounding and raised to it, and it counts as a height itself: so all-identical
    runs are one cluster, all-different runs are as many as there are, and otherwise the paper's rule decides.
    Runs of unequal loss are compared as well: within one loss there may be no second cluster to show the gap.

    Parameters
    ----------
    distances : (n (n − 1) / 2,)
        Condensed.
    runs : int
        n.

    Returns
    -------
    int (n,)

    Notes
    -----
    Source: paper, Appendix A.
    """
    if runs < 2:
        return np.ones(runs, dtype=int)
    tree = linkage(distances, "average")
    heights = np.maximum(np.concatenate([[SOLUTION_DISTANCE], tree[:, 2]]), SOLUTION_DISTANCE)
    gaps = np.diff(np.log10(heights))
    at = int(np.argmax(gaps))
    cut = np.sqrt(heights[at] * heights[at + 1]) if gaps[at] > 0 else np.inf
    return fcluster(tree, cut, "distance")


def solutions(runs: pd.DataFrame) -> pd.DataFrame:
    """How many different networks the runs of a width found, by outcome: all, finite, infinite, no duplicates.

    Reads the parameters from the records that the table of runs names (paths as given there).
    `singletons` were found once: where they are many, more seeds would find more solutions.
    ASSUME: defined for one hidden layer; deeper networks get no row.

    Parameters
    ----------
    runs
        Table of runs.

    Returns
    -------
    DataFrame
        The table of solutions.

    Raises
    ------
    RecordError
        A record cannot be used.
    """
    rows = []
    for key, group in grouped(ended(runs), [*CONFIGURATION, "widths"]):
        configuration = dict(zip([*CONFIGURATION, "widths"], key, strict=True))
        width, *deeper = widths_of(configuration["widths"])
        if deeper:
            continue
        bias, activation = configuration["bias"], configuration["activation"]
        vectors = neuron_vectors(_read_theta(group), configuration["dimension"], width, bias, activation)
        distances = squareform(network_distances(vectors, has_sign_symmetry(activation, bias)), checks=False)
        for outcome, mask in outcomes(group).items():
            chosen = np.flatnonzero(mask)
            upper = np.triu_indices(len(chosen), 1)
            sizes = np.bincount(cluster(distances[np.ix_(chosen, chosen)][upper], len(chosen)))[1:]
            rows.append({**configuration, "outcome": outcome, "runs": len(chosen), "solutions": len(sizes),
                         "singletons": (sizes == 1).sum()})  # fmt: skip
    return typed_table(SOLUTIONS, rows)


def _read_theta(runs: pd.DataFrame) -> np.ndarray:
    """Final parameters (n, P) of the given rows of the run table, which are all of one configuration."""
    rows = []
    for path, group in runs.groupby("record", sort=False):
        meta, arrays = run_records.read_runs(path, ["theta"])
        rows.append(arrays["theta"][group["seed"].to_numpy() - meta["first_seed"]])
    return np.concatenate(rows)
