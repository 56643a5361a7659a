"""Claims on channels: C7–C12 and C17.

All are about datasets, hence intervals are by network: the runs of a network share its target. The criteria of a channel are the
paper's, with the third one as the original's code reads it (`landscape.updates`); shares by the other readings are told beside.
"""

import numpy as np
import pandas as pd
from scipy.stats import t, wasserstein_distance

from flatchannels.landscape.criteria import ALIGNED_RATIO
from flatchannels.names import setting_key
from flatchannels.reporting.channel_shares import READINGS, layer_combinations
from flatchannels.reporting.claims.verdict import (
    BY_NETWORK,
    FAILS,
    HOLDS,
    RISK,
    UNDECIDED,
    Tables,
    Verdict,
    above,
    all_of,
    claim,
    count_networks,
    counted,
    fraction,
    network_share,
    one_share,
    simultaneous,
    within,
)
from flatchannels.reporting.cluster_intervals import Estimate, cluster_mean, superiority
from flatchannels.reporting.groups import NETWORK, ended, one_hidden_layer
from flatchannels.reporting.routes import certified_routes
from flatchannels.storage.schemas.channels import CHANNEL_RUNS, CHANNEL_SPECTRA
from flatchannels.storage.schemas.columns import Schema
from flatchannels.storage.table_files import typed_table

SUBSTANTIAL = 0.05  # ASSUME: C7 calls it substantial probability, without a number
# ASSUME: C7, more in rougher processes, is an increase in the mean over log10 s; not from each s to the next.
SOME = 0.01  # ASSUME: what "also" and "some" are more than (C10, C11, C17)
SIMILAR = (0.25, 0.75)  # ASSUME: losses are similar if either kind is the lower one in at least a quarter of the comparisons (C8)
SIMILAR_FACTOR = 2.0  # ASSUME: and if losses of the same rank differ by a smaller factor in the mean (C8)
ROUNDED = 1e-16  # losses below are rounding
MOST = 0.5  # ASSUME: share of runs for which a statement about their course is to be true (C9, C12)
GROWTH = 2.0, 100.0  # ASSUME: λ_max grows if it doubles at least over the last two decades of t (C9)


@claim("C7", "Every dataset has channels, with substantial probability, and a rougher Gaussian process has more of them.")
def channels_everywhere(tables: Tables) -> Verdict:
    """Shares of each dataset, and the slope of the share over log10 s.  Source: paper, Figure 4c.

    The slopes of the networks (d, r) are independent, because each has a draw of its own for every s. Those by the other readings of
    the third criterion are told beside, and that of the runs in a channel with a certified pair or triple on their route to infinity:
    a group of steep neurons can fulfil the criteria too, without output weights that diverge.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    everything = channel_runs(tables)
    runs = everything[everything["activation"] == "softplus"]
    settings = _settings(runs)
    parts = {name: runs[runs["setting"] == name] for name in settings}
    confidence = simultaneous(len(parts), RISK / 2)
    everywhere = all_of(above(network_share(rows["channel"], rows, confidence), SUBSTANTIAL) for rows in parts.values())
    slopes = _slopes(runs, runs["channel"])
    slope, low, high = mean_interval(slopes[:, 0], slopes[:, 1], 1 - RISK / 2)
    routes = certified_routes(runs, tables.get("routes", pd.DataFrame()))
    others = {READINGS[column]: runs[column] for column in list(READINGS)[1:]}
    others["with a certified pair or triple on the route"] = runs["channel"] & routes.str.contains("pair|triple")
    beside = "; ".join(f"{name} {_slope_in_words(_slopes(runs, hits))}" for name, hits in others.items())
    rising = above((low, high), 0.0)
    rows = [_by_all_readings(name, everything[everything["setting"] == name]) for name in _settings(everything)]
    return Verdict(
        all_of([everywhere, rising]), "increase of the share per factor of 10 in s", slope, low, high, "97.5 % interval by network",
        len(runs), count_networks(runs),
        f"simultaneous intervals by network of all datasets above {SUBSTANTIAL:.0%} and the interval of the mean slope above 0, all with "
        "95 % (holds), any of them below (does not hold)",
        "\n".join([f"every dataset: {everywhere}, rising: {rising} ({len(slopes)} networks on several processes). The increase by other "
                   f"readings: {beside}. Shares by {'; '.join(READINGS.values())}:", *rows]),
    )  # fmt: skip


def _by_all_readings(name: str, runs: pd.DataFrame) -> str:
    """The shares of a setting by all readings of the third criterion, each with its interval by network: a line of a table."""
    return f"{name:20} " + " ".join(f"{counted(runs[column], runs):18}" for column in READINGS).rstrip()


def _slope_in_words(slopes: np.ndarray) -> str:
    """0.075 (-0.082 to 0.231), the mean with the interval that decides about it."""
    return "{:.3f} ({:.3f} to {:.3f})".format(*mean_interval(slopes[:, 0], slopes[:, 1], 1 - RISK / 2))


def _slopes(runs: pd.DataFrame, hits: pd.Series) -> np.ndarray:
    """Least-squares slope of the share of hits over log10 s, for every network on several Gaussian processes, and its variance.

    The variance is the binomial one, of shares drawn towards ½ by one run in and one out, so that it never vanishes.
    """
    scales = runs["family"].str.extract(r"^gp-s([0-9.]+)$")[0].astype(float)
    runs = runs.assign(scale=np.log10(scales), hit=hits)[scales.notna()]
    slopes = []
    for _, group in runs.groupby(["dimension", "widths"]):
        counts = group.groupby("scale")["hit"].agg(["sum", "count"])
        if len(counts) > 1:
            centred = counts.index.to_numpy() - counts.index.to_numpy().mean()
            weights = centred / (centred**2).sum()
            drawn = (counts["sum"] + 1) / (counts["count"] + 2)
            slopes.append((weights @ (counts["sum"] / counts["count"]), weights**2 @ (drawn * (1 - drawn) / counts["count"])))
    return np.array(slopes).reshape(-1, 2)


def mean_interval(values: np.ndarray, variances: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and its interval by Student's t; an infinite one of fewer than two values.

    The variance is that among the values, but no less than what theirs alone would give.

    Parameters
    ----------
    values : (n,)
    variances : (n,)
        Of each value.
    confidence : float
        Of the interval.

    Returns
    -------
    mean, low, high : float
    """
    mean = float(np.mean(values)) if len(values) else np.nan
    if len(values) < 2:
        return mean, -np.inf, np.inf
    half = t.ppf(0.5 + confidence / 2, len(values) - 1) * np.sqrt(max(np.var(values, ddof=1), np.mean(variances)) / len(values))
    return mean, mean - half, mean + half


@claim("C8", "Minima in channels and of finite norm have similar training losses.")
def losses_are_similar(tables: Tables) -> Verdict:
    """The two distributions of the losses of each network: how far apart, and which one lies lower.  Source: paper, Figure 4d.

    How far: the mean distance of the logarithms of losses of the same rank (Wasserstein's first distance), as a factor. Few runs
    make it larger than it is, which speaks against the claim.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    runs, confidence = channel_runs(tables), simultaneous(2)
    pairs = _inside_and_finite(runs, "loss")
    logs = [[np.log(np.maximum(values, ROUNDED)) for values in pair] for pair in pairs]
    weights = [len(inside) * len(finite) / (len(inside) + len(finite)) for inside, finite in pairs]
    distance = cluster_mean([wasserstein_distance(*pair) for pair in logs], weights, confidence)
    factor, low, high = np.exp(np.clip(distance[:3], 0, 700))
    apart = HOLDS if high <= SIMILAR_FACTOR else FAILS if low > SIMILAR_FACTOR else UNDECIDED
    higher, test = superiority(pairs, confidence), superiority(_inside_and_finite(runs, "loss_test"), confidence)
    share = within(higher, SIMILAR)
    n = sum(map(len, sum(pairs, ())))
    return Verdict(
        all_of([apart, share]), "mean factor between losses of the same rank, in channels and of finite norm", factor, low, high,
        "97.5 % interval by network", n, f"runs of {len(pairs)} networks with both kinds",
        f"interval by network of this factor below {SIMILAR_FACTOR:g}, and that of the probability that a run in a channel has the lower "
        f"loss inside {SIMILAR[0]:g}–{SIMILAR[1]:g}, both with 95 % (holds), either one outside (does not hold)",
        f"distance: {apart}, order: {share}; a run in a channel has the lower loss with probability {_reversed(higher)}, on test data "
        f"{_reversed(test)}",
    )  # fmt: skip


def _inside_and_finite(runs: pd.DataFrame, column: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every network that has both, the values of its runs in a channel and of those of finite norm."""
    pairs = []
    for _, group in runs.groupby(NETWORK):
        inside, finite = (group[column][mask].dropna().to_numpy(dtype=float) for mask in (group["channel"], ~group["infinite"]))
        if len(inside) and len(finite):
            pairs.append((inside, finite))
    return pairs


def _reversed(larger: Estimate) -> str:
    """0.4 (0.3–0.6), the probability of the opposite of what is estimated."""
    if not larger.clusters:
        return "unknown"
    return f"{1 - larger.value:.2f} ({1 - larger.high:.2f}–{1 - larger.low:.2f})"


@claim("C9", "The largest Hessian eigenvalue is larger in channels and grows along them, the smallest is tiny.")
def sharper_in_channels(tables: Tables) -> Verdict:
    """Along the flows.  Source: paper, Figure 4e.

    λ_max and |λ_min| at the end, each compared between runs in a channel and of finite norm of one network: tiny is what is smaller
    than there. λ_max of the runs in a channel over the last two decades of t; that of the others, of networks with both kinds, is told
    beside.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    spectra = one_layer(tables, CHANNEL_SPECTRA)
    spectra = spectra[spectra["t"] > 0].sort_values("t", kind="stable")
    flows = spectra.groupby([*NETWORK, "seed"], sort=False)
    ends = flows.last().reset_index()
    factor, decades = GROWTH
    before = spectra[spectra["t"] <= flows["t"].transform("max") / decades]
    before = before.groupby([*NETWORK, "seed"], sort=False)["largest"].last().rename("before").reset_index()
    ends = ends.assign(size=ends["smallest"].abs()).merge(before, how="left")
    grows = ends["largest"] >= factor * ends["before"]
    inside, finite, confidence = ends["channel"], ~ends["infinite"], simultaneous(3)
    finite &= inside.groupby([ends[column] for column in NETWORK]).transform("any")
    larger, smaller = (superiority(_inside_and_finite(ends, column), confidence) for column in ("largest", "size"))
    growth = network_share(grows[inside], ends[inside], confidence)
    parts = [above(larger, MOST), above((1 - smaller.high, 1 - smaller.low), MOST), above(growth, MOST)]
    n = sum(map(len, sum(_inside_and_finite(ends, "largest"), ())))
    return Verdict(
        all_of(parts), "probability that a run in a channel has the larger λ_max than one of finite norm", larger.value, larger.low,
        larger.high, "98.3 % interval by network", n, f"runs of {larger.clusters} networks with both kinds",
        f"intervals by network of this, of the probability that it has the smaller |λ_min|, and of the share of runs in a channel in "
        f"which λ_max grows {factor:g}-fold over the last factor of {decades:g} in t, above {MOST:.0%}, all with 95 % (holds), any below "
        "(does not hold)",
        f"larger λ_max: {parts[0]}; smaller |λ_min|: {parts[1]}, {_reversed(smaller)}, "
        f"median {ends['size'][inside].median():.1g} in channels and {ends['size'][finite].median():.1g} at finite norm; growing: "
        f"{parts[2]}, {fraction('in channels', grows[inside], ends[inside])}, {fraction('finite', grows[finite], ends[finite])}",
    )  # fmt: skip


@claim("C10", "In networks with three hidden layers, channels appear in every layer and in every combination of layers.")
def channels_in_every_layer(tables: Tables) -> Verdict:
    """By the paper's criteria; those that ask for diverging output weights are told beside.  Source: paper, Figure 4f.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    runs = channel_table(tables, CHANNEL_RUNS)
    runs = ended(runs[runs["setting"].str.endswith(" 3 layers")])
    names = layer_combinations(3)
    counts = {column: {layers: int((runs[column] == layers).sum()) for layers in names} for column in ["channel_layers", "strict_layers"]}
    missing = [layers for layers, count in counts["channel_layers"].items() if not count]
    confidence = simultaneous(len(names))
    never = any(network_share(runs["channel_layers"] == layers, runs, confidence).high < SOME for layers in missing)
    share = network_share(runs["channel"], runs)
    criteria = {"paper": "channel_layers", "diverging": "strict_layers"}
    return Verdict(
        UNDECIDED if runs.empty else FAILS if never else HOLDS if not missing else UNDECIDED, "share of runs in a channel", share.value,
        share.low, share.high, BY_NETWORK, len(runs), count_networks(runs),
        f"every combination occurs (holds), the simultaneous 95 % interval by network of one that does not lies below {SOME:.0%} (does "
        "not hold)",
        "; ".join(f"{name}: " + ", ".join(f"{layers} {count}" for layers, count in counts[column].items()) for name, column in
                  criteria.items()),
    )  # fmt: skip


@claim("C11", "Some channels have more than one dimension.")
def several_dimensions(tables: Tables) -> Verdict:
    """Groups of three neurons or more, in networks with one hidden layer.  Source: paper, Figure 4g.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    runs = channel_runs(tables)
    inside = runs[runs["channel"]]
    hits = inside["channel_dimension"] > 1
    return one_share(hits, inside, SOME, "share of runs in a channel with more than one dimension", _by_setting(hits, inside))


@claim("C12", "Late updates lie in the channel subspace, first updates do not.")
def updates_turn_into_the_channel(tables: Tables) -> Verdict:
    """Of the runs that fulfil the first two criteria, because the third is about this very thing.  Source: paper, Figure 4b.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    runs = channel_runs(tables)
    runs = runs[runs["infinite"] & runs["parallel"]]
    early = runs["first_ratio"] > ALIGNED_RATIO
    detail = "; ".join(fraction(*part, runs) for part in [("last above", runs["aligned"]), ("first above", early),
                                                            ("last above by the rows of the group", runs["aligned_span"])])  # fmt: skip
    quantity = f"share of runs at the wall with a parallel pair: last ratios above {ALIGNED_RATIO:g}, first below"
    return one_share(runs["aligned"] & ~early, runs, MOST, quantity, detail)


@claim("C17", "Channels appear with erf and sigmoid too.")
def channels_with_other_activations(tables: Tables) -> Verdict:
    """On Rosenbrock.  Source: paper, Appendix B, Figure B9.

    Parallel is meant up to the activation's symmetry: as σ(−z) is ±σ(z) + a constant, a neuron and its mirror image are one.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    runs = channel_runs(tables)
    runs = runs[runs["activation"].isin(["erf", "sigmoid"])]
    groups = {name: runs[runs["activation"] == name] for name in ["erf", "sigmoid"]}
    detail = "; ".join(f"{fraction(name, rows['channel_turned'], rows)}, {int(rows['channel'].sum())} without the symmetry"
                       for name, rows in groups.items())  # fmt: skip
    verdict = one_share(runs["channel_turned"], runs, SOME, "share of runs in a channel, up to the sign of neurons", detail)
    confidence = simultaneous(len(groups))
    verdict.verdict = all_of(above(network_share(rows["channel_turned"], rows, confidence), SOME) for rows in groups.values())
    verdict.decision = f"simultaneous 95 % intervals by network of both above {SOME:.0%} (holds), any one below (does not hold)"
    return verdict


def _settings(runs: pd.DataFrame) -> list[str]:
    """The settings that occur, in order."""
    return sorted(runs["setting"].unique(), key=setting_key)


def _by_setting(hits: pd.Series, runs: pd.DataFrame) -> str:
    """gp-s0.5: 4/16 (10–49%); … for every setting, in order."""
    chosen = {name: runs["setting"] == name for name in _settings(runs)}
    return "; ".join(fraction(name, hits[mask], runs[mask]) for name, mask in chosen.items())


def channel_table(tables: Tables, schema: Schema) -> pd.DataFrame:
    """A table of the sweep `channels`, an empty one where there is none.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.
    schema : Schema

    Returns
    -------
    DataFrame
    """
    return tables[schema.name] if schema.name in tables else typed_table(schema, [])


def one_layer(tables: Tables, schema: Schema) -> pd.DataFrame:
    """The rows of a table that are about networks with one hidden layer.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.
    schema : Schema

    Returns
    -------
    DataFrame
    """
    return one_hidden_layer(channel_table(tables, schema))


def channel_runs(tables: Tables) -> pd.DataFrame:
    """The runs of the sweep `channels` with one hidden layer that ended.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    DataFrame
    """
    return ended(one_layer(tables, CHANNEL_RUNS))
