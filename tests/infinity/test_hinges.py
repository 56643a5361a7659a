"""Steep neurons end as hinges whose kinks hold samples, or at finite norm; duplicates in a pair; pairs further along."""

import numpy as np
import pytest
from test_routes import pair_at, planted

from flatchannels import Dataset, Network
from flatchannels.dynamics.newton import minimum
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.training import Objective
from flatchannels.infinity import certificates, routes
from flatchannels.infinity.certificates import CERTIFIED, TURNS_BACK, UNDECIDED, Route
from flatchannels.infinity.charts import Chart
from flatchannels.infinity.duplicates import _no_descent, merged
from flatchannels.infinity.hinges import recede
from flatchannels.infinity.routes import find_route, find_route_beyond
from flatchannels.landscape.saddle_lines import split
from flatchannels.networks.norm import weight_norm

MAXNORM = 60.0


def at_the_wall(activation, data, w, a, maxnorm=MAXNORM):
    """A network of one neuron, and the minimum of L + R from its weights w (d + 1,) and a."""
    net = Network(data.dimension, (1,), activation)
    theta = polish(Objective(net, data, maxnorm), np.concatenate([w, [a, 0.0]])).theta
    assert weight_norm(theta) >= maxnorm
    return net, theta


def hinge_loss(data, form, offset, sign):
    """Loss of sign max(sign form·x, 0) + offset."""
    rows = np.column_stack([data.x, np.ones(len(data.x))]) @ form
    return data.weights @ (sign * np.maximum(sign * rows, 0) + offset - data.y) ** 2


@pytest.mark.parametrize(("activation", "sign"), [("softplus", 1.0), ("softplus", -1.0), ("g", 1.0)])
def test_a_steep_neuron_on_kinked_data_becomes_a_hinge_with_samples_on_its_kink_at_a_local_minimum_of_the_loss_of_relu(activation, sign):
    on_kinks = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        x = random.normal(size=(300, 2))
        z = x @ [0.6, 0.8] + 0.3
        data = Dataset(x, sign * (np.maximum(z, 0) - np.exp(-20 * z**2)))  # sharper than a hinge
        net, theta = at_the_wall(activation, data, 25 * np.array([0.6, 0.8, 0.3]), sign / 25)
        route = find_route(net, data, theta, MAXNORM)
        assert (route.route, route.verdict) == ("steep", CERTIFIED)
        net, before = at_the_wall(activation, data, 18 * np.array([0.6, 0.8, 0.3]), sign / 18, MAXNORM / 2)
        assert find_route(net, data, before, MAXNORM / 2).loss_infinity == pytest.approx(route.loss_infinity, rel=1e-4)  # or one next to it
        limit, end = route.end
        (c, (form,)), (offset,) = limit.unpack(end)[0][0], limit.unpack(end)[1]
        z = np.column_stack([x, np.ones(300)]) @ form * np.exp(-c)
        on_kinks.append(np.sum(abs(z) < 20))
        assert route.loss_infinity < net.loss(theta, data) and on_kinks[-1] <= 3
        assert hinge_loss(data, form, offset, sign) == pytest.approx(route.loss_infinity, abs=2 * np.exp(c))
        steps = 1e-3 * random.normal(size=(200, 4))
        assert min(hinge_loss(data, form + step[:3], offset + step[3], sign) for step in steps) > route.loss_infinity
        if on_kinks[-1]:  # the network itself tends to that loss as 1/|w|
            excess = []
            for factor in (1, 4):
                scale, start = c - np.log(factor), np.append(form, offset)
                *form, offset = minimum(Frozen(limit, scale), [start], 100).theta
                weights = np.concatenate([sign * np.exp(-scale) * np.array(form), [sign * np.exp(scale), offset]])
                excess.append(net.loss(weights, data) - route.loss_infinity)
            assert excess[0] > 0 and excess[0] / excess[1] == pytest.approx(4, rel=0.1)
    assert max(on_kinks) > 0


class Frozen:
    """A limit network of one steep unit at a fixed scale."""

    def __init__(self, limit, scale):
        self.limit, self.scale = limit, [scale]

    def loss_and_gradient(self, part):
        loss, gradient = self.limit.loss_and_gradient(np.concatenate([self.scale, part]))
        return loss, gradient[1:]

    def derivatives(self, part):
        loss, gradient, hessian = self.limit.derivatives(np.concatenate([self.scale, part]))
        return loss, gradient[1:], hessian[1:, 1:]


def test_a_steep_neuron_on_rounded_data_turns_back_to_the_finite_minimum_that_was_planted():
    x = np.random.default_rng(3).normal(size=(500, 2))
    weights = np.array([24.0, 32.0, 12.0, 0.05, 0.2])
    net = Network(2, (1,), "softplus")
    data = Dataset(x, net.predict(weights, x).ravel())
    net, theta = at_the_wall("softplus", data, 0.5 * weights[:3], 0.1)
    route = find_route(net, data, theta, MAXNORM)
    assert (route.route, route.verdict) == ("steep", TURNS_BACK) and route.finite_loss < 1e-20
    assert route.finite_norm == pytest.approx(weight_norm(weights), rel=1e-6)


def test_an_undecided_run_is_followed_to_a_finite_minimum_beyond_the_wall(monkeypatch):
    x = np.random.default_rng(3).normal(size=(500, 2))
    weights = np.array([24.0, 32.0, 12.0, 0.05, 0.2])
    net = Network(2, (1,), "softplus")
    data = Dataset(x, net.predict(weights, x).ravel())
    net, theta = at_the_wall("softplus", data, 0.5 * weights[:3], 0.1)
    monkeypatch.setattr(routes, "find_route", lambda *arguments: Route(loss_infinity=0.3))
    route = find_route_beyond(net, data, theta, MAXNORM)
    assert route.verdict == TURNS_BACK and np.isnan(route.loss_infinity) and route.norm_beyond == route.finite_norm
    assert route.finite_norm == pytest.approx(weight_norm(weights), rel=1e-5) and route.loss_beyond < 1e-15


def test_duplicates_in_a_pair_are_certified_where_no_split_lowers_the_loss_of_the_network():
    verdicts = set()
    for seed in range(12):
        net, data, limit, end = planted("g", False, seed)
        slope = limit.slopes(end.theta)[0]
        chart = Chart(net, data, pair_at(limit, end.theta, 3000), [(0, 0, 1)])
        narrow = chart.at(1.0).theta(polish(chart.at(1.0), chart.start).theta)
        if slope < 0 or find_route(net, data, narrow).verdict != CERTIFIED:
            continue
        for member in (0, 1):
            wide, theta = split(net, narrow, member, 0.4)
            assert [len(a) for a in merged(wide, theta)[2]] == [2 if n == member else 1 for n in range(3)]
            route = find_route(wide, data, theta)
            hidden = wide.matrices(theta)[0]
            copies = np.flatnonzero(np.linalg.norm(hidden - hidden[member], axis=1) < 1e-9)
            a = wide.matrices(theta)[1][0]
            size = hidden.shape[1]
            directions = np.zeros((theta.size, size))
            for copy, sign in zip(copies, (1, -1)):
                directions[copy * size + np.arange(size), np.arange(size)] = sign / a[copy]
            lowest = np.linalg.eigvalsh(directions.T @ wide.hessian(theta, data) @ directions)
            assert "duplicate" in route.route and route.verdict == (CERTIFIED if lowest[0] > 0 else UNDECIDED)
            verdicts.add(route.verdict)
    assert verdicts == {CERTIFIED, UNDECIDED}


def test_pairs_whose_loss_at_the_wall_is_beyond_the_leading_order_are_certified_further_along():
    found = []
    for seed in range(8):
        net, data, limit, end = planted("g", False, seed)
        slope = limit.slopes(end.theta)[0]
        if slope < 0 or abs(end.theta).max() > 30:
            continue
        for K in (60, 45, 33, 25):
            theta = pair_at(limit, end.theta, K)
            ratio = (net.loss(theta, data) - end.loss) / (slope / K**2)
            route = find_route(net, data, theta)
            if abs(ratio - 1) > 0.12 and route.route == "pair":
                found.append((route.verdict, abs(route.ratio - 1), route.loss_infinity / end.loss))
                break
    assert found and all(verdict == CERTIFIED and off < 0.1 and abs(same - 1) < 1e-10 for verdict, off, same in found)


def test_copies_of_a_neuron_are_stable_where_the_quadratic_form_of_their_moves_is_positive():
    random, verdicts = np.random.default_rng(3), []
    for trial in range(60):
        a = random.normal(size=random.integers(2, 5)) + 1.0 * (trial % 3)
        matrix = random.normal(size=(3, 3))
        matrix = matrix @ matrix.T * random.choice([-1.0, 1.0]) if trial % 2 else matrix + matrix.T
        # All moves at once, without those that change Σ a_k δ_k.
        moves = np.linalg.svd(np.kron(a, np.eye(3)))[2][3:].T
        least = np.linalg.eigvalsh(moves.T @ np.kron(np.diag(a), matrix) @ moves)[0]
        verdicts.append(_no_descent(matrix, a))
        assert verdicts[-1] == (least > -1e-12)
    assert 0 < sum(verdicts) < len(verdicts)


def test_a_hinge_from_which_the_loss_falls_inwards_is_not_certified(monkeypatch):
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2))
    z = x @ [0.6, 0.8] + 0.3
    data = Dataset(x, np.maximum(z, 0) - np.exp(-20 * z**2))
    net, theta = at_the_wall("softplus", data, 25 * np.array([0.6, 0.8, 0.3]), 1 / 25)
    assert find_route(net, data, theta, MAXNORM).verdict == CERTIFIED

    def falling(*arguments):
        end = recede(*arguments)
        return end._replace(rises=np.where(end.hinges[end.hinges], -1e-9, 0.0))

    monkeypatch.setattr(certificates, "recede", falling)
    route = find_route(net, data, theta, MAXNORM)
    assert route.verdict != CERTIFIED and route.reason.startswith("the loss falls on the way back from infinity")
