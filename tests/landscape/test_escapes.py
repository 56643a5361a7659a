"""Flows from next to a saddle line return to a plateau, end lower elsewhere, and lead back into a channel that was merged."""

import numpy as np
import pytest
from examples import example, line_of

from flatchannels import Network, train
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.training import Objective
from flatchannels.landscape import escapes
from flatchannels.landscape.escapes import flow_arrays, heun, perturb, perturbed_flow, return_to_channel
from flatchannels.landscape.saddle_lines import Stability
from flatchannels.landscape.spectrum import smallest_eigenvector
from flatchannels.reasons import Stop


def test_a_perturbation_has_the_size_asked_for():
    assert perturb(np.ones(2), np.array([3.0, 4.0]), 1e-3) == pytest.approx([1.0006, 1.0008], rel=1e-15)
    with pytest.raises(ValueError, match="length 0"):
        perturb(np.ones(2), np.zeros(2), 1.0)


def test_heun_is_of_second_order():
    net, theta, data = example("softplus", residual=1.0)
    objective, start = Objective(net, data), theta + 0.3
    reference = gradient_flow(objective, start, rtol=1e-11, max_t=2.0)
    before = int(np.searchsorted(reference.t, 1.0)) - 1
    exact = heun(objective, reference.theta[before], (1.0 - reference.t[before]) / 2000, 2000)[1][-1]
    errors = [abs(heun(objective, start, 1.0 / steps, steps)[1][-1] - exact).max() for steps in (200, 400)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def test_heun_keeps_the_points_asked_for_and_ends_where_told():
    net, theta, data = example()
    t, thetas, losses = heun(Objective(net, data), theta + 0.1, 0.01, 25, every=10)
    assert np.allclose(t, [0, 0.1, 0.2, 0.25]) and thetas.shape == (4, net.parameters) and np.all(np.diff(losses) < 0)
    assert losses[-1] == net.loss(thetas[-1], data)
    t, thetas, _ = heun(Objective(net, data), theta + 0.1, 0.01, 25, every=10, until=lambda point: point[0] != theta[0] + 0.1)
    assert np.allclose(t, [0, 0.01]) and len(thetas) == 2


@pytest.mark.parametrize("wanted, returning", [(Stability.STABLE_INSIDE, [0.2, 0.5, 0.8]), (Stability.STABLE_OUTSIDE, [-1.0, 1.5, 2.5])])
def test_perturbations_return_to_a_plateau(networks, data, wanted, returning):
    line = line_of(networks, data, wanted)
    loss = line.net.loss(line(0.5), data)
    rng = np.random.default_rng(0)
    for gamma in returning:
        for direction in (None, rng.normal(size=line.net.parameters)):
            flow = perturbed_flow(data, line, gamma, 1e-3, direction, heun_steps=300)
            assert flow.stop in (Stop.FLAT, Stop.STATIONARY) and abs(flow.loss[-1] - loss) < 1e-10
            assert abs(flow.gamma[-1] - gamma) < 0.01 and flow.distance[-1] < 1e-5 < flow.distance[0]


@pytest.mark.parametrize("wanted, escaping", [(Stability.STABLE_INSIDE, [-1.0, 2.0]), (Stability.STABLE_OUTSIDE, [0.3, 0.5])])
def test_perturbations_of_a_strict_saddle_end_lower(networks, data, wanted, escaping):
    line = line_of(networks, data, wanted)
    flows = [perturbed_flow(data, line, gamma, size, heun_steps=300) for gamma in escaping for size in (1e-7, -1e-7)]
    table = flow_arrays(flows)
    assert np.all(table["curvature"] < 0) and np.all(table["end_loss"] < line.net.loss(line(0.5), data) - 1e-3)
    assert np.all(np.diff(flows[0].loss) < 1e-7 * flows[0].loss[1:]) and np.all(np.diff(flows[0].t) > 0)
    length = max(len(flow.t) for flow in flows)
    assert table["flow_distance"].shape == (4, length) and table["flow_neuron_distances"].shape == (4, length, line.net.widths[0])
    for k, flow in enumerate(flows):
        assert np.array_equal(table["flow_gamma"][k, : len(flow.t)], flow.gamma) and np.isnan(table["flow_t"][k, len(flow.t) :]).all()


def test_flows_from_mirrored_perturbations_mirror_each_other(networks, data):
    # Exchanging the halves maps Γ(γ) to Γ(1 − γ) and leaves the loss unchanged.
    line = line_of(networks, data, Stability.STABLE_INSIDE)
    exchange = np.arange(line.net.parameters)
    (_, columns), _ = line.net.shapes
    i, j = (neuron * columns + np.arange(columns) for neuron in line.pair)
    outputs = line.net.widths[0] * columns + np.array(line.pair)
    exchange[i], exchange[j], exchange[outputs] = j, i, outputs[::-1]
    assert np.allclose(line(2.0)[exchange], line(-1.0))
    direction = smallest_eigenvector(line.net.hessian(line(2.0), data))[1]
    one = perturbed_flow(data, line, 2.0, 1e-7, direction, heun_steps=1000)
    other = perturbed_flow(data, line, -1.0, 1e-7, direction[exchange], heun_steps=1000)
    assert one.loss[-1] == pytest.approx(other.loss[-1], rel=1e-9) and one.gamma[-1] == pytest.approx(1 - other.gamma[-1], rel=1e-3)


@pytest.mark.parametrize("activation", ["g", "erf"])
def test_the_saddle_line_of_a_merged_channel_leads_back_to_it(data, activation):
    net = Network(2, (2,), activation, False)
    run = train(net, data, seed=0, spectrum_samples=1)
    assert run.stop == Stop.WALL
    found = return_to_channel(net, run.theta, (0, 1), data)
    assert found.narrow.loss > run.loss and found.narrow.stop == Stop.STATIONARY
    back = found.back.index(True)
    assert found.flows[back].loss[-1] == pytest.approx(run.loss, rel=1e-9) and found.cosines[back] > 0.99999
    assert np.all(np.diff(found.flows[back].loss) < 1e-7 * run.loss)


def test_a_flow_to_the_same_loss_on_another_way_has_not_come_back(data, monkeypatch):
    monkeypatch.setattr(escapes, "ALONG_THE_LINE", 1.1)
    net = Network(2, (2,), "g", False)
    run = train(net, data, seed=0, spectrum_samples=1)
    found = return_to_channel(net, run.theta, (0, 1), data, rtol=1e-4)
    assert min(abs(flow.loss[-1] - run.loss) for flow in found.flows) < 1e-9 and found.back == [False, False]


def test_a_saddle_line_at_infinity_leads_nowhere(data):
    net = Network(2, (2,), "softplus", True)
    run = train(net, data, seed=1, spectrum_samples=1)
    found = return_to_channel(net, run.theta, (0, 1), data)
    assert found.narrow.stop == Stop.WALL and found.flows == found.back == found.cosines == []
