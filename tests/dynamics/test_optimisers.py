"""Optimisers take the steps of their definitions, end honestly, and go on as if never interrupted."""

import pickle

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import flatchannels
from flatchannels import Dataset, Network
from flatchannels.dynamics import descent
from flatchannels.dynamics.optimisers import Diverged, Optimiser, descend
from flatchannels.dynamics.training import initial, optimiser_of
from flatchannels.networks.norm import weight_norm
from flatchannels.reasons import Stop

NETWORKS = [Network(2, (3,), "softplus"), Network(2, (3, 2), "tanh", bias=False), Network(1, (4,), "relu")]


def data(samples, inputs=2, weighted=False):
    random = np.random.default_rng(1)
    x = random.normal(size=(samples, inputs))
    weights = random.uniform(0.5, 1.5, size=samples)
    return Dataset(x, np.sin(x).sum(axis=1), weights / weights.sum() if weighted else None)


def orders(seed, samples, epochs):
    random = np.random.default_rng(seed)
    return [random.permutation(samples) for _ in range(epochs)]


@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: net.activation)
@pytest.mark.parametrize("samples", [13, 600])
def test_gradient_descent_follows_the_gradient(net, samples):
    sample = data(samples, net.inputs, weighted=True)
    theta = start = net.initialise(np.random.default_rng(2))
    flow = descend(net, sample, start, Optimiser("gd", 0.05, 20))
    for _ in range(20):
        theta = theta - 0.05 * net.gradient(theta, sample)
    assert flow.theta_end == pytest.approx(theta, abs=1e-13)
    assert (flow.stop, flow.steps, flow.t_end) == (Stop.BUDGET, 20, pytest.approx(1.0))
    assert flow.loss_end == net.loss(flow.theta_end, sample) and flow.gradient_norm == abs(net.gradient(flow.theta_end, sample)).max()


@pytest.mark.parametrize("batch", [4, 20])
def test_a_step_takes_its_batch_of_the_epochs_order(batch):
    """Written out with the gradient of a dataset that is the batch; two samples of 22 wait for the next epoch."""
    net, sample = NETWORKS[0], data(22)
    theta = start = net.initialise(np.random.default_rng(2))
    per_epoch = 22 // batch
    for order in orders(5, 22, 3):
        for k in range(per_epoch):
            chosen = order[k * batch : (k + 1) * batch]
            theta = theta - 0.1 * net.gradient(theta, Dataset(sample.x[chosen], sample.y[chosen]))
    flow = descend(net, sample, start, Optimiser("sgd", 0.1, 3 * per_epoch, batch, seed=5))
    assert flow.theta_end == pytest.approx(theta, abs=1e-12)


def test_the_gradients_of_an_epoch_add_up_to_that_of_weighted_samples():
    net, sample = NETWORKS[1], data(40, weighted=True)
    start, rate = net.initialise(np.random.default_rng(2)), 1e-7
    end = descend(net, sample, start, Optimiser("sgd", rate, 5, 8)).theta_end
    assert (start - end) / (5 * rate) == pytest.approx(net.gradient(start, sample), abs=1e-5)


@pytest.mark.parametrize("batch", [None, 7])
def test_adam_follows_its_definition(batch):
    net, sample = NETWORKS[0], data(14)
    theta = start = net.initialise(np.random.default_rng(2))
    m, v = np.zeros(theta.size), np.zeros(theta.size)
    batches = [np.arange(14)] * 6 if batch is None else [part for order in orders(3, 14, 3) for part in (order[:7], order[7:])]
    for step, chosen in enumerate(batches, 1):
        g = net.gradient(theta, Dataset(sample.x[chosen], sample.y[chosen]))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - 0.01 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    assert descend(net, sample, start, Optimiser("adam", 0.01, 6, batch, seed=3)).theta_end == pytest.approx(theta, abs=1e-12)


def test_it_agrees_with_the_loops_of_the_toy():
    net, theta = Network(1, (2,), "erf", bias=False), np.array([1.3, -0.4, 0.8, 1.7])
    sample = data(40, 1)
    fused = descent.gradient_descent(theta, sample, 0.2, [500])[0]
    assert descend(net, sample, theta, Optimiser("gd", 0.2, 500)).theta_end == pytest.approx(fused, abs=1e-11)


def test_small_steps_follow_the_gradient_flow():
    """Explicit Euler is of first order: half the rate is half as far from the flow at the same t."""
    net, sample = NETWORKS[0], data(50)
    start = net.initialise(np.random.default_rng(4))
    exact = solve_ivp(lambda t, theta: -net.gradient(theta, sample), (0, 2), start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    far = [np.linalg.norm(descend(net, sample, start, Optimiser("gd", 2.0 / n, n)).theta_end - exact) for n in (2000, 4000)]
    assert far[0] / far[1] == pytest.approx(2, rel=0.1)


def test_beyond_the_wall_it_minimises_l_plus_r():
    net, sample = NETWORKS[0], data(30)
    start = 3 * net.initialise(np.random.default_rng(2))
    wall = weight_norm(start) / 2
    theta = start - 0.01 * net.gradient(start, sample, wall)
    flow = descend(net, sample, start, Optimiser("gd", 0.01, 1), maxnorm=wall)
    assert flow.theta_end == pytest.approx(theta, abs=1e-14) and flow.multiplier > 0


def test_it_ends_where_it_has_come_to_rest_and_where_every_sample_is_fitted():
    net, x, optimiser = Network(1, (1,), "tanh", bias=False), np.linspace(-2, 2, 9), Optimiser("gd", 0.1, 1_000_000)
    exact = flatchannels.train(net, Dataset(x, 1.5 * np.tanh(0.8 * x)), seed=1, optimiser=optimiser)
    assert exact.stop == Stop.EXACT and exact.flow.steps < optimiser.budget and abs(exact.theta) == pytest.approx([0.8, 1.5], abs=1e-10)
    noisy = Dataset(x, 1.5 * np.tanh(0.8 * x) + 0.1 * np.cos(5 * x**2 + x))
    end = flatchannels.train(net, noisy, seed=1, optimiser=optimiser)
    assert end.stop == Stop.STATIONARY and end.flow.steps < optimiser.budget and end.hessian_min > 0
    assert end.loss == pytest.approx(flatchannels.train(net, noisy, seed=1).loss, rel=1e-12)
    walled = flatchannels.train(net, noisy, seed=1, maxnorm=end.weight_norm / 2, optimiser=optimiser)
    assert walled.stop == Stop.WALL and walled.flow.steps < optimiser.budget
    assert flatchannels.train(net, noisy, seed=1, optimiser=Optimiser("sgd", 0.01, 500, 3)).stop == Stop.BUDGET


def test_gradient_descent_at_the_edge_of_stability_is_not_at_rest():
    """A channel is steeper the further along it; where 2 / λ_max is the rate, steps do not come to rest (paper, section 5)."""
    net, steep = Network(1, (1,), "softplus"), Dataset(np.linspace(-1, 1, 9), np.sin(7 * np.arange(9)))
    flow = descend(net, steep, net.initialise(np.random.default_rng(1)), Optimiser("gd", 0.1, 100_000))
    assert flow.stop == Stop.BUDGET
    assert np.linalg.eigvalsh(net.hessian(flow.theta_end, steep))[-1] == pytest.approx(2 / 0.1, rel=0.1)


def test_steps_that_are_too_long_say_so():
    net, sample = NETWORKS[0], data(30)
    with pytest.raises(Diverged, match=r"gd with the rate 1e\+06 has no finite loss after \d+ steps; the rate must be lower"):
        flatchannels.train(net, sample, seed=1, optimiser=Optimiser("gd", 1e6, 1000))


@pytest.mark.parametrize("rate", [1.0, 1e2, 1e5])
def test_one_that_diverges_without_leaving_float64_says_so_or_ends(rate):
    """tanh saturates, so the loss may stay finite where R does not."""
    net, sample = Network(2, (2,), "tanh"), data(30)
    try:
        run = flatchannels.train(net, sample, seed=1, optimiser=Optimiser("gd", rate, 200))
        assert np.isfinite(run.loss)
    except Diverged as error:
        assert "the rate must be lower" in str(error)


@pytest.mark.parametrize(
    "optimiser", [Optimiser("sgd", 0.05, 3000, 8, seed=9), Optimiser("adam", 0.01, 3000, 8), Optimiser("gd", 0.1, 3000)]
)
def test_one_that_goes_on_ends_as_if_never_interrupted(optimiser):
    net, sample = NETWORKS[0], data(30)
    start = net.initialise(np.random.default_rng(4))
    whole = descend(net, sample, start, optimiser, samples=20)
    part, times = descend(net, sample, start, optimiser, samples=20, max_seconds=0), 1
    while part.state:
        assert part.stop == Stop.TIME_LIMIT and len(part.t) <= 20
        state, times = pickle.loads(pickle.dumps(part.state)), times + 1
        part = descend(net, sample, start, optimiser, samples=20, max_seconds=0, state=state)
    assert times > 5
    for key in ("t", "theta", "loss", "theta_end", "stop", "steps", "hessians", "gradients"):
        assert np.array_equal(getattr(part, key), getattr(whole, key)), key


def test_points_are_kept_to_the_last_step():
    flow = descend(NETWORKS[0], data(30), NETWORKS[0].initialise(np.random.default_rng(4)), Optimiser("gd", 0.1, 1000), samples=7)
    assert len(flow.t) == 7 and flow.t[0] == pytest.approx(0.1) and flow.t[-1] == pytest.approx(100) == flow.t_end
    assert np.array_equal(flow.theta[-1], flow.theta_end)
    one = descend(NETWORKS[0], data(30), NETWORKS[0].initialise(np.random.default_rng(4)), Optimiser("gd", 0.1, 1), samples=7)
    assert one.t == pytest.approx([0.1])


MISTAKES = {
    "name": ({"name": "lbfgs"}, "optimiser is 'lbfgs'; it must be one of gd, sgd, adam"),
    "rate": ({"rate": 0.0}, "rate is 0.0; it must be a positive number"),
    "rate that is none": ({"rate": float("nan")}, "rate is nan"),
    "budget": ({"budget": 1.5}, "budget is 1.5; it must be an integer of at least 1"),
    "batch": ({"batch": 0}, "batch is 0; it must be an integer of at least 1"),
    "batch of gd": ({"name": "gd", "batch": 4}, "gd takes all samples"),
    "sgd without": ({"batch": None}, "sgd needs a number of them"),
    "seed": ({"seed": -1}, "seed is -1"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError) as error:
        Optimiser(**{"name": "sgd", "rate": 0.1, "budget": 10, "batch": 4} | change)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="batch is 31; there are 30 samples"):
        descend(NETWORKS[0], data(30), np.zeros(13), Optimiser("sgd", 0.1, 10, 31))
    with pytest.raises(ValueError, match="optimiser is 'adam'; it must be an Optimiser"):
        flatchannels.train(NETWORKS[0], data(30), seed=1, optimiser="adam")


def test_a_protocol_names_the_optimiser_and_its_orders_belong_to_the_run():
    net = NETWORKS[0]
    assert optimiser_of(net, 1, "d", 1, {}) is None and optimiser_of(net, 1, "d", 1, {"scheme": "he_normal"}) is None
    protocol = {"optimiser": "sgd", "rate": 0.1, "batch": 4, "budget": 10}
    one, same, other = (optimiser_of(net, 1, "d", seed, protocol) for seed in (1, 1, 2))
    assert one == same and one.seed != other.seed and (one.name, one.rate, one.batch, one.budget) == ("sgd", 0.1, 4, 10)


def test_the_scale_of_a_start_is_a_factor_and_the_default_is_that_of_the_paper():
    net = NETWORKS[0]
    start = initial(net, 1, "d", 1)
    assert np.array_equal(initial(net, 1, "d", 1, {"rate": 0.1}), start)
    assert np.array_equal(initial(net, 1, "d", 1, {"initial_scale": 0.25}), 0.25 * start)
    he = initial(net, 1, "d", 1, {"scheme": "he_normal"})
    assert he[:2] / start[:2] == pytest.approx(np.full(2, np.sqrt((2 + 3) / 2)))  # of the first layer: 2 inputs, 3 neurons
