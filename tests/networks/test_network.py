"""Loss, gradient and Hessian as mathematics: definitions, finite differences, symmetries, the regulariser."""

import warnings
from itertools import product

import numpy as np
import pytest

from flatchannels.data.dataset import Dataset
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network
from flatchannels.networks.norm import regulariser, weight_norm
from flatchannels.networks.scalars import kernel_values

SHAPES = [(1,), (3,), (5,), (2, 3), (4, 4), (3, 1, 2), (4, 4, 4)]


def example(widths, activation="g", bias=True, inputs=3, samples=300, weighted=True, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.random(samples) if weighted else None
    data = Dataset(rng.normal(size=(samples, inputs)), rng.normal(size=samples), None if weights is None else weights / weights.sum())
    net = Network(inputs, widths, activation, bias)
    return net, data, 1.5 * net.initialise(rng) + 0.3 * rng.normal(size=net.parameters)


def reference_loss(net, data, theta):
    h = data.x
    layers = net.unpack(theta)
    for k, (W, b) in enumerate(layers):
        z = h @ W.T + (0 if b is None else b)
        h = z if k == len(layers) - 1 else kernel_values(net.activation, z)[0]
    return float(data.weights @ (h[:, 0] - data.y) ** 2)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_loss_is_its_definition_and_the_derivatives_its_differences(activation, bias, weighted):
    for widths in SHAPES:
        net, data, theta = example(widths, activation, bias, weighted=weighted)
        loss, gradient, hessian = net.derivatives(theta, data)
        assert loss == pytest.approx(reference_loss(net, data, theta), rel=1e-13)
        again, gradient_alone = net.loss_and_gradient(theta, data)
        assert again == pytest.approx(loss, rel=1e-14) and np.allclose(gradient_alone, gradient, rtol=1e-12, atol=1e-13)
        # relu: a step short enough that no sample crosses a kink.
        step = 1e-8 if activation == "relu" else 1e-5
        for v in np.random.default_rng(1).normal(size=(4, theta.size)):
            ahead, behind = (net.loss_and_gradient(theta + sign * step * v, data) for sign in (1, -1))
            assert (ahead[0] - behind[0]) / (2 * step) == pytest.approx(gradient @ v, rel=1e-5, abs=1e-6)
            assert np.allclose((ahead[1] - behind[1]) / (2 * step), hessian @ v, rtol=1e-5, atol=2e-6 * abs(hessian).max())
        assert np.array_equal(hessian, hessian.T)


@pytest.mark.parametrize("widths", SHAPES)
def test_every_entry_of_the_hessian_is_a_difference_of_gradients(widths):
    net, data, theta = example(widths)
    hessian = net.hessian(theta, data)
    step = 1e-5
    columns = [(net.gradient(theta + step * e, data) - net.gradient(theta - step * e, data)) / (2 * step) for e in np.eye(theta.size)]
    assert np.allclose(columns, hessian, atol=1e-8 * max(1, abs(hessian).max()))


def test_regulariser_is_infinite_where_its_numbers_end():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert regulariser(np.full(9, 1e70), 1e3) == np.inf and regulariser(np.full(9, 1e30), 1e3) == pytest.approx(0.5**3 * 1e180 / 3)


def test_something_else_than_a_dataset_gets_one_line():
    net = Network(2, (2,), "tanh")
    with pytest.raises(ValueError, match="data is tuple; it must be a Dataset"):
        net.loss(np.ones(net.parameters), (np.ones((3, 2)), np.ones(3)))


def test_regulariser_is_included_with_its_derivatives():
    net, data, theta = example((3,))
    theta *= 5
    maxnorm = 0.7 * weight_norm(theta)
    loss, gradient, hessian = net.derivatives(theta, data, maxnorm)
    assert loss - net.loss(theta, data) == pytest.approx((weight_norm(theta) - maxnorm) ** 3 / 3, rel=1e-10)
    step = 1e-5
    for e, g, column in zip(np.eye(theta.size), gradient, hessian):
        ahead, behind = (net.loss_and_gradient(theta + sign * step * e, data, maxnorm) for sign in (1, -1))
        assert (ahead[0] - behind[0]) / (2 * step) == pytest.approx(g, rel=1e-6, abs=1e-7)
        assert np.allclose((ahead[1] - behind[1]) / (2 * step), column, atol=1e-7 * abs(hessian).max())
    assert net.loss(theta, data, 10 * weight_norm(theta)) == net.loss(theta, data)


def test_regulariser_is_zero_inside_the_wall_and_continuous_there():
    theta = np.full(6, 2.0)  # ‖θ‖ = 2
    assert regulariser(theta, 2.0) == 0 and regulariser(theta, 3.0) == 0
    assert 0 < regulariser(theta * (1 + 1e-6), 2.0) < 1e-15


@pytest.mark.parametrize("bias", [True, False])
def test_permuted_neurons_give_the_same_network(bias):
    net, data, theta = example((4, 3), bias=bias)
    rng = np.random.default_rng(5)
    first, second = rng.permutation(4), rng.permutation(3)
    (W1, b1), (W2, b2), (W3, b3) = net.unpack(theta)
    other = net.pack([(W1[first], b1[first] if bias else None), (W2[second][:, first], b2[second] if bias else None), (W3[:, second], b3)])
    assert net.loss(other, data) == pytest.approx(net.loss(theta, data), rel=1e-13)
    assert np.allclose(np.sort(net.gradient(other, data)), np.sort(net.gradient(theta, data)), atol=1e-13)
    spectra = [np.linalg.eigvalsh(net.hessian(point, data)) for point in (theta, other)]
    assert np.allclose(*spectra, atol=1e-12 * spectra[0][-1])


def test_samples_in_any_order_and_number_give_the_same_loss():
    net, data, theta = example((4,), samples=1111, weighted=False)
    order = np.random.default_rng(3).permutation(1111)
    shuffled = Dataset(data.x[order], data.y[order])
    doubled = Dataset(np.concatenate([data.x, data.x]), np.concatenate([data.y, data.y]))
    for other in (shuffled, doubled):
        for mine, theirs in zip(net.derivatives(theta, data), net.derivatives(theta, other)):
            assert np.allclose(mine, theirs, rtol=1e-12, atol=1e-13)


def test_a_sample_of_weight_zero_does_not_count():
    net, data, theta = example((3,), samples=50)
    x, y = np.vstack([data.x, [[9.0, 9.0, 9.0]]]), np.append(data.y, 1e3)
    assert net.loss(theta, Dataset(x, y, np.append(data.weights, 0))) == pytest.approx(net.loss(theta, data), rel=1e-14)


@pytest.mark.parametrize("widths, bias", list(product(SHAPES, [True, False])))
def test_pack_and_unpack_are_inverse(widths, bias):
    net, _, theta = example(widths, bias=bias)
    assert np.array_equal(net.pack(net.unpack(theta)), theta)
    assert net.parameters == theta.size == sum(W.size + (0 if b is None else b.size) for W, b in net.unpack(theta))


def test_initialisation_is_glorot_normal():
    net = Network(30, (50, 20), "tanh", True)
    (W1, b1), (W2, b2), (W3, b3) = net.unpack(net.initialise(np.random.default_rng(0)))
    assert not b1.any() and not b2.any() and not b3.any()
    for W in (W1, W2):
        variance, expected = W.var(), 2 / sum(W.shape)
        # The variance of n normals has relative standard deviation √(2/n).
        assert abs(variance / expected - 1) < 4 * np.sqrt(2 / W.size)


def test_predict_is_the_network():
    net, data, theta = example((4, 4))
    squares = (net.predict(theta, data.x) - data.y) ** 2
    assert data.weights @ squares == pytest.approx(net.loss(theta, data), rel=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Network(0, (2,)),
        lambda: Network(2, ()),
        lambda: Network(2, (0,)),
        lambda: Network(2, (2,), "swish"),
        lambda: Dataset(np.zeros((3, 2)), np.zeros(4)),
        lambda: Dataset(np.zeros((3, 2)), np.zeros(3), np.ones(3)),
        lambda: Dataset(np.full((3, 2), np.nan), np.zeros(3)),
        lambda: Network(2, (2,)).loss(np.zeros(3), Dataset(np.zeros((3, 2)), np.zeros(3))),
        lambda: Network(2, (2,)).loss(np.zeros(9), Dataset(np.zeros((3, 1)), np.zeros(3))),
        lambda: Network(2, (2,)).pack([(np.zeros((2, 2)), None), (np.zeros((1, 2)), None)]),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize("widths", [(3,), (3, 2)])
def test_the_gauge_of_relu_is_where_the_gradient_vanishes(widths):
    rng = np.random.default_rng(0)
    net, data = Network(2, widths, "relu", True), Dataset(rng.normal(size=(50, 2)), rng.normal(size=50))
    theta = rng.normal(size=net.parameters)
    gauge = net.gauge(theta)
    assert gauge.shape == (theta.size, sum(widths)) and np.allclose(gauge.T @ gauge, np.eye(sum(widths)), atol=1e-12)
    gradient = net.gradient(theta, data)
    assert abs(gauge.T @ gradient).max() < 1e-12 * abs(gradient).max() < 1
    # A neuron's scale moves θ within the gauge.
    layers = net.unpack(theta)
    (W, b), (V, c) = layers[:2]
    W[1], b[1], V[:, 1] = (1 + 1e-6) * W[1], (1 + 1e-6) * b[1], V[:, 1] / (1 + 1e-6)
    change = net.pack(layers) - theta
    assert np.linalg.norm(change - gauge @ (gauge.T @ change)) < 1e-5 * np.linalg.norm(change)
    assert Network(2, widths, "g").gauge(theta).shape == (theta.size, 0)


@pytest.mark.parametrize("widths", [(5,), (3, 2), (4, 4, 4)])
def test_derivatives_are_the_same_bits_each_time(widths):
    net, data, theta = example(widths)
    other, _, _ = example(widths)  # with a workspace of its own
    first = net.derivatives(theta, data)
    net.derivatives(2 * theta, data)
    for again in (net.derivatives(theta, data), other.derivatives(theta, data)):
        assert all(np.array_equal(a, b) for a, b in zip(first, again))


@pytest.mark.parametrize("value", [np.nan, 1e300])
def test_a_step_to_nowhere_shows_in_loss_and_derivatives(value):
    net, data, theta = example((3, 2))
    theta[0], theta[-3:] = value, value
    loss, gradient, hessian = net.derivatives(theta, data)
    assert not np.isfinite(loss) and not np.isfinite(gradient).all() and not np.isfinite(hessian).all()
