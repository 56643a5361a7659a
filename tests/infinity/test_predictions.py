"""The loss at walls of any radius is predicted from infinity: as the balance of each unit, and for the networks that rest there."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from test_hinges import at_the_wall
from test_routes import pair_at, planted

from flatchannels import Dataset
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.training import Objective
from flatchannels.infinity.candidates import Candidate, candidates
from flatchannels.infinity.certificates import CERTIFIED
from flatchannels.infinity.limits import Unit
from flatchannels.infinity.predictions import Approach
from flatchannels.infinity.routes import find_route
from flatchannels.networks.norm import weight_norm


class Sloped:
    """A limit of one unit, with the slope given."""

    def __init__(self, kind, slope):
        self.units, self.slope = [Unit(kind)], slope

    def slopes(self, theta):
        return np.array([self.slope])

    def loss_and_gradient(self, theta):
        return 2.0, np.zeros_like(theta)

    def squares(self, theta):
        return 0.0


def approach(kind, slope, small, diverging, pull=1e-3):
    nothing = np.zeros(1)
    guess = Candidate(Sloped(kind, slope), nothing, np.array([small]), nothing, np.array([diverging]), nothing, nothing, [kind])
    return Approach(guess, nothing, pull)


@pytest.mark.parametrize(("kind", "power"), [("pair", 2), ("exponential", 1)])
def test_each_unit_stands_where_its_slope_and_the_pull_balance(kind, power):
    slope, pull = 0.3, 1e-4
    per_output = 0.5 if kind == "pair" else 1.0  # Σa² over K² or a²
    for weight in (1.0, 3.0):  # what the next layer makes of it
        found = approach(kind, slope, 0.01, weight * per_output * 0.01 ** (-2 / power))

        def total(log_output, weight=weight):
            output = np.exp(log_output)
            return slope / output**power + 0.5 * pull * weight * per_output * output**2

        best = minimize_scalar(total, bounds=(-5, 10), method="bounded", options={"xatol": 1e-9})
        output = np.exp(best.x)
        loss, squares = found.at(pull)
        assert loss - 2.0 == pytest.approx(slope / output**power, rel=1e-6)
        assert squares == pytest.approx(weight * per_output * output**2, rel=1e-6)
        assert found.loss_at(squares) == pytest.approx(loss, rel=1e-6)


def test_a_triple_keeps_its_balance():
    found = approach("triple", np.nan, np.nan, 400.0, pull=1e-3)
    (wall, squares), (further, more) = found.at(1e-3), found.at(1e-6)
    assert squares == pytest.approx(400) and wall - 2 == pytest.approx(0.4)  # μ Σa²
    assert (further - 2) / (wall - 2) == pytest.approx((more / squares) ** -0.5)  # L − L_∞ ∝ 1/|a|
    numeric = -2 * (found.at(1.001e-3)[0] - found.at(0.999e-3)[0]) / (found.at(1.001e-3)[1] - found.at(0.999e-3)[1])
    assert numeric == pytest.approx(1e-3, rel=1e-3)  # dL/dΣθ² = −μ/2


def test_where_the_loss_falls_from_infinity_nothing_is_predicted():
    assert np.isnan(approach("pair", -0.1, 0.01, 50.0).loss_at(100.0))


def at_wall(net, data, theta, maxnorm):
    """The network that rests at a wall, from θ inside or on it."""
    return polish(Objective(net, data, maxnorm), theta).theta


def test_pairs_rest_at_the_wall_and_at_ten_times_its_norm_with_the_predicted_loss():
    compared = 0
    for seed in range(8):
        net, data, limit, end = planted("g", False, seed)
        slope = limit.slopes(end.theta)[0]
        if slope < 0 or abs(end.theta).max() > 30:
            continue
        maxnorm = 3000.0
        theta = at_wall(net, data, pair_at(limit, end.theta, np.sqrt(4 * net.parameters * maxnorm) * 1.0001), maxnorm)
        route = find_route(net, data, theta, maxnorm)
        if route.verdict != CERTIFIED or route.route != "pair":
            continue
        found = candidates(net, data, theta)[0]
        beyond = at_wall(net, data, pair_at(found.limit, route.end[1], np.sqrt(40 * net.parameters * maxnorm) * 1.0001), 10 * maxnorm)
        assert weight_norm(beyond) == pytest.approx(10 * maxnorm, rel=1e-3)
        excess = [net.loss(theta, data) - route.loss_infinity, net.loss(beyond, data) - route.loss_infinity]
        assert excess[0] / excess[1] == pytest.approx(10, rel=0.1)
        assert route.predicted_wall - route.loss_infinity == pytest.approx(excess[0], rel=0.05)
        assert route.predicted_beyond - route.loss_infinity == pytest.approx(excess[1], rel=0.05)
        compared += 1
        break  # one will do
    assert compared


def test_a_hinge_rests_at_both_walls_with_the_loss_that_the_way_back_from_infinity_says():
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2))
    z = x @ [0.6, 0.8] + 0.3
    data = Dataset(x, np.maximum(z, 0) - np.exp(-20 * z**2))
    net, theta = at_the_wall("softplus", data, 25 * np.array([0.6, 0.8, 0.3]), 1 / 25)
    route = find_route(net, data, theta, 60.0)
    assert route.verdict == CERTIFIED and route.predicted_wall == pytest.approx(net.loss(theta, data), rel=1e-6)
    scaled = theta * np.repeat([10**0.5, 10**-0.5, 1.0], [3, 1, 1])
    beyond = at_wall(net, data, scaled * 1.0001, 600.0)
    assert weight_norm(beyond) >= 600.0
    assert route.predicted_beyond - route.loss_infinity == pytest.approx(net.loss(beyond, data) - route.loss_infinity, rel=0.02)


def test_a_network_inside_the_wall_has_no_predictions():
    net, data, limit, end = planted("g", False, 0)
    route = find_route(net, data, pair_at(limit, end.theta, 50))
    assert np.isnan(route.predicted_wall) and np.isnan(route.predicted_beyond)
