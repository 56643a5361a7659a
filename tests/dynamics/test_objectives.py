"""Objectives of one's own, and an objective on an affine set: finite differences, the chain rule, closed forms, scipy."""

import numpy as np
import pytest
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess
from scipy.special import expit

from flatchannels import Dataset, Network, gradient_flow, polish
from flatchannels.dynamics.objectives import Affine, GaugeFixed, Objective
from flatchannels.reasons import Finish, Stop


class Rosenbrock:
    """The valley Σ 100 (θ_{k+1} − θ_k²)² + (1 − θ_k)², which bends, over a base of 1; its minimum is at (1, …, 1)."""

    def loss_and_gradient(self, theta):
        return 1 + rosen(theta), rosen_der(theta)

    def derivatives(self, theta):
        return *self.loss_and_gradient(theta), rosen_hess(theta)


class Logistic:
    """The ridged logistic loss of labels ±1, which is strictly convex."""

    def __init__(self, x, labels, ridge):
        self.z, self.ridge = x * labels[:, None], ridge

    def loss_and_gradient(self, theta):
        margins = self.z @ theta
        loss = np.logaddexp(0, -margins).mean() + self.ridge * theta @ theta / 2
        return loss, -self.z.T @ expit(-margins) / len(self.z) + self.ridge * theta

    def derivatives(self, theta):
        p = expit(self.z @ theta)
        hessian = (self.z.T * (p * (1 - p))) @ self.z / len(self.z) + self.ridge * np.eye(theta.size)
        return *self.loss_and_gradient(theta), hessian


@pytest.mark.parametrize("start", [[-1.2, 1.0], [-1.2, 1.0, -0.5, 2.0]])
def test_a_flow_and_a_polish_in_a_bent_valley(start):
    flow = gradient_flow(Rosenbrock(), start, rtol=1e-8)
    assert flow.stop == Stop.STATIONARY and np.allclose(flow.theta_end, 1, atol=1e-6)
    middle = 100
    reference = solve_ivp(
        lambda t, y: -rosen_der(y), (0, flow.t[middle]), start, "Radau", jac=lambda t, y: -rosen_hess(y), rtol=1e-10, atol=1e-12
    )
    assert np.allclose(reference.y[:, -1], flow.theta[middle], atol=1e-5)
    end = polish(Rosenbrock(), start)
    assert np.allclose(end.theta, 1, atol=1e-12) and end.finish in (Finish.CONVERGED, Finish.RESOLUTION)


def test_a_logistic_regression_ends_where_scipy_says():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 4))
    objective = Logistic(x, np.sign(x[:, 0] + 0.5 * rng.normal(size=60)), 0.01)
    expected = minimize(lambda p: objective.loss_and_gradient(p), np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-10}).x
    flow = gradient_flow(objective, np.ones(4))
    assert flow.stop == Stop.STATIONARY and np.allclose(flow.theta_end, expected, atol=1e-6)
    assert np.allclose(polish(objective, flow.theta_end).theta, expected, atol=1e-8)


def network_objective(activation="g"):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 2))
    net = Network(2, (3,), activation)
    theta = net.initialise(rng) + 0.1 * rng.normal(size=net.parameters)
    data = Dataset(x, np.sin(x[:, 0]))
    return Objective(net, data), theta


def matrices(parameters):
    rng = np.random.default_rng(7)
    dense = rng.normal(size=(parameters, 4))
    return [dense, sparse.csc_array(np.where(abs(dense) > 1, dense, 0.0)), sparse.eye_array(parameters, format="csr")]


@pytest.mark.parametrize("kind", range(3))
def test_an_affine_restriction_has_the_derivatives_of_the_chain_rule(kind):
    objective, offset = network_objective()
    M = matrices(offset.size)[kind]
    restricted = Affine(objective, M, offset)
    eta = 0.2 * np.random.default_rng(2).normal(size=M.shape[1])
    full = M.toarray() if sparse.issparse(M) else M
    loss, gradient, hessian = objective.derivatives(full @ eta + offset)
    expected = loss, full.T @ gradient, full.T @ hessian @ full
    assert all(np.allclose(a, b, rtol=1e-12, atol=1e-13) for a, b in zip(restricted.derivatives(eta), expected))
    assert all(np.allclose(a, b, rtol=1e-12, atol=1e-13) for a, b in zip(restricted.loss_and_gradient(eta), expected[:2]))
    assert isinstance(restricted.derivatives(eta)[2], np.ndarray)


def test_the_derivatives_of_an_affine_restriction_are_those_of_finite_differences():
    objective, offset = network_objective()
    restricted = Affine(objective, matrices(offset.size)[0], offset)
    eta, h = 0.1 * np.ones(4), 1e-6
    _, gradient, hessian = restricted.derivatives(eta)
    ends = [[restricted.loss_and_gradient(eta + sign * h * e) for sign in (1, -1)] for e in np.eye(4)]
    assert np.allclose([(a[0] - b[0]) / (2 * h) for a, b in ends], gradient, rtol=1e-6, atol=1e-8)
    assert np.allclose([(a[1] - b[1]) / (2 * h) for a, b in ends], hessian, rtol=1e-6, atol=1e-7)


def test_some_coordinates_vary_and_others_stay():
    objective, theta = network_objective()
    free = np.arange(theta.size) % 3 == 0
    restricted = Affine.coordinates(objective, theta, free)
    part = theta[free] + 0.3
    moved = theta.copy()
    moved[free] = part
    assert np.array_equal(restricted.theta(part), moved)
    loss, gradient, hessian = objective.derivatives(moved)
    found = restricted.derivatives(part)
    assert found[0] == loss and np.array_equal(found[1], gradient[free]) and np.array_equal(found[2], hessian[np.ix_(free, free)])
    end = polish(restricted, part)
    assert abs(objective.loss_and_gradient(restricted.theta(end.theta))[1][free]).max() < 1e-12


def test_scaled_coordinates_leave_the_function_as_it_is():
    objective, theta = network_objective()
    scale = 10.0 ** np.linspace(-3, 3, theta.size)
    scaled = Affine.scaled(objective, scale)
    loss, gradient, hessian = objective.derivatives(theta)
    found = scaled.derivatives(theta / scale)
    assert found[0] == pytest.approx(loss, rel=1e-12)
    assert np.allclose(found[1], scale * gradient, rtol=1e-9) and np.allclose(found[2], np.outer(scale, scale) * hessian, rtol=1e-9)


def test_a_minimum_along_a_line_is_that_of_a_search_along_it():
    objective, theta = network_objective()
    direction = -objective.loss_and_gradient(theta)[1]
    line = Affine(objective, direction[:, None], theta)
    end = polish(line, np.zeros(1))
    steps = end.theta[0] + np.linspace(-0.01, 0.01, 201)
    losses = [objective.loss_and_gradient(theta + s * direction)[0] for s in steps]
    assert np.argmin(losses) == 100 and abs(line.loss_and_gradient(end.theta)[1]).max() < 1e-12


@pytest.mark.parametrize("widths", [(3,), (3, 2)])
def test_the_hessian_of_smoothed_relu_belongs_to_the_gradient_along_the_surface(widths):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 2))
    net, data = Network(2, widths, "relu", True), Dataset(x, np.sin(2 * x[:, 0]) + x[:, 1])
    theta = net.initialise(rng)
    objective = GaugeFixed(net.smoothed(theta, 0.3), data)  # far more than in a run, and with it what is left out
    _, gradient, hessian = objective.derivatives(theta)
    gauge = objective.gauge(theta)
    slopes = [[objective.loss_and_gradient(theta + h * e)[1] for h in (1e-6, -1e-6)] for e in np.eye(theta.size)]
    jacobian = np.array([(ahead - behind) / 2e-6 for ahead, behind in slopes])
    along = np.eye(theta.size) - gauge @ gauge.T
    assert abs(along @ jacobian @ along - hessian).max() < 1e-7 * abs(hessian).max()
    exact = Objective(objective.network, data).derivatives(theta)
    assert np.allclose(gradient, along @ exact[1]) and not np.allclose(along @ exact[2] @ along, hessian, rtol=1e-3)
