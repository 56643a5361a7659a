"""The toy: its limit has the derivatives and the h that it says, its saddle line is one, its figures and verdicts follow its numbers."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flatchannels.dynamics.population import Population
from flatchannels.dynamics.training import Objective
from flatchannels.reporting.claims import toy as claims
from flatchannels.storage import products
from flatchannels.storage.errors import RecordError
from flatchannels.studies import relu_channel, toy, toy_descents, toy_landscape

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts" / "figures"))

import fig1_overview  # noqa: E402
import fig6_toy  # noqa: E402
import figB12_sharpness  # noqa: E402
import figB13_relu  # noqa: E402

DATA = toy.infinite_data()
OBJECTIVE = Objective(toy.ERF_PAIR, DATA)


@pytest.fixture(scope="module")
def frame():
    return toy_landscape.Frame(OBJECTIVE)


def pair(end, epsilon):
    """Two neurons at the distance 2ε, in the coordinates (w, c, a) of a limit."""
    return np.array([end.w + epsilon, end.w - epsilon, end.c / 2 + end.a / (2 * epsilon), end.c / 2 - end.a / (2 * epsilon)])


def test_quadrature_equals_the_closed_form():
    theta = np.array([3.0, 1.2, 2.0, -0.5])
    closed = Population(toy.ERF_PAIR, toy.ERF_TEACHER, toy.TEACHER_THETA).derivatives(theta)
    for summed, exact in zip(OBJECTIVE.derivatives(theta), closed, strict=True):
        assert np.max(abs(summed - exact)) < 1e-12


def test_the_limit_is_that_of_the_pair_and_h_its_first_correction():
    end = toy.limit(DATA, 1.1, 0.7, -0.9)
    corrections = [(OBJECTIVE.loss_and_gradient(pair(end, epsilon))[0] - end.loss) / epsilon**2 for epsilon in (0.02, 0.01)]
    extrapolated = corrections[1] + (corrections[1] - corrections[0]) / 3
    assert extrapolated == pytest.approx(end.h, rel=1e-5)


def test_the_limit_has_the_gradient_and_hessian_that_it_says():
    point, h = np.array([1.1, 0.7, -0.9]), 1e-5
    end = toy.limit(DATA, *point)
    for k, shift in enumerate(np.eye(3) * h):
        above, below = toy.limit(DATA, *(point + shift)), toy.limit(DATA, *(point - shift))
        assert (above.loss - below.loss) / (2 * h) == pytest.approx(end.gradient[k], abs=1e-9)
        assert (above.gradient - below.gradient) / (2 * h) == pytest.approx(end.hessian[k], abs=1e-8)


def test_two_minima_at_infinity_and_a_saddle_that_is_the_best_neuron(frame):
    low, saddle, high = toy.critical_limits(DATA)
    assert [end.kind for end in (low, saddle, high)] == ["minimum at infinity", "saddle", "minimum at infinity"]
    assert (saddle.w, saddle.c, saddle.a) == pytest.approx((frame.w, frame.a, 0.0), abs=1e-9)
    assert max(abs(end.gradient).max() for end in (low, saddle, high)) < 1e-12 and high.loss < low.loss < saddle.loss
    assert toy.zeros_of_h(DATA) == pytest.approx([0.7993, 3.2022], abs=1e-4)  # published


def test_the_frame_is_orthonormal_and_its_line_consists_of_critical_points(frame):
    assert frame.axes.T @ frame.axes == pytest.approx(np.eye(4), abs=1e-12)
    for gamma in (-1.0, 0.5, 7.0):
        loss, gradient = OBJECTIVE.loss_and_gradient(frame.saddle(gamma))
        assert loss == pytest.approx(frame.loss, rel=1e-12) and abs(gradient).max() < 1e-12
    assert frame.coordinates(frame.point(2.0, -0.3)) == pytest.approx([2.0, -0.3], abs=1e-12)


def test_the_landscape_lies_below_the_plane_and_meets_it_on_the_saddle_line(frame):
    gammas, alphas = np.array([0.5, 5.0]), np.array([-0.2, 0.0, 0.2])
    losses = frame.landscape(gammas, alphas)
    plane = [[OBJECTIVE.loss_and_gradient(frame.point(gamma, alpha))[0] for alpha in alphas] for gamma in gammas]
    assert losses[:, 1] == pytest.approx(frame.loss, rel=1e-12)
    assert np.all(losses[:, [0, 2]] < np.array(plane)[:, [0, 2]])
    assert np.all(losses[0, [0, 2]] > frame.loss) and np.all(losses[1, [0, 2]] < frame.loss)  # plateau, and beyond it


@pytest.mark.parametrize("gamma", [-0.5, 0.0, 1.5, 5.0, 50.0])
def test_the_landscape_has_no_jumps_from_one_minimum_to_another(frame, gamma):
    alphas = np.linspace(-1.8, 3.8, 29)
    coarse, fine = (frame.landscape([gamma], grid)[0] for grid in (alphas, np.linspace(-1.8, 3.8, 28 * 40 + 1)))
    assert fine[::40] == pytest.approx(coarse, rel=1e-9)
    rises = abs(np.diff(np.log(fine)))
    assert rises.max() < 0.1 and np.all(rises[1:] < 3 * rises[:-1] + 0.01)  # smooth on a grid of 0.005


def test_the_direction_of_alpha_is_the_softest_one_and_the_starts_lie_where_the_paper_says(frame):
    value, vector = (part[..., 0] for part in np.linalg.eigh(OBJECTIVE.derivatives(frame.saddle(toy_landscape.GAMMA_FRAME))[2]))
    assert value < 0 and np.allclose(np.sign(vector[1]) * vector, toy.ALPHA_DIRECTION, atol=1e-4) and toy.ALPHA_DIRECTION[0] > 0
    places = {name: frame.coordinates(start) for name, start in toy.STARTS.items()}
    assert places["plateau"] == pytest.approx([0, -1.589], abs=1e-3)
    assert places["channel 1"] == pytest.approx([3 * 2**0.5, -1.54], abs=5e-3)
    assert places["channel 2"] == pytest.approx([3 * 2**0.5, 0.46], abs=5e-3)


def test_the_flow_on_the_plateau_ends_at_the_published_place(frame):
    flow, _ = toy.flow_from(OBJECTIVE, toy.STARTS["plateau"], samples=50)
    assert frame.coordinates(flow.theta_end) == pytest.approx([0.65, 0], abs=5e-3)


@pytest.mark.parametrize(("start", "which", "w"), [("channel 1", 0, 0.866), ("channel 2", 2, 3.150)])
def test_flows_into_the_channels_approach_their_limits_as_epsilon_squared(frame, start, which, w):
    flow, inside = toy.flow_from(OBJECTIVE, toy.STARTS[start], samples=100)
    end = toy.critical_limits(DATA)[which]
    assert flow.theta[inside - 1][:2].mean() == pytest.approx(w, abs=6e-4) and end.w == pytest.approx(w, abs=6e-4)
    exponent, ratio = toy_descents.approach(flow.theta[:inside], flow.loss[:inside], end)
    assert exponent == pytest.approx(2, abs=0.02) and ratio == pytest.approx(1, abs=1e-3)


def test_gradient_descent_stops_where_the_curvature_is_two_over_the_rate(frame):
    arrays, table = toy_descents.descents(
        frame,
        toy.finite_data(1, 64),
        1,
        epochs=2,
        batch=16,
        sgd_rate=0.1,
        adam_rate=1e-3,
        gd_rates=[0.4, 0.316],
        gd_steps=10**7,
        samples=30,
    )
    assert table["ratio"].to_numpy() == pytest.approx([1, 1], abs=5e-3) and table["settled"].all()
    assert arrays["gamma"].shape == (4, len(arrays["epoch"])) and np.isfinite(arrays["gamma"]).all()
    assert np.all(np.diff(arrays["step"], axis=1) >= 0) and arrays["step"].shape == arrays["sharpness"].shape == (2, 30)


def test_starting_on_the_flow_near_the_edge_changes_nothing(frame):
    rate = 0.4
    flow, inside = toy.flow_from(OBJECTIVE, toy.STARTS["channel 2"])
    start = toy_descents.edge(OBJECTIVE, flow.theta[:inside], rate)
    late, _, settled = toy_descents.settled_descent(flow.theta[start], rate, 10**7, flow.t[start] / rate)
    whole, _, also = toy_descents.settled_descent(toy.STARTS["channel 2"], rate, 10**7)
    assert settled and also
    assert toy.epsilon(late[-2:]).mean() == pytest.approx(toy.epsilon(whole[-2:]).mean(), rel=1e-3)


def test_the_coarse_quadrature_of_descents_has_the_same_gradients():
    coarse = Objective(toy.ERF_PAIR, toy.infinite_data(toy_descents.DESCENT_NODES))
    for theta in (toy.STARTS["channel 2"], np.array([3.3, 3.0, 15.0, -13.0])):
        assert np.allclose(coarse.loss_and_gradient(theta)[1], OBJECTIVE.loss_and_gradient(theta)[1], atol=1e-13)


def test_a_relu_channel_leads_towards_the_teacher():
    objective = Population(relu_channel.RELU_PAIR, relu_channel.RELU_PAIR, relu_channel.RELU_TEACHER)
    losses = []
    for epsilon in (0.1, 0.05):
        theta = relu_channel.RELU_PAIR.pack([([[1.0, -epsilon], [1.0, epsilon]], None), ([[-0.5 / epsilon, 0.5 / epsilon]], None)])
        losses.append(objective.loss_and_gradient(theta)[0])
        assert relu_channel.distance(theta[None])[0] == pytest.approx(np.sin(np.arctan(epsilon)))
    assert losses[0] / losses[1] == pytest.approx(2, rel=0.05)  # the loss at the kinks, of width ε


# Verdicts


def limits(**change):
    kinds = ["minimum at infinity", "saddle", "minimum at infinity", "zero of h", "zero of h"]
    return pd.DataFrame({"kind": kinds, "w": [0.87, 1.4, 3.15, 0.79922, 3.20227], "loss": [0.042, 0.047, 8e-4, 0.043, 9e-4]} | change)


def flows(**change):
    rows = {
        "data": "infinite", "start": ["channel 1", "channel 2", "plateau"], "stop": ["WALL", "WALL", "FLAT"],
        "gamma": [200.0, 200.0, 0.648], "alpha": [-0.7, 2.3, 1e-9], "loss": [0.043, 9e-4, 0.047], "limit_loss": [0.042, 8e-4, np.nan],
        "exponent": [2.0, 1.999, np.nan], "ratio": [1.0, 1.0, np.nan],
    }  # fmt: skip
    return pd.DataFrame(rows | change)


def rates(**change):
    rate = np.array([0.3, 0.2, 0.1])
    return pd.DataFrame({"rate": rate, "ratio": 1.0, "settled": True, "epsilon": 0.4 * rate**0.5} | change)


TURNING = ["minimum at infinity", "saddle", "turning point", "zero of h", "zero of h"]


@pytest.mark.parametrize(
    ("tables", "expected"),
    [({"toy_limits": limits(), "toy_flows": flows()}, "holds"), ({}, "undecided"),
     ({"toy_limits": limits(kind=TURNING), "toy_flows": flows()}, "does not hold"),
     ({"toy_limits": limits(w=[0.87, 1.4, 3.15, 0.81, 3.20227]), "toy_flows": flows()}, "does not hold"),
     ({"toy_limits": limits(), "toy_flows": flows(loss=[0.043, 7e-4, 0.047])}, "does not hold"),
     ({"toy_limits": limits(), "toy_flows": flows(exponent=[2.0, 1.5, np.nan])}, "does not hold"),
     ({"toy_limits": limits(), "toy_flows": flows(limit_loss=[8e-4, 0.042, np.nan])}, "does not hold"),
     ({"toy_limits": limits(), "toy_flows": flows(gamma=[200.0, 200.0, 0.766])}, "does not hold"),
     ({"toy_limits": limits(), "toy_flows": flows(alpha=[-0.7, 2.3, 0.1])}, "does not hold")],
)  # fmt: skip
def test_c14_needs_every_part(tables, expected):
    assert claims.toy_at_infinity(tables).verdict == expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [(rates(), "holds"), (rates(ratio=[1.0, 1.0, 0.9], settled=[True, True, False]), "undecided"),
     (rates(ratio=[1.0, 1.1, 1.0]), "does not hold"),
     (rates(epsilon=[0.3, 0.2, 0.1]), "does not hold"), (rates(settled=[True, True, False]), "undecided"),
     (rates()[:1], "undecided")],
)  # fmt: skip
def test_c15_needs_a_standstill_at_every_rate_and_the_root_of_it(table, expected):
    assert claims.edge_of_stability({"toy_rates": table}).verdict == expected


# Figures


def made_up(name, **more):
    """Arrays of the format with a length of its own on every axis, increasing along the last."""
    lengths = dict(zip("GAWXSBFTPEMNRK", [5, 6, 7, 8, 9, 10, 6, 11, 4, 12, 4, 13, 2, 3], strict=True))
    shapes = {key: [lengths[axis] for axis in axes] for key, axes in products.TOY[name].items()}
    return {key: np.zeros(shape) + np.linspace(0.1, 2, shape[-1]) for key, shape in shapes.items()} | more


def test_figures_draw_their_records():
    landscape, path = made_up("toy_landscape", x=np.linspace(-2, 2, 8)), made_up("toy_flows")
    path["theta"][:, -1] = path["gamma"][:, -1] = np.nan  # the end of a shorter flow
    descents = made_up(
        "toy_descents", sharpness=np.array([[5.0], [6.0]]) + np.arange(13), rate=np.array([0.3, 0.1]), step=np.ones((2, 13)) * np.arange(13)
    )
    figures = [fig1_overview.draw(landscape, path), fig6_toy.draw(landscape, path, descents, limits()),
               figB12_sharpness.draw(landscape), figB13_relu.draw(made_up("relu_channel"))]  # fmt: skip
    for figure in figures:
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
    edge = next(axes for axes in figures[1].axes if axes.get_xlabel().startswith("iteration"))
    dashes = [line.get_ydata()[0] for line in edge.lines if line.get_linestyle() == "--"]
    assert dashes == pytest.approx([2 / 0.3, 2 / 0.1])
    ends = next(axes for axes in figures[1].axes if axes.get_xlabel() == "$w$")
    assert [line.get_marker() for line in ends.lines[1:]] == ["o", "x", "o"]


def test_records_of_the_toy_come_back_as_they_were_written(tmp_path):
    arrays = made_up("toy_flows")
    products.write_toy(tmp_path / "flows.npz", "toy_flows", arrays)
    again = products.read_toy(tmp_path / "flows.npz", "toy_flows")
    assert all(np.array_equal(again[key], arrays[key]) for key in arrays) and set(again) == set(arrays)
    with pytest.raises(RecordError):
        products.read_toy(tmp_path / "flows.npz", "toy_descents")
    with pytest.raises(RecordError, match="other arrays have length"):
        products.write_toy(tmp_path / "wrong.npz", "toy_flows", arrays | {"gamma": arrays["gamma"][:2]})
