"""Loss, gradient and Hessian of the inspector: against finite differences, torch's definitions and the engine."""

import numpy as np
import pytest
from scipy.linalg import eigvalsh
from scipy.optimize import approx_fprime
from scipy.special import log_softmax

from flatchannels.data.dataset import Dataset
from flatchannels.inspection import spectra
from flatchannels.inspection.losses import LOSSES
from flatchannels.inspection.model import from_layers
from flatchannels.inspection.objective import Objective
from flatchannels.inspection.samples import samples_for
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network

SMOOTH = [name for name, activation in ACTIVATIONS.items() if not activation.homogeneous]


def model(random, sizes, activation, biases=True):
    return from_layers(
        [(random.normal(size=(out, below)), random.normal(size=out) if biases else None) for below, out in zip(sizes, sizes[1:])],
        activation,
    )


def objective(seed, sizes, activation, loss, biases=True, count=30):
    random = np.random.default_rng(seed)
    net = model(random, sizes, activation, biases)
    x, m = random.normal(size=(count, sizes[0])), sizes[-1]
    y = random.integers(0, max(m, 2), size=count) if loss == "cross-entropy" else random.normal(size=(count, m))
    return Objective(net, samples_for(net, x, y, loss, random.random(count)), LOSSES[loss])


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 4, 3, 2), (2, 3, 2, 3, 4)])
@pytest.mark.parametrize("activation, biases", [(name, True) for name in SMOOTH] + [("tanh", False)])
def test_derivatives_are_those_of_finite_differences(loss, sizes, activation, biases):
    here = objective(1, sizes, activation, loss, biases)
    theta = here.model.theta

    def at(point):
        return Objective(here.model.at(point), here.samples, here.loss_function)

    assert np.allclose(here.gradient(), approx_fprime(theta, lambda point: at(point).loss(), 1e-7), atol=1e-5)
    direction, step = np.random.default_rng(2).normal(size=theta.size), 1e-5
    difference = (at(theta + step * direction).gradient() - at(theta - step * direction).gradient()) / (2 * step)
    assert np.allclose(here.hessian_product(direction), difference, atol=1e-6 * max(1, abs(difference).max()))


@pytest.mark.parametrize("widths, bias", [((4,), True), ((3, 4), False)])
def test_with_one_output_it_is_the_loss_of_the_engine(widths, bias):
    here = objective(3, (2, *widths, 1), "g", "mse", bias)
    net = Network(2, widths, "g", bias)
    data = here.samples.dataset
    loss, gradient, hessian = net.derivatives(here.model.theta, data)
    assert here.loss() == pytest.approx(loss, rel=1e-13) and np.allclose(here.gradient(), gradient, rtol=1e-11, atol=1e-13)
    assert np.allclose(here.hessian(), hessian, rtol=1e-10, atol=1e-12)


def test_cross_entropy_is_that_of_classes_probabilities_and_single_logits():
    random = np.random.default_rng(4)
    net = model(random, (3, 4, 5), "tanh")
    x, classes = random.normal(size=(20, 3)), random.integers(0, 5, size=20)
    f = np.tanh(x @ net.layers[0].W.T + net.layers[0].b) @ net.layers[1].W.T + net.layers[1].b
    expected = -log_softmax(f, axis=1)[np.arange(20), classes].mean()
    for y in (classes, np.eye(5)[classes]):
        assert Objective(net, samples_for(net, x, y, "cross-entropy"), LOSSES["cross-entropy"]).loss() == pytest.approx(expected)
    # One logit f is two logits (0, f).
    one = model(random, (3, 4, 1), "tanh")
    W, b = one.layers[1].W, one.layers[1].b
    two = from_layers([(one.layers[0].W, one.layers[0].b), (np.vstack([0 * W, W]), np.concatenate([0 * b, b]))], "tanh")
    y = random.integers(0, 2, size=20)
    losses = [Objective(net, samples_for(net, x, y, "cross-entropy"), LOSSES["cross-entropy"]).loss() for net in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-13)


def test_blocks_of_samples_do_not_change_the_result(monkeypatch):
    whole = objective(5, (3, 6, 4, 2), "gelu", "cross-entropy", count=100)
    direction = np.ones(whole.model.parameters)
    expected = whole.loss(), whole.gradient(), whole.hessian_product(direction)
    monkeypatch.setattr("flatchannels.inspection.objective.BLOCK", 50)
    monkeypatch.setattr("flatchannels.inspection.objective.KEPT", 0)
    parts = objective(5, (3, 6, 4, 2), "gelu", "cross-entropy", count=100)
    for ours, theirs in zip((parts.loss(), parts.gradient(), parts.hessian_product(direction)), expected):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_lanczos_finds_the_ends_of_the_spectrum(monkeypatch):
    here = objective(6, (4, 8, 3), "silu", "mse", count=200)
    values = eigvalsh(here.hessian())
    assert here.model.parameters <= spectra.DENSE and spectra.spectrum(here).smallest == pytest.approx(values[0], rel=1e-9)
    monkeypatch.setattr(spectra, "DENSE", 0)
    found = spectra.spectrum(here)
    assert found.products > 0 and found.resolution == pytest.approx(1e-6 * abs(values).max(), rel=1e-3)
    assert [found.smallest, found.largest] == pytest.approx([values[0], values[-1]], abs=2 * found.resolution)


def test_data_that_do_not_fit_the_network_get_one_line():
    random = np.random.default_rng(7)
    net = model(random, (3, 4, 2), "tanh")
    x, y = random.normal(size=(5, 3)), random.normal(size=(5, 2))
    cases = [
        (x[:, :2], y, "mse", None, "x has shape"), (x, y[:, 0], "mse", None, "y has shape"), (x, y[:4], "mse", None, "y has shape"),
        (x, np.full((5, 2), np.nan), "mse", None, "finite"), (x, [0, 1, 2, 0, 1], "cross-entropy", None, "whole numbers from 0 to 1"),
        (x, [0, 1, 0.5, 0, 1], "cross-entropy", None, "whole numbers"), (x, y, "cross-entropy", None, "probabilities"),
        (x, y, "mse", -np.ones(5), "weights"), (x, [["a"] * 2] * 5, "mse", None, "real numbers"), (x[:0], y[:0], "mse", None, "x has"),
    ]  # fmt: skip
    for inputs, targets, loss, weights, words in cases:
        with pytest.raises(ValueError, match=words):
            samples_for(net, inputs, targets, loss, weights)
    with pytest.raises(ValueError, match="activation must be known"):
        Objective(from_layers([(layer.W, layer.b) for layer in net.layers]), Dataset(x, y[:, 0]), LOSSES["mse"])
