"""Run records → tidy tables, one row per thing the table is named after.

runs: one per run · loss_levels: one per level and width · solutions: one per width and outcome, how many different
networks were found · shares: one per width, outcome and quantity, with Wilson 95 % intervals.
Source: paper, section 2 and Appendix A. A failed run is left out, but for the share that converged.
"""

import json

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.storage import records

DUPLICATE_DISTANCE = 1e-6  # L2 between input weights, bias included (paper, Appendix A)
LEVEL_TOLERANCE = 1e-3  # relative (paper, Appendix A)
CONVERGED_GRADIENT = 1e-9  # ‖∇(L + R)‖∞
CONVERGED_CURVATURE = -1e-6  # smallest over largest Hessian eigenvalue
# ASSUME: two networks nearer than this are the same solution; the paper cuts at the largest gap only, which is
# undefined when all runs agree and meaningless when all differ. The value is the paper's own for equal neurons.
SOLUTION_DISTANCE = 1e-6
EXACT_WIDTH = 8  # up to here the assignment of neurons runs over subsets, all pairs of networks at once

CONFIGURATION = ["sweep", "dataset", "dimension", "activation", "bias"]
COUNTS = ["steps", "rejections", "gradients", "hessians", "polish_iterations"]
SECONDS = ["seconds_flow", "seconds_polish"]
RESULTS = ["loss_initial", "loss_flow", "loss", "loss_cusp", "gradient_norm_flow", "gradient_norm", "weight_norm_flow", "weight_norm",
           "hessian_min", "hessian_max", "t_end"]  # fmt: skip
RUN_KEYS = ["seed", "theta", "stop", "finish", "message", *RESULTS, *COUNTS, *SECONDS]

# Columns and types of every table, so that an empty one has them too.
TABLES = {
    "runs": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "widths": "str", "bias": "bool",
        "seed": "int64", "parameters": "int64", **dict.fromkeys(RESULTS, "float64"), "infinite": "bool", "loss_infinity": "float64",
        "duplicates": "int64", "converged": "bool", "stop": "str", "finish": "str", **dict.fromkeys(COUNTS, "int64"),
        **dict.fromkeys(SECONDS, "float64"), "message": "str", "record": "str", "versions": "str", "cpu": "str",
    },
    "loss_levels": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "bias": "bool", "level": "int64",
        "loss": "float64", "widths": "str", "runs": "int64", "duplicates": "int64", "infinite": "int64",
        "loss_max": "float64", "loss_min": "float64",
    },
    "solutions": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "bias": "bool", "widths": "str",
        "outcome": "str", "runs": "int64", "solutions": "int64", "singletons": "int64",
    },
    "shares": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "bias": "bool", "widths": "str",
        "quantity": "str", "outcome": "str", "count": "int64", "runs": "int64", "share": "float64", "low": "float64",
        "high": "float64", "failed": "int64",
    },
}  # fmt: skip


# Runs


def run_table(paths):
    """One row per run of all the given records, in their order.

    `duplicates` counts pairs of neurons in one layer, `infinite` is ‖θ‖ ≥ maxnorm, `converged` is
    ‖∇(L + R)‖∞ < 1e-9 and λ_min > −1e-6 λ_max. Numbers of a failed run are NaN and 0. RecordError for a bad record.
    """
    read = [(str(path), *records.read_runs(path, RUN_KEYS)) for path in paths]
    settings = [{key: value for key, value in meta["training"].items() if key not in records.LIMITS} for _, meta, _ in read]
    for (path, _, _), mine in zip(read, settings):
        if mine != settings[0]:
            raise records.RecordError(path, f"was made with the training settings {mine}, {read[0][0]} with {settings[0]}")
    blocks = [run_columns(*block) for block in read]
    return _table("runs", {key: np.concatenate([block[key] for block in blocks]) for key in TABLES["runs"]} if blocks else {})


def run_columns(path, meta, arrays):
    """Columns of the run table for one block, from its metadata and the arrays of RUN_KEYS."""
    columns = {key: arrays[key] for key in ["seed", "message", *RESULTS, *COUNTS, *SECONDS]}
    constants = {
        "sweep": meta["sweep"], "dataset": meta["dataset"], "dimension": meta["inputs"], "activation": meta["activation"],
        "widths": "x".join(map(str, meta["widths"])), "bias": meta["bias"], "parameters": arrays["theta"].shape[1],
        "record": path, "versions": json.dumps(meta["versions"], sort_keys=True), "cpu": meta["cpu"],
    }  # fmt: skip
    columns.update({key: np.full(len(arrays["seed"]), value) for key, value in constants.items()})
    for key in ["stop", "finish"]:
        names = {code: name for name, code in meta[f"{key}_codes"].items()}
        columns[key] = np.array([names[code] for code in arrays[key].tolist()])
    maxnorm = meta["training"]["maxnorm"]
    columns["infinite"] = arrays["weight_norm"] >= maxnorm
    columns["loss_infinity"] = loss_at_infinity(arrays["loss"], arrays["weight_norm"], maxnorm)
    columns["duplicates"] = count_duplicates(arrays["theta"], meta["inputs"], meta["widths"], meta["bias"])
    columns["converged"] = (arrays["gradient_norm"] < CONVERGED_GRADIENT) & (
        arrays["hessian_min"] > CONVERGED_CURVATURE * arrays["hessian_max"]
    )
    return columns


def loss_at_infinity(loss, weight_norm, maxnorm):
    """Loss in the limit ‖θ‖ → ∞ of runs that rest against the wall; the loss itself for runs within it.

    In a channel L − L_∞ ∝ ε² ∝ 1/‖θ‖ (paper, section 4). Along θ the pull of the loss balances that of R, so
    L − L_∞ = ‖θ‖ (‖θ‖ − maxnorm)² there, up to higher orders. Other routes to infinity have other exponents: the
    correction then still has the right magnitude. Losses at the wall depend on P, and so on the width; these do not.
    """
    correction = weight_norm * np.maximum(weight_norm - maxnorm, 0) ** 2
    return np.maximum(loss - correction, 0)


def layer_weights(theta, inputs, widths, bias):
    """Parameters (n, P) as a list of [W | b] of shape (n, out, in + bias), one per layer, the output layer last."""
    layers, start = [], 0
    for fan_in, fan_out in zip([inputs, *widths], [*widths, 1], strict=True):
        size = fan_out * (fan_in + bool(bias))
        layers.append(theta[:, start : start + size].reshape(len(theta), fan_out, fan_in + bool(bias)))
        start += size
    return layers


def count_duplicates(theta, inputs, widths, bias):
    """Pairs of neurons within a layer whose input weights (bias included) are less than 1e-6 apart, per network.

    theta: (n, P); returns int64 (n,). A network at a plateau saddle has at least one. Source: paper, Appendix A.
    """
    pairs = np.zeros(len(theta), dtype=np.int64)
    for weights in layer_weights(theta, inputs, widths, bias)[:-1]:
        for neuron in range(1, weights.shape[1]):
            distances = np.linalg.norm(weights[:, :neuron] - weights[:, neuron, None], axis=2)
            pairs += (distances < DUPLICATE_DISTANCE).sum(axis=1)
    return pairs


# Loss levels


def find_levels(losses, tolerance=LEVEL_TOLERANCE):
    """Level of every loss, 0 for the highest, and the loss of every level, which is its largest member.

    Losses are taken in descending order; one joins the first level that it matches within `tolerance`, relative to the
    larger of the two. Levels lie further apart than that, so only the latest level can match.
    ValueError for a negative loss or NaN. Source: paper, Appendix A.
    """
    losses = np.asarray(losses, dtype=float)
    if not np.all(losses >= 0):
        raise ValueError(f"losses must be numbers ≥ 0; one is {losses[~(losses >= 0)][0]}")
    order = np.argsort(-losses, kind="stable")
    descending = losses[order]
    starts = []
    start = 0
    while start < len(descending):
        starts.append(start)
        start = int(np.searchsorted(-descending, -descending[start] * (1 - tolerance), side="right"))
    levels = np.empty(len(losses), dtype=np.int64)
    levels[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(losses)]))
    return levels, descending[starts]


def loss_levels(runs):
    """Runs per loss level and width; the levels are common to all widths of a configuration.

    ASSUME: runs of every outcome enter, the ones at the norm wall with the mean squared error that they have there;
    their levels at infinity are common to all widths more closely than those at the wall (loss_at_infinity).
    """
    rows = []
    for configuration, group in _groups(runs, CONFIGURATION):
        level, losses = find_levels(group["loss"])
        group = group.assign(level=level)
        for (index, widths), members in _groups(group, ["level", "widths"]):
            rows.append({
                **dict(zip(CONFIGURATION, configuration, strict=True)), "level": index, "loss": losses[index], "widths": widths,
                "runs": len(members), "duplicates": (members["duplicates"] > 0).sum(), "infinite": members["infinite"].sum(),
                "loss_max": members["loss"].max(), "loss_min": members["loss"].min(),
            })  # fmt: skip
    return _table("loss_levels", rows)


# Unique solutions


def neuron_vectors(theta, inputs, width, bias, activation):
    """Vectors (w_i, b_i, a_i) of the neurons of networks with one hidden layer: (n, width, inputs + bias + 1).

    relu neurons are brought to |(w, b)| = |a|: scaling one up and the other down leaves the function as it is.
    ASSUME: the output bias is not compared; at a critical point it follows from the neurons.
    """
    hidden, output = layer_weights(theta, inputs, [width], bias)
    outgoing = output[:, 0, :width, None]
    if activation == "relu":
        norm_in = np.linalg.norm(hidden, axis=2, keepdims=True)
        balance = np.sqrt(np.divide(np.abs(outgoing), norm_in, out=np.ones_like(norm_in), where=(norm_in > 0) & (outgoing != 0)))
        hidden, outgoing = hidden * balance, outgoing / balance
    return np.concatenate([hidden, outgoing], axis=2)


def has_sign_symmetry(activation, bias):
    """Whether (w, b, a) → −(w, b, a) leaves the function of a network as it is.

    It does for odd activations; for the sigmoid, σ(−z) = 1 − σ(z), the output bias has to take up the constant.
    """
    return ACTIVATIONS[activation].is_even_or_odd(bias)


def network_distances(vectors, sign_symmetry):
    """Distances between all pairs of networks up to the order (and sign) of their neurons, condensed as by pdist.

    Minimum over all assignments of neurons of the Euclidean distance of the assigned (w_i, b_i, a_i).
    ASSUME: the paper's assignment costs are squared distances, so that this is the L2 distance of parameters modulo
    permutations. It tells apart the equal functions along a saddle line, where a sum a_i + a_j is split differently.

    vectors: (n, r, k); returns (n (n − 1) / 2,). Source: paper, Appendix A.
    """
    rows = [np.empty(0)]
    for i in range(len(vectors) - 1):
        own, others = vectors[i, None, :, None], vectors[i + 1 :, None]
        costs = ((own - others) ** 2).sum(axis=3)
        if sign_symmetry:
            costs = np.minimum(costs, ((own + others) ** 2).sum(axis=3))
        rows.append(np.sqrt(assignment_costs(costs)))
    return np.concatenate(rows)


def assignment_costs(costs):
    """Least total cost of assigning rows to columns, for every matrix of `costs` (m, r, r).

    Up to r = 8 by recursion over subsets of columns, all matrices at once: ten times faster than m Hungarian calls
    at r = 5. The cost of a set S of columns for the first |S| rows is the least over which column the last row takes.
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


def cluster(distances, runs):
    """Cluster label (from 1) of each of `runs` networks: average linkage, cut at the largest gap of log10 heights.

    Heights below SOLUTION_DISTANCE are rounding and raised to it, and it counts as a height itself: so all-identical
    runs are one cluster, all-different runs are as many as there are, and otherwise the paper's rule decides.
    Runs of unequal loss are compared as well: within one loss there may be no second cluster to show the gap.
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


def solutions(runs):
    """How many different networks the runs of a width found, by outcome: all, finite, infinite, no duplicates.

    Reads the parameters from the records that the table of runs names (paths as given there).
    `singletons` were found once: where they are many, more seeds would find more solutions.
    ASSUME: defined for one hidden layer; deeper networks get no row.
    """
    rows = []
    for key, group in _groups(runs, [*CONFIGURATION, "widths"]):
        configuration = dict(zip([*CONFIGURATION, "widths"], key, strict=True))
        if "x" in configuration["widths"]:
            continue
        width, bias, activation = int(configuration["widths"]), configuration["bias"], configuration["activation"]
        vectors = neuron_vectors(_read_theta(group), configuration["dimension"], width, bias, activation)
        distances = _square(network_distances(vectors, has_sign_symmetry(activation, bias)), len(group))
        for outcome, mask in _outcomes(group).items():
            chosen = np.flatnonzero(mask)
            upper = np.triu_indices(len(chosen), 1)
            sizes = np.bincount(cluster(distances[np.ix_(chosen, chosen)][upper], len(chosen)))[1:]
            rows.append({**configuration, "outcome": outcome, "runs": len(chosen), "solutions": len(sizes),
                         "singletons": (sizes == 1).sum()})  # fmt: skip
    return _table("solutions", rows)


def _read_theta(runs):
    """Final parameters (n, P) of the given rows of the run table, which are all of one configuration."""
    rows = []
    for path, group in runs.groupby("record", sort=False):
        meta, arrays = records.read_runs(path, ["theta"])
        rows.append(arrays["theta"][group["seed"].to_numpy() - meta["first_seed"]])
    return np.concatenate(rows)


def _square(condensed, n):
    """The full symmetric matrix of a condensed one."""
    square = np.zeros((n, n))
    square[np.triu_indices(n, 1)] = condensed
    return square + square.T


# Shares


def wilson_interval(count, runs, confidence=0.95):
    """Wilson's score interval (low, high) for a binomial share; (0, 1) without any run.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; the paper uses it at 95 % in Figures 2 and 4.
    """
    if not 0 <= count <= runs:
        raise ValueError(f"count is {count}; it must lie in 0…{runs}, the number of runs")
    if runs == 0:
        return 0.0, 1.0
    z2 = norm.ppf((1 + confidence) / 2) ** 2
    share = count / runs
    centre = (share + z2 / (2 * runs)) / (1 + z2 / runs)
    half = np.sqrt(z2 * (share * (1 - share) / runs + z2 / (4 * runs**2))) / (1 + z2 / runs)
    # Rounding must not leave the share outside its interval at 0 and 1, where the bounds are exact.
    return float(max(centre - half, 0.0) if count else 0.0), float(min(centre + half, 1.0) if count < runs else 1.0)


def shares(runs):
    """Share of runs per width with duplicate neurons (all, finite, infinite), infinite norm, and convergence.

    Failed runs count in the share that converged, as ones that mostly did not, and in no other.
    """
    rows = []
    for key, everything in _groups(runs, [*CONFIGURATION, "widths"], failed=True):
        ended = everything[everything["stop"] != "FAILED"]
        outcomes = _outcomes(ended)
        quantities = [("duplicates", outcome, ended[outcomes[outcome]]["duplicates"] > 0) for outcome in ["all", "finite", "infinite"]]
        quantities += [("infinite", "all", ended["infinite"]), ("converged", "all", everything["converged"])]
        for quantity, outcome, hits in quantities:
            count, total = int(hits.sum()), len(hits)
            low, high = wilson_interval(count, total)
            rows.append({**dict(zip([*CONFIGURATION, "widths"], key, strict=True)), "quantity": quantity, "outcome": outcome,
                         "count": count, "runs": total, "share": count / total if total else np.nan, "low": low, "high": high,
                         "failed": len(everything) - len(ended)})  # fmt: skip
    return _table("shares", rows)


def _outcomes(runs):
    """Masks of the subsets of runs by how they ended."""
    everything = pd.Series(True, index=runs.index)
    return {"all": everything, "finite": ~runs["infinite"], "infinite": runs["infinite"], "no duplicates": runs["duplicates"] == 0}


# Common


def width_key(widths):
    """Sorting key of a width name: fewer layers first, then by numbers ("2" < "16" < "4x4")."""
    numbers = tuple(int(number) for number in widths.split("x"))
    return len(numbers), numbers


def _groups(runs, columns, failed=False):
    """(values of columns, rows) of every group, widths in numerical order; failed runs left out unless asked for."""
    if not failed and "stop" in runs:
        runs = runs[runs["stop"] != "FAILED"]
    groups = runs.groupby(columns, sort=False)

    def key(item):
        return tuple(width_key(value) if column == "widths" else value for column, value in zip(columns, item[0], strict=True))

    return sorted(groups, key=key)


def _table(name, rows):
    """The table `name` from rows or columns, with its columns and types."""
    frame = pd.DataFrame(rows, columns=list(TABLES[name]))
    return frame.astype(TABLES[name])
