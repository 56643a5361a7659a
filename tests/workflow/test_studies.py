"""The scripts of the experiments behind docs/findings.md, on made-up trajectories and small problems."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels.networks.layout import Layout
from flatchannels.pipeline import config, expansion

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "studies"))

import redraw  # noqa: E402
import roughness  # noqa: E402
import sample  # noqa: E402
import stop_rules  # noqa: E402

# --------------------------------------------------------------------------------------------------------- stop rules


class Valley:
    """½ Σ κ_k θ_k²: the flow is θ_k exp(−κ_k t)."""

    def __init__(self, *curvatures):
        self.curvatures = np.array(curvatures)

    def loss_and_gradient(self, theta):
        return 0.5 * float(self.curvatures @ theta**2), self.curvatures * theta

    def derivatives(self, theta):
        return *self.loss_and_gradient(theta), np.diag(self.curvatures)


class Slope(Valley):
    """exp(−θ): down to infinity, θ = log(e^θ₀ + t)."""

    def loss_and_gradient(self, theta):
        return float(np.exp(-theta[0])), -np.exp(-theta)

    def derivatives(self, theta):
        return *self.loss_and_gradient(theta), np.diag(np.exp(-theta))


def test_the_impatient_flow_follows_the_gradient_flow_to_its_tolerances():
    start, time = np.array([1.0, -2.0]), 0.5
    ended = stop_rules.impatient_flow(Valley(1.0, 30.0), start, [10**6], np.inf, time, 60)[10**6]
    assert ended.why == "t" and ended.times[-1] == time
    assert ended.theta == pytest.approx(start * np.exp(-np.array([1.0, 30.0]) * time), abs=2e-3)


def test_the_impatient_flow_ends_where_the_loss_falls_no_more_and_later_with_more_patience():
    objective = Valley(1.0, 100.0)
    found = stop_rules.impatient_flow(objective, np.array([1.0, 1.0]), [8, 20], 1e3, 1e300, 60)
    few, many = found[8], found[20]
    assert few.why == many.why == "patience" and few.evaluations < many.evaluations
    assert len(few.points) == len(few.times) <= len(many.times)
    assert objective.loss_and_gradient(few.theta)[0] < 1e-6  # it is not impatient on the way down


def test_the_impatient_flow_ends_at_the_wall_and_says_so():
    ended = stop_rules.impatient_flow(Slope(), np.array([0.0]), [10**6], 8.0, 1e16, 60)[10**6]
    assert ended.why == "wall" and ended.theta[0] ** 2 / 2 >= 8.0 * (1 - 1e-6) and ended.points[-2][0] ** 2 / 2 < 8.0


def test_thinned_points_are_even_in_log_time_and_keep_both_ends():
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 5000)])
    points = times[:, None] * np.ones(3)
    kept = stop_rules.thinned(times, points, 100)[:, 0]
    assert kept[0] == 0 and kept[-1] == times[-1] and 95 <= len(kept) <= 102
    assert np.diff(np.log(kept[1:])) == pytest.approx(np.full(len(kept) - 2, np.log(1e9) / 99), rel=0.05)
    assert stop_rules.thinned(times, points, 10**4) is points


def test_the_summary_counts_verdicts_that_change_on_the_same_runs():
    rows = [
        {"setting": "gp-s2", "dimension": 2, "widths": "4", "seed": seed, "rule": rule, "stop": "WALL", "finish": "CONVERGED", "loss": 1.0,
         "infinite": channel, "pair": channel, "channel": channel}
        for seed in range(4) for rule, channel in [("ours", seed < 2), ("t < 10", seed == 3)]
    ]  # fmt: skip
    said = stop_rules.summary(pd.DataFrame(rows))
    assert "t < 10: of 4 runs 1 more are in a channel and 2 less; 0 end at a lower loss; stops: 4 WALL; finishes: 4 CONVERGED" in said


# ---------------------------------------------------------------------------------------------------------- roughness

LAYOUT = Layout(inputs=2, widths=(4,), bias=True)
LAYER = LAYOUT.hidden_layers[0]


def trajectory(steep_speed, pair_speed=1.0, points=60):
    """Neurons 0 and 1 are parallel, with output weights that diverge; neuron 2 gets steeper; neuron 3 rests."""
    theta = np.zeros((points, LAYOUT.parameters))
    theta[:, LAYER.rows] = [[1.0, 0.5, 0.2], [1.0, 0.5, 0.2], [0.0, 1.0, 0.3], [-1.0, 0.3, 0.1]]
    far = 50 + np.arange(points)
    theta[:, LAYER.columns[0, 0]], theta[:, LAYER.columns[1, 0]] = pair_speed * far, -pair_speed * far
    theta[:, LAYER.rows[2, 1]] = steep_speed * far
    return theta


def test_motion_of_steep_neurons_is_told_from_that_in_the_channel_subspace():
    # Per step the outputs move by (1, −1); the row of neuron 2 by s along (0, 1, 0), of which the projection onto the mean input
    # weights m of the group is inside the channel subspace.
    s, mean = 3.0, np.array([1.0, 0.5, 0.2])
    along = (mean[1] / np.linalg.norm(mean)) ** 2
    found = roughness.late_motion(trajectory(s), LAYER)
    total = 2 + s**2
    assert found["moved_subspace"] == pytest.approx((2 + s**2 * along) / total)
    assert found["moved_steep"] == pytest.approx(s**2 * (1 - along) / total)
    assert found["ratio"] == pytest.approx(np.sqrt((2 + s**2 * along) / total)) and found["ratio"] < 0.9
    assert found["ratio_without"] == pytest.approx(1.0) and found["steep"] == 1
    assert found["moved_other"] == found["moved_group"] == pytest.approx(0, abs=1e-12) and found["moved_bias"] == pytest.approx(
        0, abs=1e-12
    )
    assert 0.5 < found["held_steep"] < 1 and found["held_outputs"] + found["held_steep"] + found["held_inputs"] < 1


def test_without_steep_neurons_both_ratios_are_the_same():
    found = roughness.late_motion(trajectory(0.0), LAYER)
    assert found["ratio"] == found["ratio_without"] == pytest.approx(1.0) and found["steep"] == 0 and found["moved_steep"] == 0


def test_a_neuron_of_a_group_is_not_called_steep():
    theta = trajectory(3.0)[-1]
    assert roughness.steep_neurons(theta, LAYER, [[0, 1]]) == [2]
    assert roughness.steep_neurons(theta, LAYER, [[0, 1], [2, 3]]) == []


def test_standardised_shares_take_the_mixture_of_the_reference():
    rows = [("gp-s0.1", "pairs and triples", True)] * 8 + [("gp-s0.1", "with steep neurons", False)] * 2
    rows += [("gp-s10", "pairs and triples", True)] * 2 + [
        ("gp-s10", "with steep neurons", True),
        ("gp-s10", "with steep neurons", False),
    ] * 4
    told = roughness.standardised(pd.DataFrame(rows, columns=["setting", "kind", "aligned"]), "gp-s0.1")
    assert told["aligned"].tolist() == pytest.approx([0.8, 0.6])
    assert told["aligned with the routes of gp-s0.1"].tolist() == pytest.approx([0.8, 0.8 * 1 + 0.2 * 0.5])


@pytest.mark.parametrize(
    "route, expected",
    [("2 pair + steep", "with steep neurons"), ("pair", "pairs and triples"), ("triple", "pairs and triples"), ("", "other")],
)
def test_routes_are_of_three_kinds(route, expected):
    assert roughness.kind(route) == expected


def test_a_route_is_that_of_the_networks_activation():
    runs = pd.DataFrame({"dataset": "rosenbrock-d2", "activation": "softplus", "widths": "4", "seed": [1, 2, 3]})
    others = runs.assign(activation="erf", route="linear", sweep="channels")
    mine = runs[:2].assign(route=["pair", "2 steep"], sweep="channels")
    named = roughness.with_kinds(runs, pd.concat([others, mine]))
    assert named["seed"].tolist() == [1, 2] and named["kind"].tolist() == ["pairs and triples", "with steep neurons"]


# ------------------------------------------------------------------------------------------------------------- redraw


def test_only_gaussian_processes_of_the_sizes_asked_for_are_drawn_anew():
    paper = config.validate(config.load(ROOT / "config" / "paper.yaml"))
    made = config.validate(redraw.redrawn(paper, Path("somewhere"), seeds=6, max_width=4, max_dimension=8))
    blocks = expansion.blocks(made)
    assert {block.sweep for block in blocks} == {"channels"} and {block.activation for block in blocks} == {"softplus"}
    assert {block.widths for block in blocks} == {(2,), (4,)} and {block.dimension for block in blocks} == {2, 4, 8}
    assert len({block.dataset for block in blocks}) == len(blocks) == 4 * 2 * 3 * 6  # a draw for each run
    assert "redraw" not in paper["datasets"]["gp-s2"]  # the given one stays as it is
    with pytest.raises(ValueError, match="no softplus networks"):
        redraw.redrawn(paper, Path("somewhere"), seeds=6, max_width=1, max_dimension=8)


def test_shares_with_a_draw_for_each_run_have_intervals_by_run():
    rows = [{"setting": "gp-s2", "dimension": d, "widths": "4", "infinite": hit, "channel_pair": hit, "channel": hit}
            for d, hits in [(2, [True] * 10), (4, [False] * 10)] for hit in hits]  # fmt: skip
    table = redraw.compare(pd.DataFrame(rows), pd.DataFrame(rows)).set_index("quantity")
    assert table.loc["channel", "a draw per run"].startswith("50 [30, 70]") and table.loc["channel", "difference"] == "+0"
    low, high = (float(number) for number in table.loc["channel", "a draw per network"][4:-1].split(", "))
    assert low < 10 and high > 90


def test_runs_are_compared_for_the_same_networks_and_seeds():
    parts = [synthetic.channel_rows(name, 10, 3, widths=widths) for name, widths in [("gp-s2", "4"), ("gp-s2", "8"), ("rosenbrock", "4")]]
    found = redraw.comparable(pd.concat(parts, ignore_index=True), 6, {("gp-s2", 2, "4"), ("gp-s10", 2, "4")})
    assert set(zip(found["setting"], found["widths"])) == {("gp-s2", "4")} and sorted(found["seed"]) == [1, 2, 3, 4, 5, 6]


def test_shares_of_a_table_are_in_the_order_of_the_settings():
    rows = pd.DataFrame({"setting": ["gp-s10", "gp-s2", "rosenbrock"], "dimension": 2, "widths": "4", "channel": [True, False, True]})
    told = sample.shares(rows, ["channel"], ["setting"])
    assert told["setting"].tolist() == ["rosenbrock", "gp-s2", "gp-s10"] and told["channel"].str.split().str[0].tolist() == [
        "100",
        "0",
        "100",
    ]


def test_the_slope_over_scales_is_that_of_the_shares_and_its_interval_holds_it_as_often_as_it_says():
    scales, random = {"a": 0.1, "b": 1.0, "c": 10.0}, np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        parts = [pd.DataFrame({"setting": name, "channel": random.random(60) < share}) for name, share in zip("abc", (0.2, 0.4, 0.6))]
        value, low, high = redraw.slope(pd.concat(parts), scales, "channel")
        inside += low <= 0.2 <= high
        assert low < value < high
        expected = (parts[2]["channel"].mean() - parts[0]["channel"].mean()) / 2  # least squares of three equally spaced points
        assert value == pytest.approx(expected)
    assert inside / 300 > 0.975 - 4 * np.sqrt(0.975 * 0.025 / 300)
