"""Limit networks are limits, with exact derivatives; what is planted at infinity is found again; one run goes there."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from flatchannels import Dataset, Network, train
from flatchannels.data import datasets
from flatchannels.dynamics.polish import polish
from flatchannels.infinity import jumps
from flatchannels.infinity.candidates import LIMIT_OF_KIND, candidates, partitions, ranked
from flatchannels.infinity.certificates import CERTIFIED, TURNS_BACK, UNDECIDED, certify
from flatchannels.infinity.charts import Chart
from flatchannels.infinity.jumps import along
from flatchannels.infinity.layered_candidates import candidate_of_pairs
from flatchannels.infinity.limits import LimitNetwork, Unit
from flatchannels.infinity.routes import find_route
from flatchannels.landscape.coordinates import Pair, from_channel
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.scalars import kernel_values
from flatchannels.pipeline.growth import channel_shown
from flatchannels.reasons import Stop
from flatchannels.reporting.claims import infinity as claims
from flatchannels.reporting.claims.infinity import power_law
from flatchannels.reporting.routes import channel_of_figure_5
from flatchannels.storage.schemas.infinity import JUMPS, ROUTES
from flatchannels.storage.table_files import typed_table

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts" / "figures"))

import fig5_jumps  # noqa: E402
import figR_routes  # noqa: E402

ALL_KINDS = [
    Unit("neuron"),
    Unit("pair"),
    Unit("triple", -1.0),
    Unit("quadruple", 1.0, last_sign=-1.0),
    Unit("exponential", -1.0),
    Unit("quadratic", -1.0),
    Unit("steep"),
]


SMOOTH = [name for name, activation in ACTIVATIONS.items() if not activation.homogeneous]


def points(samples=60, inputs=2, seed=0):
    random = np.random.default_rng(seed)
    return Dataset(random.normal(size=(samples, inputs)), random.normal(size=samples))


def differences(function, theta, step=1e-5):
    return np.array([(function(theta + step * e) - function(theta - step * e)) / (2 * step) for e in np.eye(theta.size)])


@pytest.mark.parametrize("activation", ["g", "softplus", "erf", "sigmoid", "tanh"])
def test_activations_are_those_of_the_engine(activation):
    z = np.linspace(-12, 12, 49)
    assert np.allclose(ACTIVATIONS[activation].derivatives(z)[:4], kernel_values(activation, z), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", SMOOTH)
def test_derivatives_are_those_of_finite_differences(activation, bias):
    limit = LimitNetwork(Network(2, (5,), activation, bias), points(1100), ALL_KINDS, linear=True)  # two blocks
    theta = 0.4 * np.random.default_rng(1).normal(size=limit.parameters)
    loss, gradient, hessian = limit.derivatives(theta)
    assert limit.loss_and_gradient(theta)[0] == loss and np.allclose(limit.pack(*limit.unpack(theta)), theta)
    assert gradient == pytest.approx(differences(lambda p: limit.loss_and_gradient(p)[0], theta), rel=1e-5, abs=1e-6)
    assert np.allclose(hessian, differences(lambda p: limit.loss_and_gradient(p)[1], theta), rtol=1e-5, atol=1e-5)
    slope, weights = limit.slope(theta), np.full(1100, 1 / 1100)  # of the formulas in NumPy
    assert loss == pytest.approx(np.sum(slope**2 / (4 * weights)), rel=1e-13)


def pair_at(limit, theta, K):
    """θ of the network with one pair and then neurons, at a_i − a_j = K, of a limit network's θ."""
    ((c, (w, v)), *neurons), affine = limit.unpack(theta)
    rows = np.array([w + v / K, w - v / K, *(forms[0] for _, forms in neurons)])
    return np.concatenate([rows.ravel(), [(c + K) / 2, (c - K) / 2], [a for a, _ in neurons], affine])


def planted(activation, bias=True, seed=0):
    """A limit network of a pair and a neuron on data near what it computes, its minimum, and the network it is the limit of."""
    random = np.random.default_rng(seed)
    net, x = Network(2, (3,), activation, bias), random.normal(size=(400, 2))
    units = [Unit("pair"), Unit("neuron")]
    start = random.normal(size=LimitNetwork(net, Dataset(x, x[:, 0]), units).parameters)
    value = LimitNetwork(net, Dataset(x, np.zeros(len(x))), units).slope(start) * len(x) / 2
    data = Dataset(x, value + 0.3 * random.normal(size=len(x)))
    limit = LimitNetwork(net, data, units)
    return net, data, limit, polish(limit, start)


@pytest.mark.parametrize(("activation", "bias"), [("softplus", True), ("g", False), ("erf", True), ("sigmoid", True)])
def test_planted_pairs_are_found_with_their_loss_at_infinity_and_turn_back_where_h_is_negative(activation, bias):
    verdicts = set()
    for seed in range(8):
        net, data, limit, end = planted(activation, bias, seed)
        slope = limit.slopes(end.theta)[0]
        losses = [net.loss(pair_at(limit, end.theta, K), data) - end.loss for K in (300, 600)]
        if abs(end.theta).max() > 30 or abs(losses[1] * 600**2 / slope - 1) > 0.01:
            continue  # the noise drives this one elsewhere, or so far that K⁻⁴ shows
        assert losses[0] == pytest.approx(slope / 300**2, rel=0.05)  # L = L_∞ + K⁻² ∂L/∂K⁻²
        assert limit.slopes(end.theta)[1] != limit.slopes(end.theta)[1]  # a neuron has none
        route = find_route(net, data, pair_at(limit, end.theta, 600))
        assert route.loss_infinity == pytest.approx(end.loss, rel=1e-12) and route.ratio == pytest.approx(1, abs=0.05)
        assert np.sign(route.h[0]) == np.sign(slope) and route.verdict == (CERTIFIED if slope > 0 else TURNS_BACK)
        if slope < 0:
            finite = np.isfinite(route.finite_norm)
            assert (route.finite_loss < end.loss - 1e-9 and route.finite_norm < 1e3) if finite else "wall" in route.reason
            verdicts.add("finite minimum" if finite else "wall")
        verdicts.add(route.verdict)
    assert {TURNS_BACK, "finite minimum"} <= verdicts and (CERTIFIED in verdicts or activation == "softplus")


def quadruple_at(w, p, q, r, c, epsilon):
    """Rows and outputs of four neurons whose second moment is q qᵀ − r rᵀ."""
    rows = np.array([w + epsilon * q + epsilon**2 * p, w - epsilon * q + epsilon**2 * p, w + epsilon * r, w - epsilon * r])
    return rows, np.array([0.5, 0.5, -0.5, -0.5]) / epsilon**2 + c / 4


def test_a_quadruple_is_the_limit_of_four_neurons_and_is_found_again():
    w, p, q, r = np.random.default_rng(7).normal(size=(4, 3))
    net, data = Network(2, (4,), "softplus"), points()
    limit = LimitNetwork(net, data, [Unit("quadruple", 1.0, last_sign=-1.0)])
    exact = limit.loss_and_gradient(limit.pack([(0.7, np.array([w, p, q, r]))], [0.2]))[0]
    errors = []
    for epsilon in (1e-2, 5e-3):
        rows, outputs = quadruple_at(w, p, q, r, 0.7, epsilon)
        theta = np.concatenate([rows.ravel(), outputs, [0.2]])
        errors.append(net.loss(theta, data) - exact)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)  # ε² is 1/|a|
    unit, (c, forms), _ = LIMIT_OF_KIND["quadruple"](rows, outputs)
    assert c == pytest.approx(0.7) and np.allclose(forms[:2], [w, p], atol=0.05)
    moment = unit.sign * np.outer(forms[2], forms[2]) + unit.last_sign * np.outer(forms[3], forms[3])
    assert np.allclose(moment, np.outer(q, q) - np.outer(r, r), atol=0.05)


def test_small_neurons_of_large_outputs_become_a_quadratic_form_of_one_rank_less_and_are_found_again():
    net, data, random = Network(3, (3,), "erf"), points(400, 3), np.random.default_rng(3)
    b, strengths, forms = np.array([0.4, -0.9, 1.3]), np.array([1.0, -0.8, 0.6]), random.normal(size=(3, 3))
    first, second = ACTIVATIONS["erf"].derivatives(b)[1:3]
    forms[2] = -(strengths[:2] * first[:2]) @ forms[:2] / (strengths[2] * first[2])  # Σ a σ'(b) w is finite
    drift = random.normal(size=(3, 3))
    quadratic = (forms.T * (strengths * second)) @ forms
    exact = np.einsum("ni,ij,nj->n", data.x, quadratic, data.x) / 2 + data.x @ ((strengths * first) @ drift)
    losses = []
    for epsilon in (2e-2, 1e-2):
        a = strengths / epsilon**2
        rows = np.column_stack([epsilon * forms + epsilon**2 * drift, b])
        offset = -a @ ACTIVATIONS["erf"].derivatives(b)[0]
        theta = np.concatenate([rows.ravel(), a, [offset]])
        guess = next(guess for guess in candidates(net, data, theta) if guess.names == ["quadratic"] * 2)
        losses.append((net.loss(theta, data), guess.limit.loss_and_gradient(guess.start)[0]))
    infinity = np.mean((exact - data.y) ** 2)
    assert np.linalg.matrix_rank(quadratic, tol=1e-9) == 2
    errors = [[abs(loss - infinity) for loss in pair] for pair in losses]
    assert np.allclose(np.divide(errors[0], errors[1]), 2, rtol=0.2)  # both are there up to the third order, in proportion to ε


def test_where_no_loss_is_near_the_two_nearest_guesses_are_tried():
    def guess(loss):
        limit = SimpleNamespace(loss_and_gradient=lambda theta: (loss, None), units=[], first=np.zeros(1, dtype=int))
        return SimpleNamespace(limit=limit, start=np.zeros(2))

    far, near = [guess(loss) for loss in (5.0, np.nan, 2.0, 3.0)], guess(1.05)
    assert ranked(far, 1.0, np.ones(4)) == [far[2], far[3]]
    assert ranked([*far, near], 1.0, np.ones(4)) == [near]


@pytest.mark.parametrize("kind", ["triple", "exponential"])
def test_other_units_are_the_limits_of_neurons(kind):
    random = np.random.default_rng(3)
    w, v, u = random.normal(size=(3, 3))
    net, data = Network(2, (3 if kind == "triple" else 1,), "softplus"), points()
    limit = LimitNetwork(net, data, [Unit(kind)])
    exact = limit.loss_and_gradient(limit.pack([(0.7, np.array([w, v, u]) if kind == "triple" else w[None])], [0.2]))[0]
    errors = []
    for epsilon in (1e-6, 5e-7) if kind == "exponential" else (1e-2, 5e-3):
        if kind == "triple":  # second and first differences
            rows = [w + epsilon * u, w - epsilon * u, w - v * epsilon**2]
            weights = np.array([0.5, 0.5, 0.7 * epsilon**2 - 1]) / epsilon**2
        else:
            rows, weights = [w + [0, 0, np.log(epsilon)]], np.array([1 / epsilon])
        errors.append(net.loss(np.concatenate([np.ravel(rows), weights, [0.2]]), data) - exact)
    assert errors[0] / errors[1] == pytest.approx(4 if kind == "triple" else 2, rel=0.05)
    if kind == "exponential":
        slope = limit.slopes(limit.pack([(1.0, w[None])], [0.2]))[0]
        assert errors[1] == pytest.approx(slope * 5e-7, rel=0.05)


def test_neurons_are_grouped_by_epsilon_up_to_the_symmetry_of_the_activation():
    hidden = np.array([[1.0, 2.0], [-1.001, -2.0], [1.0, -3.0], [10.0, 20.0]])
    together = ((0, 1), (1, -1))
    assert any(together in groups for groups in partitions(hidden, "erf", True))
    assert not any(together in groups for groups in partitions(hidden, "g", True))
    assert not any(len(group) > 1 and 3 in dict(group) for groups in partitions(hidden, "erf", True) for group in groups)


@pytest.fixture(scope="module")
def channel_run():
    """A run in a channel: g without biases on a coarse grid, the first of some seeds that ends at the wall with a pair."""
    data = datasets.make({"target": "rosenbrock", "inputs": "grid", "points": 21}, 2, 1, "coarse")
    net = Network(2, (2,), "g", bias=False)
    for seed in range(20):
        run = train(net, data, seed=seed, trajectory_samples=60, spectrum_samples=2)
        if run.stop == Stop.WALL and find_route(net, data, run.theta).route == "pair":
            return net, data, run
    raise AssertionError("no seed ends in a channel")


def test_a_run_in_a_channel_is_certified_with_the_same_end_from_earlier_points_and_by_extrapolation(channel_run):
    net, data, run = channel_run
    route = find_route(net, data, run.theta)
    assert route.verdict == CERTIFIED and route.loss_infinity < run.loss and route.ratio == pytest.approx(1, abs=0.02)
    for point in run.flow.theta[-12:-1:4]:
        guess = next(guess for guess in candidates(net, data, point) if guess.names == ["pair"])
        assert polish(guess.limit, guess.start).loss == pytest.approx(route.loss_infinity, rel=1e-13)
    assert find_route(net, data, run.flow.theta[0]).verdict == UNDECIDED
    deep = certify(candidate_of_pairs(net, data, run.theta, [(0, 0, 1)]), run.loss, 0.0)
    assert deep.loss_infinity == pytest.approx(route.loss_infinity, rel=1e-13) and deep.verdict == CERTIFIED
    assert deep.h == pytest.approx(route.h, rel=1e-6) and deep.ratio == pytest.approx(route.ratio, rel=1e-6)
    chart = Chart(net, data, run.theta, [(0, 0, 1)])  # the minima at K, 2K and 4K, extrapolated in K⁻²
    losses = [polish(chart.at(factor), chart.start).loss for factor in (1.0, 2.0, 4.0)]
    first, second = ((4 * b - a) / 3 for a, b in zip(losses, losses[1:]))
    assert (16 * second - first) / 15 == pytest.approx(route.loss_infinity, rel=1e-11)


def test_jumps_follow_the_channel_to_its_end_by_the_powers_of_the_paper(channel_run):
    net, data, run = channel_run
    rows = [row for row in along(net, data, run.theta, run.flow.theta, smallest=3e-4) if row["stage"] == "jump"]
    epsilon = [row["epsilon"] for row in rows]
    assert len(rows) >= 3 and np.allclose(np.divide(epsilon[:-1], epsilon[1:]), 2, rtol=1e-2)
    for key, exponent in {"excess": 2, "limit_error": 2, "largest": -2}.items():
        assert power_law(epsilon, [row[key] for row in rows])[0] == pytest.approx(exponent, rel=0.02)
    for key in ["c", "a", "cosine"]:
        gaps = [abs(row[key] - row[f"limit_{key}"]) for row in rows]
        assert gaps[-1] < 1e-4 * max(1, abs(rows[-1][f"limit_{key}"])) and gaps[-1] < 0.5 * gaps[0] + 1e-12


def test_the_chart_of_pairs_in_two_layers_is_the_network_and_its_loss_tends_to_a_limit():
    net, data, random = Network(2, (3, 3), "softplus"), points(), np.random.default_rng(5)
    theta = net.initialise(random)
    first, second, last = net.matrices(theta)
    lower = Pair(first[2] + 1, 0.01, np.array([0.6, 0, 0.8]), second[:, 0], second[:, 1])
    first[0], first[1], second[:, 0], second[:, 1] = from_channel(lower)
    upper = Pair(second[0] + 1, 0.02, np.array([0, 0, 1.0, 0]), 0.7, 0.3)
    second[1], second[2], last[0, 1], last[0, 2] = from_channel(upper)
    pairs = [(1, 1, 2), (0, 0, 1)]
    chart = Chart(net, data, theta, pairs)
    place = chart.at(1.0)
    assert np.allclose(place.theta(chart.start), theta, rtol=1e-12, atol=1e-9)
    loss, gradient, hessian = place.derivatives(chart.start)
    assert loss == pytest.approx(net.loss(theta, data), rel=1e-9) and np.allclose(hessian, hessian.T)
    assert np.allclose(gradient, differences(lambda eta: place.loss_and_gradient(eta)[0], chart.start), rtol=1e-4, atol=1e-5)
    losses = [chart.at(factor).loss_and_gradient(chart.start)[0] for factor in (1, 2, 4)]
    infinity = (4 * losses[2] - losses[1]) / 3
    assert np.sum(chart.differences(chart.start)[0]) == pytest.approx(losses[0] - infinity, rel=0.02)


def made_up_routes(rows=12):
    """Rows of the table of routes with all kinds of verdicts."""
    frame = pd.DataFrame({key: ["x" if kind == "str" else 1] * rows for key, kind in ROUTES.kinds.items()})
    names = [("pair", "certified"), ("triple", "certified"), ("2 pair", "certified"), ("antiparallel pair", "certified"),
             ("pair + steep", "certified"), ("steep", "turns back"), ("pair + steep", "undecided"), ("unknown", "undecided"),
             ("duplicate + pair", "certified")]  # fmt: skip
    frame = frame.assign(channel=np.arange(rows) % 2 == 0, widths=np.where(np.arange(rows) < 6, "4", "4x4"), loss=0.5, loss_infinity=0.4,
                         seed=range(rows), dimension=8, activation="softplus", limit_min=1e-3, bias=True)  # fmt: skip
    frame["route"], frame["verdict"] = zip(*(names[n % len(names)] for n in range(rows)))
    return frame.astype(ROUTES.kinds)


def test_figure_r_counts_every_run_once():
    table = made_up_routes(28)
    figure = figR_routes.draw(table)
    totals = [int(text.get_text()) for axes in figure.axes[:2] for text in axes.texts if text.get_text().isdigit()]
    assert sum(totals) == 28
    assert set(table.apply(figR_routes.category, axis=1)) == set(figR_routes.CATEGORIES)
    assert figR_routes.category(table.iloc[8]) == "gated pairs, certified"  # with a duplicate
    for axes in figure.axes[:2]:
        lengths = sum(bar.get_width() for bar in axes.patches)
        assert lengths == pytest.approx(100 * sum(text.get_text() != "0" for text in axes.texts[:2]))


def test_bars_of_figure_r_are_in_the_order_of_the_other_figures():
    table = made_up_routes(6).assign(setting=["gp-s10", "rosenbrock erf", "gp-s2", "rosenbrock", "rosenbrock", "gp-s2"],
                                     widths=["4", "4", "16", "8", "8", "4"], bias=[True, True, True, False, True, True])  # fmt: skip
    labels = [label.get_text() for label in figR_routes.draw(table).axes[0].get_yticklabels()]
    assert labels == ["Rosenbrock: 8", "Rosenbrock, no bias: 8", "GP 2: 4", "GP 2: 16", "GP 10: 4", "Rosenbrock, erf: 4"]


def made_up_jumps(exponent=2.0):
    epsilon = 0.01 / 2.0 ** np.arange(7)
    frame = pd.DataFrame({"epsilon": epsilon, "stage": "jump", "dataset": "rosenbrock-d8", "widths": "8", "activation": "softplus"})
    for key, limit in {"c": 0.5, "a": 2.0, "cosine": -0.3}.items():
        frame[key], frame[f"limit_{key}"] = limit + epsilon**2, limit
    frame = frame.assign(excess=3 * epsilon**exponent, limit_error=epsilon**2, largest=epsilon**-2.0, loss=1, loss_infinity=1)
    frame = frame.assign(seed=1, dimension=8, family="rosenbrock")
    return frame[list(JUMPS.kinds)].astype(JUMPS.kinds)


@pytest.mark.parametrize("table", ["routes", "jumps"])
def test_figures_without_runs_say_so(table):
    module, schema = {"routes": (figR_routes, ROUTES), "jumps": (fig5_jumps, JUMPS)}[table]
    figure = module.draw(typed_table(schema, []))
    figure.draw_without_rendering()
    assert any(text.get_text().startswith("no ") for axes in figure.axes for text in axes.texts)


def test_c13_follows_the_exponents_and_figure_5_shows_them():
    assert claims.power_laws({"jumps": made_up_jumps()}).verdict == claims.HOLDS
    assert claims.power_laws({"jumps": made_up_jumps(1.9)}).verdict == claims.FAILS
    assert claims.power_laws({}).verdict == claims.UNDECIDED
    axes = fig5_jumps.draw(made_up_jumps()).axes[3]
    assert any("2.000" in text.get_text() for text in axes.texts)
    assert fig5_jumps.draw(made_up_jumps()).get_suptitle() == "Rosenbrock, $d = 8$, $r = 8$, softplus, seed 1"
    assert np.allclose(axes.lines[1].get_xdata(), 1 / made_up_jumps()["epsilon"])


def test_the_channel_of_figure_5_is_the_one_nearest_to_the_paper():
    table = made_up_routes(14).assign(route="pair", verdict="certified", family="rosenbrock", widths="4")
    table.loc[5, "widths"], table.loc[3, "widths"] = "8", "16"
    assert channel_of_figure_5(table)["seed"] == 5
    table.loc[5, "limit_min"] = 0.0  # a flat direction
    assert channel_of_figure_5(table)["seed"] == 3
    assert channel_of_figure_5(table.assign(verdict="undecided")) is None and jumps.jump_table(None, {}).empty


@pytest.mark.parametrize(("losses", "shown"), [((0.3, 0.2), 2), ((0.2, 0.3), 1)])
def test_of_two_channels_that_were_followed_growth_shows_the_one_that_comes_first(losses, shown):
    """The lowest loss of all is that of a third run, which was not followed."""
    table = made_up_routes(3).assign(route="pair", verdict="certified", family="rosenbrock", widths="8", dataset="rosenbrock-d8")
    table["loss"] = [0.1, *losses]
    published, further = (made_up_jumps().assign(seed=seed) for seed in (1, 2))
    assert set(channel_shown(table, published, further)["seed"]) == {shown}
    assert channel_shown(table, published, further.head(0)) is published and channel_shown(table, published.head(0), further) is further
    assert channel_shown(table.assign(verdict="undecided"), published.head(0), further.head(0)).empty
