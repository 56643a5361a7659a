"""Why rougher Gaussian processes have more runs at infinite norm and more parallel pairs, but fewer that pass condition 3.

    PYTHONPATH=workflow python workflow/studies/roughness.py results/paper [--seeds 50]

Of every run with one hidden layer and softplus that fulfils conditions 1 and 2 it asks what holds the norm at the end, and what moves in
the last 51 updates: the part in the channel subspace that condition 3 projects onto, and the rest, by the neurons that it belongs to.
A neuron outside of all groups is *steep* where its input weights hold more than a tenth of Σθ²: a hinge in the making. Three
experiments tell whether steep neurons are the reason. The first takes their coordinates out of the updates, and asks condition 3 of the
others. The second counts only runs without any. The third gives every dataset the mixture of routes of the smoothest Gaussian process
(direct standardisation), with the table of routes.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import sample

from flatchannels.landscape.criteria import ALIGNED_RATIO, analyse
from flatchannels.landscape.geometry import groups
from flatchannels.landscape.subspace import mean_basis
from flatchannels.landscape.updates import LATE_UPDATES, inside_the_wall
from flatchannels.networks.layout import HiddenLayer
from flatchannels.reporting.routes import join
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES

STEEP_SHARE = 0.1  # of Σθ² in the input weights of one neuron outside of all groups
QUANTITIES = ["infinite", "pair", "channel"]


def steep_neurons(theta: np.ndarray, layer: HiddenLayer, members: list[list[int]]) -> list[int]:
    """The neurons outside of all groups whose input weights hold more than STEEP_SHARE of Σθ²."""
    grouped = {neuron for group in members for neuron in group}
    shares = (theta[layer.rows] ** 2).sum(axis=1) / (theta @ theta)
    return [int(neuron) for neuron in np.flatnonzero(shares > STEEP_SHARE) if neuron not in grouped]


def late_motion(points: np.ndarray, layer: HiddenLayer) -> dict[str, float]:
    """How the last updates of a trajectory divide, and condition 3 without the steep neurons.

    Parameters
    ----------
    points : (T, P), within the wall.
    layer : the hidden layer.

    Returns
    -------
    dict
        ratio: the mean of ‖Δθ_proj‖/‖Δθ‖, as condition 3 has it. ratio_without: the same with the coordinates of steep neurons taken out
        of Δθ. Of ‖Δθ‖², in the mean: moved_subspace, in the channel subspace; moved_steep, moved_group, moved_other: outside of it in
        the weights of steep neurons, of neurons of the groups, of others; moved_bias, in the output bias. steep: how many such neurons
        there are at the last point. held_outputs, held_inputs, held_steep: shares of Σθ² there in the output weights of groups, in their
        input weights, in the input weights of steep neurons. NaN without groups or updates.
    """
    last, late = points[-1], points[-LATE_UPDATES - 1 :]
    members = [list(map(int, group)) for group in groups(last[layer.rows])]
    steep = steep_neurons(last, layer, members)
    grouped = [neuron for group in members for neuron in group]
    sets = {"steep": steep, "group": grouped, "other": [n for n in range(len(layer.rows)) if n not in steep and n not in grouped]}
    of_set = {
        name: np.concatenate([layer.rows[chosen].ravel(), layer.columns[chosen].ravel()]).astype(int) for name, chosen in sets.items()
    }
    kept = np.ones(len(last))
    kept[of_set["steep"]] = 0
    parts: list[dict[str, float]] = []
    for point, update in zip(late, np.diff(late, axis=0)):
        length = float(update @ update)
        if not members or not length:
            continue
        basis = mean_basis(point, [layer], [members])
        inside = basis @ (basis.T @ update)
        rest = (update - inside) ** 2
        without = update * kept
        basis_without = basis[:, (basis * kept[:, None]).any(axis=0)]  # each column belongs to one neuron, hence goes or stays whole
        remaining = float(np.linalg.norm(without))
        parts.append({
            "ratio": float(np.sqrt(inside @ inside / length)),
            "ratio_without": float(np.linalg.norm(basis_without.T @ without)) / remaining if remaining else np.nan,
            "moved_subspace": float(inside @ inside) / length,
            **{f"moved_{name}": float(rest[where].sum()) / length for name, where in of_set.items()},
        })  # fmt: skip
    names = ["ratio", "ratio_without", "moved_subspace", "moved_steep", "moved_group", "moved_other"]
    means = {name: float(np.nanmean([part[name] for part in parts])) if parts else np.nan for name in names}
    moved = sum(means[name] for name in names[2:])
    squares = float(last @ last)
    return means | {
        "moved_bias": 1 - moved,
        "steep": len(steep),
        "held_outputs": float((last[layer.columns[grouped]] ** 2).sum()) / squares if grouped else np.nan,
        "held_inputs": float((last[layer.rows[grouped]] ** 2).sum()) / squares if grouped else np.nan,
        "held_steep": float((last[layer.rows[steep]] ** 2).sum()) / squares if steep else 0.0,
    }


def row_of(sampled: sample.Sampled) -> dict:
    """The row of a run; what moves late only where it fulfils conditions 1 and 2."""
    theta, maxnorm = sampled.run["theta"], sampled.meta["training"]["maxnorm"]
    layout = sampled.network.layout
    found = analyse(theta, sampled.run["trajectory_theta"], layout, maxnorm, sampled.run["theta_initial"])
    pair = found.infinite and found.parallel
    row = sampled.name | {"dataset": sampled.meta["dataset"], "infinite": found.infinite, "pair": pair, "channel": found.in_channel}
    if not pair:
        return row
    points = inside_the_wall(np.concatenate([sampled.run["theta_initial"][None], sampled.run["trajectory_theta"]]), maxnorm)
    motion = late_motion(points, layout.hidden_layers[0])
    return row | motion | {"aligned": found.aligned, "aligned_without": motion["ratio_without"] > ALIGNED_RATIO}


def kind(route: str) -> str:
    """The routes of the table in three kinds: pairs and triples alone, with steep neurons, neither."""
    return "with steep neurons" if "steep" in route else "pairs and triples" if "pair" in route or "triple" in route else "other"


def with_kinds(towards: pd.DataFrame, routes: pd.DataFrame) -> pd.DataFrame:
    """The runs whose route is in the table, with its kind in the column `kind`. A dataset may have networks of several activations."""
    key = ["dataset", "activation", "widths", "seed"]
    known = routes.loc[routes["sweep"] == "channels", [*key, "route"]]
    named = towards.merge(known, on=key, validate="one_to_one")
    return named.assign(kind=named["route"].map(kind))


def standardised(towards: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The share that passes condition 3 in each setting, by route, and as it were with the reference's mixture of routes.

    towards : runs that fulfil conditions 1 and 2, with the columns setting, kind and aligned.  reference : a setting.
    """
    mixture = towards.loc[towards["setting"] == reference, "kind"].value_counts(normalize=True)
    rates = towards.groupby(["setting", "kind"])["aligned"].mean().unstack()
    mine = towards.groupby("setting")["kind"].value_counts(normalize=True).unstack().fillna(0)
    there = mixture.index.intersection(rates.columns)
    weights = rates[there].notna() * mixture[there]
    table = pd.DataFrame({"aligned": towards.groupby("setting")["aligned"].mean()})
    table[f"aligned with the routes of {reference}"] = (rates[there].fillna(0) * weights).sum(axis=1) / weights.sum(axis=1)
    return table.join(mine.add_prefix("share of ")).join(rates.add_prefix("aligned of "))


def summary(table: pd.DataFrame, routes: pd.DataFrame | None) -> str:
    """What the table says, dataset by dataset."""
    lines = ["All runs (per cent, with 95 % intervals by network):", sample.shares(table, QUANTITIES, ["setting"]).to_string(index=False)]
    towards = table[table["pair"].astype(bool)].astype({"aligned": bool, "aligned_without": bool})
    if not len(towards):
        return "\n".join([*lines, "No run fulfils conditions 1 and 2."])
    plain = towards[towards["steep"] == 0]
    lines += ["", "Runs that fulfil conditions 1 and 2; condition 3 as it is, and without the coordinates of steep neurons:",
              sample.shares(towards, ["aligned", "aligned_without"], ["setting"]).to_string(index=False),
              "", "Those of them without steep neurons:",
              sample.shares(plain, ["aligned"], ["setting"]).to_string(index=False) if len(plain) else "none",
              "", "What holds the norm, and what moves in the last updates (medians over these runs; steep: mean number):"]  # fmt: skip
    columns = [name for name in towards if name.startswith(("held_", "moved_"))]
    medians = towards.groupby("setting")[columns].median().join(towards.groupby("setting")["steep"].mean())
    lines.append(medians.loc[sorted(medians.index, key=sample.setting_key)].to_string(float_format="{:.3f}".format))
    if routes is not None:
        named = with_kinds(towards, routes)
        if len(named) < len(towards):
            lines += ["", f"Without the {len(towards) - len(named)} runs whose route is not in the table:"]
        smooth = sorted((name for name in set(named["setting"]) if name.startswith("gp-")), key=sample.setting_key)
        if smooth:
            told = standardised(named, smooth[0])
            lines += [
                "",
                "Condition 3 by route to infinity:",
                told.loc[sorted(told.index, key=sample.setting_key)].T.to_string(float_format="{:.2f}".format),
            ]
    return "\n".join(lines)


def routes_of(results: Path) -> pd.DataFrame | None:
    """The table of routes, as far as it is made: network by network where the whole is not there yet."""
    paths = [results / "statistics" / "routes.parquet"]
    if not paths[0].exists():
        paths = sorted((results / "routes" / "channels").rglob("*.parquet"))
    return join([table_files.read_table(path, ROUTES) for path in paths]) if paths else None


def main() -> None:
    """Look at the runs, print what they say, and write the rows."""
    given = sample.parser(__doc__ or "").parse_args()
    table = pd.DataFrame([row_of(each) for each in sample.runs(given.results, given.seeds, given.max_width, given.max_dimension)])
    if given.out:
        table.to_csv(given.out, index=False)
    print(summary(table, routes_of(given.results)))


if __name__ == "__main__":
    main()
