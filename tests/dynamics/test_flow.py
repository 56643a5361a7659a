"""The ODE solver: exact solutions, observed order, monotone loss, stops, the wall, an independent solver."""

import pickle

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.curvature import newton_step, tangential
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.integrator import Bdf
from flatchannels.dynamics.objectives import Objective
from flatchannels.networks.network import Network
from flatchannels.networks.norm import weight_norm
from flatchannels.reasons import Stop


class Quadratic:
    """½ (θ − m)·A(θ − m) + constant."""

    def __init__(self, A, minimum=None, constant=1.0):
        self.A, self.constant = np.asarray(A, dtype=float), constant
        self.minimum = np.zeros(len(A)) if minimum is None else minimum

    def loss_and_gradient(self, theta):
        gradient = self.A @ (theta - self.minimum)
        return 0.5 * (theta - self.minimum) @ gradient + self.constant, gradient

    def derivatives(self, theta):
        return *self.loss_and_gradient(theta), self.A

    def linear_neurons(self, theta):
        return 0


class Custom(Quadratic):
    """A loss given with its gradient and Hessian as functions."""

    def __init__(self, loss, gradient, hessian):
        self.functions = loss, gradient, hessian

    def loss_and_gradient(self, theta):
        return self.functions[0](theta), self.functions[1](theta)

    def derivatives(self, theta):
        return *self.loss_and_gradient(theta), self.functions[2](theta)


def rotated(values, seed=0):
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return Q @ np.diag(values) @ Q.T


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_flow_on_a_quadratic_decays_exponentially(rtol):
    A = rotated([1e-3, 1.0, 50.0, 1e4])
    values, vectors = np.linalg.eigh(A)
    theta = np.array([1.0, -2.0, 0.5, 3.0])
    flow = gradient_flow(Quadratic(A), theta, rtol=rtol)
    exact = (vectors * np.exp(-np.outer(flow.t, values))[:, None, :]) @ (vectors.T @ theta)
    assert flow.stop == Stop.STATIONARY
    assert abs(flow.theta - exact).max() < 30 * rtol  # local errors add up over a few hundred steps


def test_error_falls_in_proportion_to_the_tolerance():
    _, objective, theta = example()
    reference = gradient_flow(objective, theta, rtol=1e-11, max_t=50.0)
    errors = []
    for rtol in (1e-4, 1e-6, 1e-8):
        flow = gradient_flow(objective, theta, rtol=rtol, max_t=50.0)
        errors.append(abs(flow.theta_end - at(reference, flow)).max())
    assert errors[0] < 1e-2 and errors[1] < 0.1 * errors[0] and errors[2] < 0.1 * errors[1]


def at(reference, flow):
    """The reference run from its sample before flow.t_end to exactly flow.t_end, by an independent solver."""
    before = np.searchsorted(reference.t, flow.t_end) - 1
    objective = example()[1]
    solution = solve_ivp(
        lambda t, y: -objective.loss_and_gradient(y)[1],
        (reference.t[before], flow.t_end),
        reference.theta[before],
        method="DOP853",
        rtol=1e-12,
        atol=1e-13,
    )
    return solution.y[:, -1]


def example(widths=(3,), activation="softplus", bias=True, samples=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, 2))
    data = Dataset(x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2)
    net = Network(2, widths, activation, bias)
    return net, Objective(net, data), net.initialise(rng)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_observed_order(order):
    # Fixed steps in log t of a fixed order on a smooth nonlinear flow θ' = −θ³ (θ(t) = 1/√(1 + 2t)), exact starting values.
    objective = Custom(lambda y: float((y**4).sum() / 4) + 1, lambda y: y**3, lambda y: np.diag(3 * y**2))
    errors = [abs(fixed_step_solution(objective, order, steps) - 1 / np.sqrt(1 + 2 * np.e)) for steps in (40, 80)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35)


def fixed_step_solution(objective, order, steps):
    h, t0 = 1.0 / steps, 1.0
    exact = lambda t: np.array([1 / np.sqrt(1 + 2 * t)])  # noqa: E731
    bdf = Bdf(objective, exact(t0), t0, 1e-12)
    bdf.newton.tolerance = 1e-6
    bdf.h, bdf.order, bdf.delay = h, order, t0
    bdf._choose_order = lambda *_: None
    bdf._refuse = lambda *_, **__: pytest.fail("a fixed step was refused")
    values = np.array([exact(t0 * np.exp(-k * h)) for k in range(order + 2)])
    for k in range(order + 2):  # backward differences of the exact solution
        bdf.D[k] = values[0]
        values = values[:-1] - values[1:]
    bdf.rtol = 1.0  # the error test never refuses; Newton is kept accurate by the tolerance above
    bdf.atol = 1.0
    for _ in range(steps):
        bdf.step()
    assert bdf.t == pytest.approx(np.e)
    return float(bdf.theta[0])


def test_a_power_of_t_takes_a_few_steps_for_each_decade():
    """θ' = −θ³ beside a stiff direction: θ(t) = 1/√(1 + 2t). In t itself steps of order 5 are a few hundredths of t long: 24 a decade."""
    A = np.diag([0.0, 1e4])
    objective = Custom(
        lambda p: 1 + p[0] ** 4 / 4 + p @ A @ p / 2, lambda p: A @ p + [p[0] ** 3, 0], lambda p: A + np.diag([3 * p[0] ** 2, 0])
    )
    flow = gradient_flow(objective, np.array([1.0, 1e-3]), rtol=1e-5, max_t=1e5)
    exact = 1 / np.sqrt(1 + 2 * flow.t)
    assert flow.stop == Stop.T_LIMIT and np.allclose(flow.theta[:, 0], exact, rtol=2e-4)
    longer = gradient_flow(objective, np.array([1.0, 1e-3]), rtol=1e-5, max_t=1e10)
    assert longer.steps - flow.steps < 10 * 5 and longer.rejections - flow.rejections < 10


@pytest.mark.parametrize("activation", ["g", "softplus", "erf", "tanh", "sigmoid"])
def test_loss_never_rises_beyond_rounding(activation):
    _, objective, theta = example(activation=activation)
    flow = gradient_flow(objective, theta, rtol=1e-6, maxnorm=100)
    assert np.all(np.diff(flow.loss) < 1e-7 * flow.loss[1:])
    assert flow.loss[-1] < objective.loss_and_gradient(theta)[0]


@pytest.mark.parametrize("widths, activation, bias", [((2,), "softplus", True), ((3,), "erf", False), ((2, 2), "g", True)])
def test_end_state_is_that_of_an_independent_solver(widths, activation, bias):
    _, objective, theta = example(widths, activation, bias)
    t_end = 300.0
    flow = gradient_flow(objective, theta, rtol=1e-9, max_t=t_end)
    reference = solve_ivp(
        lambda t, y: -objective.loss_and_gradient(y)[1],
        (0, flow.t_end),
        theta,
        method="LSODA",
        jac=lambda t, y: -objective.derivatives(y)[2],
        rtol=1e-11,
        atol=1e-12,
    )
    assert reference.success
    assert np.allclose(flow.theta_end, reference.y[:, -1], atol=2e-6)


def test_samples_are_log_spaced_and_lie_on_the_solution():
    A = rotated([0.1, 1.0])
    theta = np.array([1.0, 2.0])
    flow = gradient_flow(Quadratic(A), theta, rtol=1e-8, samples=120)
    assert flow.t.shape == (120,) and flow.theta.shape == (120, 2) and np.allclose(np.ptp(np.diff(np.log(flow.t))), 0, atol=1e-6)
    assert np.array_equal(flow.theta[-1], flow.theta_end) and flow.t[-1] == flow.t_end
    assert np.allclose(flow.loss, [Quadratic(A).loss_and_gradient(point)[0] for point in flow.theta])


def test_flat_directions_end_the_flow_as_flat():
    flow = gradient_flow(Quadratic(rotated([0.0, 0.0, 1.0, 3.0])), np.ones(4))
    assert flow.stop == Stop.FLAT and flow.gradient_norm < 1e-6


def test_flow_that_grows_reaches_the_wall_and_stops_at_the_constrained_minimum():
    A, far = rotated([0.5, 1.0, 2.0]), np.array([30.0, -20.0, 10.0])
    flow = gradient_flow(Quadratic(A, far), np.ones(3), maxnorm=10.0)
    assert flow.stop == Stop.WALL and flow.weight_norm == pytest.approx(10, rel=1e-12)
    # There −∇L = μθ with μ > 0: the Lagrange condition, solved independently by bisection on μ.
    low, high = 0.0, 1e3
    for _ in range(200):
        mu = 0.5 * (low + high)
        point = np.linalg.solve(A + mu * np.eye(3), A @ far)
        low, high = (mu, high) if weight_norm(point) > 10 else (low, mu)
    assert flow.multiplier == pytest.approx(mu, rel=1e-5) and np.allclose(flow.theta_end, point, rtol=1e-5)


def test_wall_hit_late_by_a_stiff_flow():
    # t is about 1e8 there and the stiff direction decays in 1e-8, far less than numbers near that t can tell apart.
    flow = gradient_flow(Quadratic(np.diag([1e-7, 1.0, 1e8]), np.array([10.0, 0, 0])), 0.1 * np.ones(3), maxnorm=10.0)
    assert flow.stop == Stop.WALL and flow.t_end > 1e6 and flow.steps < 1000
    assert flow.theta_end == pytest.approx([np.sqrt(60), 0, 0], abs=1e-6)


def test_differences_of_the_past_that_mislead_are_dropped():
    # A stiff direction has decayed to below the tolerance, yet its share of the loss is far above rounding.
    flow = gradient_flow(Quadratic(np.diag([1e-4, 1.0, 1e10])), 0.1 * np.ones(3))
    assert flow.stop == Stop.STATIONARY and flow.steps < 500


@pytest.mark.parametrize("radius", [None, 1.0])
def test_a_new_start_follows_the_floor_of_a_stiff_valley(radius):
    """Next to the floor the slope points across, 1e6 times as steep as along it."""
    A = np.diag([1e9, -1e-3, 0.0])
    theta = np.array([1e-6, 0.6, 0.8])
    theta /= np.linalg.norm(theta)
    bdf = Bdf(Quadratic(A), theta, 0.0, 1e-5, radius)
    bdf.h = 1.0 / bdf.delay
    bdf._restart()
    difference = bdf.D[1]
    assert difference[0] == pytest.approx(-theta[0], rel=1e-6)
    if radius is None:
        assert difference[1:] == pytest.approx([1e-3 * theta[1], 0.0], rel=2e-3)
    else:
        assert abs(theta @ difference) < 1e-15 * np.linalg.norm(theta)
        assert difference[1] / difference[2] == pytest.approx(-0.8 / 0.6, rel=1e-3)


def test_a_new_start_does_not_step_further_than_a_perturbation_takes_to_grow():
    bdf = Bdf(Quadratic(np.diag([-2.0, 1.0])), np.array([1e-3, 1.0]), 0.0, 1e-5)
    bdf.h = 100.0 / bdf.delay
    bdf._restart()
    assert 0.2 < bdf.time_step < 0.5
    assert bdf.D[1][0] > 0 > bdf.D[1][1]


def test_flow_leaves_the_wall_again_where_the_multiplier_changes_sign():
    # The angle to the valley decides: strong decay outward along the first axis, then a minimum inside.
    minimum = np.array([0.5, 3.0])
    A = np.diag([1e-2, 5.0])
    start = np.array([-4.0, -1.0])
    flow = gradient_flow(Quadratic(A, minimum), start, maxnorm=weight_norm(np.array([-4.0, 2.0])))
    norms = [weight_norm(point) for point in flow.theta]
    assert np.isclose(norms, 5.0, rtol=1e-4).sum() > 10 and max(norms) < 5.001 and norms[-1] < 4.7
    assert flow.stop == Stop.STATIONARY and np.allclose(flow.theta_end, minimum, atol=1e-5)


def test_flow_leaves_a_saddle_that_it_nearly_hits():
    # L = x²/2 − ε-perturbed double well in y: from y = 1e-9 the flow must not sit down on the saddle at y = 0.
    objective = Custom(
        lambda p: 0.5 * p[0] ** 2 + 0.25 * p[1] ** 4 - 0.005 * p[1] ** 2 + 1,
        lambda p: np.array([p[0], p[1] ** 3 - 0.01 * p[1]]),
        lambda p: np.diag([1.0, 3 * p[1] ** 2 - 0.01]),
    )
    flow = gradient_flow(objective, np.array([1.0, 1e-9]))
    assert flow.stop == Stop.STATIONARY and flow.theta_end == pytest.approx([0, 0.1], abs=1e-6)


def test_flow_exactly_on_a_saddle_says_so():
    objective = Custom(
        lambda p: 0.5 * p[0] ** 2 - 0.005 * p[1] ** 2 + 1, lambda p: np.array([p[0], -0.01 * p[1]]), lambda p: np.diag([1.0, -0.01])
    )
    assert gradient_flow(objective, np.array([1.0, 0.0])).stop == Stop.SADDLE


def test_limits_are_named():
    _, objective, theta = example()
    assert gradient_flow(objective, theta, max_steps=7).stop == Stop.STEP_LIMIT
    assert gradient_flow(objective, theta, max_t=1.0).stop == Stop.T_LIMIT
    assert gradient_flow(objective, theta, max_seconds=1e-9).stop == Stop.TIME_LIMIT
    flow = gradient_flow(objective, np.full_like(theta, np.nan))
    assert flow.stop == Stop.FAILED and "finite" in flow.message


def test_a_scaled_loss_only_rescales_time():
    _, objective, theta = example()
    scaled = Custom(
        lambda p: 8 * objective.loss_and_gradient(p)[0],
        lambda p: 8 * objective.loss_and_gradient(p)[1],
        lambda p: 8 * objective.derivatives(p)[2],
    )
    one, eight = gradient_flow(objective, theta, max_t=80.0), gradient_flow(scaled, theta, max_t=10.0)
    assert eight.steps == one.steps and np.allclose(8 * eight.t, one.t, rtol=1e-9)
    assert np.allclose(eight.theta, one.theta, rtol=1e-7)


def test_newton_step_ignores_the_normals():
    rng = np.random.default_rng(0)
    hessian, gradient = rotated([1.0, 2.0, 3.0, 4.0]), rng.normal(size=4)
    for count in (1, 2):
        normals = np.linalg.qr(rng.normal(size=(4, count)))[0]
        step, _, values = newton_step(*tangential(gradient, hessian, normals, 2.0))
        assert np.allclose(step @ normals, 0, atol=1e-12) and 1 < values[0] and values[-1] < 4
        # The bordered system of the constrained minimisation, solved directly.
        bordered = np.block([[hessian, normals], [normals.T, np.zeros((count, count))]])
        assert np.allclose(np.linalg.solve(bordered, np.append(-gradient, np.zeros(count)))[:4], step, atol=1e-10)


@pytest.mark.parametrize("widths, activation, maxnorm", [((3,), "g", 30.0), ((2, 2), "softplus", 1e3), ((3,), "relu", 1e3)])
def test_a_flow_that_was_cut_anywhere_goes_on_as_if_it_had_not_been(widths, activation, maxnorm):
    _, objective, theta = example(widths, activation, False)
    settings = {"maxnorm": maxnorm, "samples": 20, "max_steps": 400}
    whole = gradient_flow(objective, theta, **settings)
    assert whole.steps > 60
    for cuts in ([1], [whole.steps // 2, whole.steps - 1], list(range(7, whole.steps, 13))):
        flow = None
        for steps in cuts:
            flow = gradient_flow(objective, theta, **settings | {"max_steps": steps}, state=flow and flow.state)
            assert flow.stop == Stop.STEP_LIMIT and flow.steps == steps
        flow = gradient_flow(objective, theta, **settings, state=pickle.loads(pickle.dumps(flow.state)))
        for key in set(vars(whole)) - {"seconds", "state"}:
            assert np.array_equal(getattr(flow, key), getattr(whole, key)), key


def test_a_flow_cut_by_the_clock_goes_on_with_a_new_one():
    _, objective, theta = example()
    whole = gradient_flow(objective, theta, maxnorm=30.0)
    flow, cuts = gradient_flow(objective, theta, maxnorm=30.0, max_seconds=1e-9), 0
    while flow.stop == Stop.TIME_LIMIT:
        cuts += 1
        flow = gradient_flow(objective, theta, maxnorm=30.0, max_seconds=2e-3, state=flow.state)
    assert cuts > 1 and flow.stop == whole.stop and flow.state is None
    assert np.array_equal(flow.theta, whole.theta) and flow.steps == whole.steps and flow.seconds > 2e-3 * (cuts - 1)


def test_a_flow_that_goes_on_takes_a_step_however_late_it_is():
    objective, theta = Quadratic(np.diag([1.0, 30.0])), np.array([1.0, -2.0])
    flow, steps = gradient_flow(objective, theta, max_seconds=1e-9), []
    for _ in range(4):
        steps.append(flow.steps)
        flow = gradient_flow(objective, theta, max_seconds=1e-9, state=flow.state)
    assert steps == [1, 2, 3, 4]
