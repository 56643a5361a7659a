"""What data say about groups: limits, merged neurons, h, and certificates of minima at infinity."""

import json

import numpy as np
import pytest

from flatchannels.certified import certificate
from flatchannels.cli import main
from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.polish import polish
from flatchannels.infinity.charts import Chart
from flatchannels.inspection.evidence import GroupEvidence
from flatchannels.inspection.inspection import inspect
from flatchannels.inspection.losses import LOSSES
from flatchannels.inspection.model import from_layers
from flatchannels.inspection.objective import Change, Objective
from flatchannels.inspection.samples import samples_for
from flatchannels.networks.network import Network

CENTER, UNIT = np.array([0.4, -0.7, 0.3, 0.2]), np.array([1.0, 2.0, -1.0, 1.0]) / np.sqrt(7)


def in_channel(epsilon, outputs=2, turned=False, seed=0, depth=1):
    """A network with a pair at ε of fixed w, c, a: neurons 1 and 3, or with the second as its mirror image (tanh)."""
    random = np.random.default_rng(seed)
    W1, b1, W2 = random.normal(size=(5, 3)), random.normal(size=5), 0.3 * random.normal(size=(outputs, 5))
    c, a = random.normal(size=(2, outputs))
    rows = CENTER + epsilon * UNIT, CENTER - epsilon * UNIT
    for neuron, row, sign, factor in zip((1, 3), rows, (1, -1), (1, -1 if turned else 1)):
        W1[neuron], b1[neuron] = factor * row[:3], factor * row[3]
        W2[:, neuron] = factor * (c + sign * a / epsilon) / 2
    layers = [(W1, b1), (W2, random.normal(size=outputs))]
    return layers if depth == 1 else [*layers, (random.normal(size=(2, outputs)), None)]


def data(outputs=2, loss="mse", count=60):
    random = np.random.default_rng(9)
    y = random.integers(0, 2, size=count) if loss == "cross-entropy" else random.normal(size=(count, outputs))
    return random.normal(size=(count, 3)), y


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("depth, turned", [(1, False), (1, True), (2, False)])
def test_h_is_the_derivative_of_the_loss_by_the_square_of_epsilon(loss, depth, turned):
    """At fixed w, c, Δ and a, up to an error of order ε²."""
    errors = []
    for epsilon in (4e-2, 2e-2):
        found, further, nearer = (
            inspect(in_channel(factor * epsilon, depth=depth, turned=turned), "tanh", data(loss=loss), loss) for factor in (1, 1.01, 0.99)
        )
        (group,) = found.evidence.groups[0]
        assert found.groups[0][1].neurons == (1, 3) and found.groups[0][1].signs == (1, -1 if turned else 1)
        derivative = (further.evidence.loss - nearer.evidence.loss) / (epsilon**2 * (1.01**2 - 0.99**2))
        errors.append(abs(group.h - derivative))
    assert errors[1] < 0.05 * abs(derivative) and errors[0] / errors[1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("depth, turned", [(1, False), (1, True), (2, False)])
def test_the_slope_is_that_derivative_at_any_distance(loss, depth, turned):
    for epsilon in (0.1, 1e-2, 1e-3):
        found, *others = (
            inspect(in_channel(f * epsilon, depth=depth, turned=turned), "tanh", data(loss=loss), loss) for f in (1, 1.01, 0.99, 1.02, 0.98)
        )
        losses, squares = [other.evidence.loss for other in others], epsilon**2 * (np.array([1.01, 0.99, 1.02, 0.98]) ** 2 - 1)
        derivative = np.polynomial.Polynomial.fit(squares, losses, 3).deriv()(0.0)
        rounding = 1e-14 / epsilon**3  # of the losses, whose output weights are 1/ε, over the square of ε
        assert found.evidence.groups[0][0].slope == pytest.approx(derivative, rel=1e-4, abs=rounding)
    near = inspect(in_channel(1e-5, depth=depth, turned=turned), "tanh", data(loss=loss), loss).evidence.groups[0][0]
    far = inspect(in_channel(2e-4, depth=depth, turned=turned), "tanh", data(loss=loss), loss).evidence.groups[0][0]
    assert near.slope == near.h and far.slope != far.h and far.slope == pytest.approx(far.h, rel=1e-4)


@pytest.mark.parametrize("depth, turned", [(1, False), (1, True), (2, False)])
def test_with_the_limit_in_its_place_a_pair_loses_what_is_left_of_the_order_of_epsilon_squared(depth, turned):
    changes = [inspect(in_channel(e, depth=depth, turned=turned), "tanh", data()).evidence.groups[0][0].limit_change for e in (2e-2, 1e-2)]
    assert changes[0] / changes[1] == pytest.approx(4, rel=0.05)


def test_the_merged_neuron_has_the_loss_of_the_network_in_which_it_stands():
    layers = in_channel(1e-2)
    found = inspect(layers, "tanh", data())
    (group,), (W1, b1), (W2, b2) = found.evidence.groups[0], *layers
    keep = [0, 1, 2, 4]
    merged_W1, merged_b1, merged_W2 = W1[keep].copy(), b1[keep].copy(), W2[:, keep].copy()
    merged_W1[1], merged_b1[1] = (W1[1] + W1[3]) / 2, (b1[1] + b1[3]) / 2
    merged_W2[:, 1] += W2[:, 3]
    merged = inspect([(merged_W1, merged_b1), (merged_W2, b2)], "tanh", data())
    assert found.evidence.loss + group.merged_change == pytest.approx(merged.evidence.loss, rel=1e-12)
    assert abs(group.limit_change) < 1e-2 * abs(group.merged_change)


def test_a_triple_needs_the_second_derivative_in_its_limit():
    random = np.random.default_rng(1)
    changes = []
    for epsilon in (2e-2, 1e-2):
        W1, b1, W2 = random.normal(size=(6, 3)), random.normal(size=6), 0.3 * np.ones((1, 6))
        for neuron, (step, share) in enumerate([(1, 1), (0, -2), (-1, 1)]):
            W1[neuron], b1[neuron] = CENTER[:3] + step * epsilon * UNIT[:3], CENTER[3] + step * epsilon * UNIT[3]
            W2[0, neuron] = share / epsilon**2 + step / epsilon + 0.5
        found = inspect([(W1, b1), (W2, np.zeros(1))], "tanh", data(1))
        assert found.groups[0][1].kind == "triple" and found.evidence.groups[0][0].h is None
        changes.append(abs(found.evidence.groups[0][0].limit_change))
    assert changes[0] < 1e-2 and changes[1] < 0.5 * changes[0]


def test_a_change_that_changes_nothing_leaves_the_loss():
    net = from_layers(in_channel(0.1), "tanh")
    here = Objective(net, samples_for(net, *data()), LOSSES["mse"])
    assert here.loss(Change(1, lambda x: np.zeros((len(x), 2)))) == here.loss()


@pytest.fixture(scope="module")
def softplus_channel():
    """Samples of a gated linear unit on its own and a softplus pair next to it: the way to infinity fits it exactly.

    A little noise keeps the loss at infinity above 0, else h, which is a mean of residuals, were 0.
    """
    random = np.random.default_rng(5)
    x = random.normal(size=(400, 2))
    z = x @ [1.5, -0.5]
    logistic = 1 / (1 + np.exp(-z))
    y = 0.5 * np.logaddexp(0, z) + (2 * x[:, 0] + x[:, 1]) * logistic
    w, v, epsilon = np.array([1.5, -0.5, 0.0]), np.array([2.0, 1.0, 0.0]), 0.01
    unit, a = v / np.linalg.norm(v), np.linalg.norm(v)
    rows = np.stack([w + epsilon * unit, w - epsilon * unit])
    W2 = np.array([[(0.5 + a / epsilon) / 2, (0.5 - a / epsilon) / 2]])
    return [(rows[:, :2], rows[:, 2]), (W2, np.zeros(1))], x, y + 0.1 * random.normal(size=400)


def test_a_certificate_has_the_loss_at_infinity_and_agrees_with_h(softplus_channel):
    layers, x, y = softplus_channel
    found = inspect(layers, "softplus", (x, y), certify=certificate)
    told = found.certificate
    assert told.verdict in ("certified", "turns back") and told.route == "pair"
    assert told.loss_infinity < found.evidence.loss and told.loss_infinity == pytest.approx(0.01, rel=0.3)
    assert told.gradient_norm < 1e-9 and (told.h[0] > 0) == (told.verdict == "certified")
    assert told.verdict.split()[0] in found.summary()


def test_a_certificate_that_would_take_too_long_is_not_tried(softplus_channel, monkeypatch):
    layers, x, y = softplus_channel
    monkeypatch.setattr("flatchannels.certified.MOST_PRODUCTS", 100 * 9**2)
    told = inspect(layers, "softplus", (x, y), certify=certificate).certificate
    assert told.verdict == "does not apply" and "400 samples take too long" in told.reason and "with 100 of them" in told.reason


def test_at_rest_but_for_the_channel_the_h_of_the_network_is_that_at_infinity(softplus_channel):
    layers, x, y = softplus_channel
    net, samples = Network(2, (2,), "softplus"), Dataset(x, y)
    chart = Chart(net, samples, net.pack(layers), [(0, 0, 1)])
    theta = chart.at(1.0).theta(polish(chart.at(1.0), chart.start).theta)
    found = inspect(net.unpack(theta), "softplus", samples, certify=certificate)
    assert found.certificate.verdict == "certified"
    assert found.evidence.groups[0][0].h == pytest.approx(found.certificate.h[0], rel=1e-2)
    assert found.evidence.groups[0][0].slope == pytest.approx(found.certificate.h[0], rel=1e-2)
    assert found.evidence.groups[0][0].heading == "to infinity"
    predicted = found.groups[0][1].epsilon ** 2 * found.certificate.h[0]
    assert found.evidence.loss - found.certificate.loss_infinity == pytest.approx(predicted, rel=1e-2)


def test_what_has_no_certificate_says_why(softplus_channel):
    layers, x, y = softplus_channel
    (W1, b1), (W2, b2) = layers
    reasons = {
        "outputs": inspect([(W1, b1), (np.vstack([W2, W2]), np.zeros(2))], "softplus", (x, np.column_stack([y, y])), certify=certificate),
        "no smooth limit": inspect(layers, "relu", (x, y), certify=certificate),
        "all or none": inspect([(W1, b1), (W2, None)], "softplus", (x, y), certify=certificate),
        "no group": inspect([(W1[:1], b1[:1]), (W2[:, :1], b2)], "softplus", (x, y), certify=certificate),
        "for mse": inspect(layers, "softplus", (x, (y > 0).astype(int)), "cross-entropy", certify=certificate),
    }
    for words, found in reasons.items():
        assert found.certificate.verdict == "does not apply" and words in found.certificate.reason


@pytest.mark.parametrize("h, slope, heading", [(1.0, 0.9, "to infinity"), (-1.0, 0.5, "to infinity"), (1.0, -2.0, "back"),
                                               (1.0, 1e-9, "at rest"), (-1.0, 0.01, "at rest"), (None, None, "")])  # fmt: skip
def test_the_slope_says_where_a_pair_is_heading(h, slope, heading):
    assert GroupEvidence(0.0, 1.0, h, slope).heading == heading


def test_the_command_tells_what_data_say(tmp_path, capsys, softplus_channel):
    ((W1, b1), (W2, b2)), x, y = softplus_channel
    np.savez(tmp_path / "model.npz", W1=W1, b1=b1, W2=W2, b2=b2)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    np.savetxt(tmp_path / "data.csv", np.column_stack([x, y]), delimiter=",", header="x1,x2,y", comments="")
    told = []
    for name in ("data.npz", "data.csv"):
        words = ["inspect", str(tmp_path / "model.npz"), "--activation", "softplus", "--data", str(tmp_path / name), "--json"]
        assert main(words) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["loss"] == pytest.approx(told[1]["loss"], rel=1e-12)
    group = told[0]["layers"][0]["groups"][0]
    assert abs(group["loss_change_limit"]) < 1e-3 < group["loss_change_merged"] and isinstance(group["h"], float)
    assert told[0]["certificate"]["loss_infinity"] and told[0]["hessian_max"] > 0
    for wrong in (["--data", str(tmp_path / "data.npz")], ["--activation", "softplus", "--data", str(tmp_path / "none.npz")],
                  ["--activation", "softplus", "--data", str(tmp_path / "model.npz")]):  # fmt: skip
        assert main(["inspect", str(tmp_path / "model.npz"), *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_weights_whose_squares_overflow_get_one_line():
    with pytest.raises(ValueError, match="overflow"):
        inspect([(1e200 * np.ones((3, 2)), None), (np.ones((1, 3)), None)])
