"""Claims on channels: C7–C12 and C17."""

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from flatchannels.landscape.criteria import ALIGNED_RATIO
from flatchannels.names import setting_key
from flatchannels.reporting.claims.verdict import FAILS, HOLDS, UNDECIDED, Verdict, all_above, claim, fractions, one_share
from flatchannels.reporting.groups import NETWORK
from flatchannels.reporting.shares import wilson_interval
from flatchannels.storage.schemas.channels import CHANNEL_LAYERS, CHANNEL_RUNS, CHANNEL_SPECTRA
from flatchannels.storage.schemas.columns import Schema
from flatchannels.storage.table_files import typed_table

SUBSTANTIAL = 0.05  # ASSUME: C7 calls it substantial probability, without a number
SOME = 0.01  # ASSUME: what "also" and "some" are more than (C10, C11, C17)
SIMILAR = (0.25, 0.75)  # ASSUME: losses are similar if either kind is the lower one in at least a quarter of the comparisons (C8)
MOST = 0.5  # share of runs for which a statement about their course is to be true (C9, C12)
GROWTH = 2.0, 100.0  # ASSUME: λ_max grows if it doubles at least over the last two decades of t (C9)
TINY = 1e-6  # ASSUME: |λ_min| / λ_max that counts as tiny (C9)


@claim("C7", "Every dataset has channels, with substantial probability, and a rougher Gaussian process has more of them.")
def channels_everywhere(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Shares of each dataset, and the slope of the share over log10 s.  Source: paper, Figure 4c.

    The slopes of the networks (d, r) are taken as independent, because the runs of a network share one draw.
    """
    runs = channel_runs(tables)
    runs = runs[runs["activation"] == "softplus"]
    settings = sorted(runs["setting"].unique(), key=setting_key)
    counts = [(name, int(group.sum()), len(group)) for name in settings for group in [runs["channel"][runs["setting"] == name]]]
    everywhere = all_above(SUBSTANTIAL, [pair for _, *pair in counts])
    slopes = _slopes(runs)
    slope, low, high = mean_interval(*slopes.T)
    rising = HOLDS if low > 0 else FAILS if high < 0 else UNDECIDED
    verdict = FAILS if FAILS in (everywhere, rising) else HOLDS if everywhere == rising == HOLDS else UNDECIDED
    return Verdict(
        verdict, "increase of the share per factor of 10 in s", slope, low, high, len(runs),
        f"simultaneous 95 % intervals of all datasets above {SUBSTANTIAL:.0%} and the interval of the mean slope above 0 (holds), "
        "any of them below (does not hold)",
        f"every dataset: {everywhere}, rising: {rising} ({len(slopes)} networks); " + fractions(counts),
    )  # fmt: skip


def _slopes(runs: pd.DataFrame) -> np.ndarray:
    """Least-squares slope of the share of channels over log10 s, for every network on several Gaussian processes, and its variance.

    The variance is the binomial one, of shares drawn towards ½ by one run in and one out, so that it never vanishes.
    """
    scales = runs["family"].str.extract(r"^gp-s([0-9.]+)$")[0].astype(float)
    runs = runs.assign(scale=np.log10(scales))[scales.notna()]
    slopes = []
    for _, group in runs.groupby(["dimension", "widths"]):
        counts = group.groupby("scale")["channel"].agg(["sum", "count"])
        if len(counts) > 1:
            centred = counts.index.to_numpy() - counts.index.to_numpy().mean()
            weights = centred / (centred**2).sum()
            drawn = (counts["sum"] + 1) / (counts["count"] + 2)
            slopes.append((weights @ (counts["sum"] / counts["count"]), weights**2 @ (drawn * (1 - drawn) / counts["count"])))
    return np.array(slopes).reshape(-1, 2)


def mean_interval(values: np.ndarray, variances: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95 % interval by Student's t; an infinite one of fewer than two values.

    The variance is that among the values, but no less than what theirs alone would give.
    """
    mean = float(np.mean(values)) if len(values) else np.nan
    if len(values) < 2:
        return mean, -np.inf, np.inf
    half = t.ppf(0.975, len(values) - 1) * np.sqrt(max(np.var(values, ddof=1), np.mean(variances)) / len(values))
    return mean, mean - half, mean + half


@claim("C8", "Minima in channels and of finite norm have similar training losses.")
def losses_are_similar(tables: dict[str, pd.DataFrame]) -> Verdict:
    """How often a run in a channel has the lower loss, among pairs of runs of one network.  Source: paper, Figure 4d."""
    runs = channel_runs(tables)
    probability, low, high, n = superiority(runs, "loss")
    verdict = HOLDS if SIMILAR[0] <= low and high <= SIMILAR[1] else FAILS if low > SIMILAR[1] or high < SIMILAR[0] else UNDECIDED
    test, test_low, test_high, _ = superiority(runs, "loss_test")
    return Verdict(
        verdict, "probability that a run in a channel has a lower loss than one of finite norm", 1 - probability, 1 - high, 1 - low, n,
        f"95 % interval inside {SIMILAR[0]:g}–{SIMILAR[1]:g} (holds), outside (does not hold)",
        f"on test data {1 - test:.2f} ({1 - test_high:.2f}–{1 - test_low:.2f})",
    )  # fmt: skip


def superiority(runs: pd.DataFrame, column: str) -> tuple[float, float, float, int]:
    """Probability that a run in a channel has the larger value than one of finite norm of the same network, with a 95 % interval.

    Each network weighs by n m / (n + m), the numbers of its runs of either kind; ties count half. The interval is Wilson's, as of
    so many independent trials that the variance of one network would be p (1 − p) / min(n, m), which it never exceeds (van
    Dantzig 1951). Returns also the number of runs.
    """
    estimate, total, variance, number = 0.0, 0.0, 0.0, 0
    for _, group in runs.groupby(NETWORK):
        inside = group[column][group["channel"]].dropna().to_numpy()
        finite = group[column][~group["infinite"]].dropna().to_numpy()
        if len(inside) and len(finite):
            larger = (np.sign(inside[:, None] - finite) + 1) / 2
            weight = larger.size / sum(larger.shape)
            estimate, total = estimate + weight * larger.mean(), total + weight
            variance, number = variance + weight**2 / min(larger.shape), number + sum(larger.shape)
    if not number:
        return np.nan, 0.0, 1.0, 0
    trials = total**2 / variance
    return estimate / total, *_score_interval(estimate / total, trials), number


def _score_interval(share: float, trials: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share in a number of trials that need not be whole."""
    z2 = norm.ppf(0.975) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


@claim("C9", "The largest Hessian eigenvalue is larger in channels and grows along them, the smallest is tiny.")
def sharper_in_channels(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Along the flows.  Source: paper, Figure 4e.

    λ_max at the end, compared between runs of one network; its growth over the last two decades of t, and |λ_min| / λ_max at
    the end, of the runs in a channel.
    """
    spectra = one_layer(tables, CHANNEL_SPECTRA)
    spectra = spectra[spectra["t"] > 0].sort_values("t", kind="stable")
    flows = spectra.groupby([*NETWORK, "seed"], sort=False)
    ends = flows.last().reset_index()
    factor, decades = GROWTH
    before = spectra[spectra["t"] <= flows["t"].transform("max") / decades]
    before = before.groupby([*NETWORK, "seed"], sort=False)["largest"].last().rename("before").reset_index()
    inside = ends[ends["channel"]].merge(before, how="left")
    probability, low, high, n = superiority(ends, "largest")
    grows = int((inside["largest"] >= factor * inside["before"]).sum())
    tiny = int((inside["smallest"].abs() < TINY * inside["largest"]).sum())
    parts = [HOLDS if low > MOST else FAILS if high < MOST else UNDECIDED,
             *(all_above(MOST, [(count, len(inside))]) for count in [grows, tiny])]  # fmt: skip
    verdict = FAILS if FAILS in parts else HOLDS if set(parts) == {HOLDS} else UNDECIDED
    return Verdict(
        verdict, "probability that a run in a channel has the larger λ_max than one of finite norm", probability, low, high, n,
        f"95 % intervals of this, of the share in which λ_max grows {factor:g}-fold over the last factor of {decades:g} in t, and of "
        f"the share with |λ_min| < {TINY:g} λ_max above {MOST:.0%} (holds), any below (does not hold)",
        fractions([("λ_max grows", grows, len(inside)), ("|λ_min| tiny", tiny, len(inside))]),
    )  # fmt: skip


@claim("C10", "In networks with three hidden layers, channels appear in every layer and in every combination of layers.")
def channels_in_every_layer(tables: dict[str, pd.DataFrame]) -> Verdict:
    """By the paper's criteria; those that ask for diverging output weights are told beside.  Source: paper, Figure 4f."""
    shares = channel_table(tables, CHANNEL_LAYERS)
    shares = shares[shares["setting"].str.endswith(" 3 layers")]
    counts = {name: rows.groupby("layers", sort=False)[["count", "runs"]].sum() for name, rows in shares.groupby("criterion")}
    paper = counts.get("paper", pd.DataFrame({"count": [], "runs": []}))
    runs, inside = int(paper["runs"].max()) if len(paper) else 0, int(paper["count"].sum())
    missing = paper[paper["count"] == 0]
    never = any(wilson_interval(0, runs)[1] < SOME for runs in missing["runs"])
    verdict = UNDECIDED if not runs else HOLDS if missing.empty else FAILS if never else UNDECIDED
    detail = "; ".join(f"{name}: " + ", ".join(f"{layers!s} {count}" for layers, count in rows["count"].items()) for name, rows in
                       sorted(counts.items(), reverse=True))  # fmt: skip
    return Verdict(
        verdict, "share of runs in a channel", inside / runs if runs else np.nan, *wilson_interval(inside, runs), runs,
        f"every combination occurs (holds), the 95 % interval of one that does not lies below {SOME:.0%} (does not hold)", detail,
    )  # fmt: skip


@claim("C11", "Some channels have more than one dimension.")
def several_dimensions(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Groups of three neurons or more, in networks with one hidden layer.  Source: paper, Figure 4g."""
    runs = channel_runs(tables)
    inside = runs[runs["channel"]]
    counts = [(name, int((rows["channel_dimension"] > 1).sum()), len(rows)) for name, rows in inside.groupby("setting")]
    return one_share(counts, SOME, "share of runs in a channel with more than one dimension")


@claim("C12", "Late updates lie in the channel subspace, first updates do not.")
def updates_turn_into_the_channel(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Of the runs that fulfil the first two criteria, because the third is about this very thing.  Source: paper, Figure 4b."""
    runs = channel_runs(tables)
    runs = runs[runs["infinite"] & runs["parallel"]]
    early = runs["first_ratio"] > ALIGNED_RATIO
    counts = [(name, int((runs["aligned"] & ~early)[rows.index].sum()), len(rows)) for name, rows in runs.groupby("setting")]
    verdict = one_share(counts, MOST, f"share of runs at the wall with a parallel pair: last ratios above {ALIGNED_RATIO:g}, first below")
    verdict.detail = fractions([("last above", int(runs["aligned"].sum()), len(runs)), ("first above", int(early.sum()), len(runs))])
    return verdict


@claim("C17", "Channels appear with erf and sigmoid too.")
def channels_with_other_activations(tables: dict[str, pd.DataFrame]) -> Verdict:
    """On Rosenbrock.  Source: paper, Appendix B, Figure B9."""
    runs = channel_runs(tables)
    groups = [(name, runs["channel"][runs["activation"] == name]) for name in ["erf", "sigmoid"]]
    counts = [(name, int(group.sum()), len(group)) for name, group in groups]
    verdict = one_share(counts, SOME, "share of runs in a channel")
    verdict.verdict = all_above(SOME, [pair for _, *pair in counts])
    verdict.decision = f"simultaneous 95 % intervals of both above {SOME:.0%} (holds), any one below (does not hold)"
    return verdict


def channel_table(tables: dict[str, pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """A table of the sweep `channels`, an empty one where there is none."""
    return tables[schema.name] if schema.name in tables else typed_table(schema, [])


def one_layer(tables: dict[str, pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """The rows of a table that are about networks with one hidden layer."""
    frame = channel_table(tables, schema)
    return frame[~frame["widths"].str.contains("x")]


def channel_runs(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The runs of the sweep `channels` with one hidden layer that ended."""
    runs = one_layer(tables, CHANNEL_RUNS)
    return runs[runs["stop"] != "FAILED"]
