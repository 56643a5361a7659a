"""Closed forms of losses over normal inputs equal quadrature, which converges; their derivatives are derivatives."""

import numpy as np
import pytest
from scipy.special import ndtr

from flatchannels import Dataset, Network
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.population import Population, bivariate, gauss_hermite, trapezoid
from flatchannels.reasons import Stop

CASES = [(d, student, teacher) for d in (1, 2, 3) for student, teacher in [(True, True), (False, True), (True, False), (False, False)]]


def pair(inputs, activation, student_bias, teacher_bias, seed=0):
    """A student of 3 neurons, its θ, a teacher of 2 neurons, and its θ."""
    random = np.random.default_rng([seed, inputs, student_bias, teacher_bias])
    student, teacher = Network(inputs, (3,), activation, student_bias), Network(inputs, (2,), activation, teacher_bias)
    return student, random.normal(size=student.parameters), teacher, random.normal(size=teacher.parameters)


def product_rule(nodes, dimension):
    """Points (nodes^d, d) and weights of Gauss–Hermite quadrature in d dimensions."""
    line = gauss_hermite(nodes, np.zeros_like)
    x = np.stack(np.meshgrid(*[line.x[:, 0]] * dimension), axis=-1).reshape(-1, dimension)
    weights = np.prod(np.meshgrid(*[line.weights] * dimension), axis=0).ravel()
    return x, weights / weights.sum()


@pytest.mark.parametrize(("inputs", "student_bias", "teacher_bias"), [case for case in CASES if case[0] < 3])
def test_erf_in_closed_form_equals_quadrature(inputs, student_bias, teacher_bias):
    student, theta, teacher, target = pair(inputs, "erf", student_bias, teacher_bias)
    x, weights = product_rule(400 if inputs == 1 else 200, inputs)
    data = Dataset(x, teacher.predict(target, x), weights)
    for closed, summed in zip(Population(student, teacher, target).derivatives(theta), student.derivatives(theta, data), strict=True):
        assert np.max(abs(closed - summed)) < 1e-10


def piecewise(edges, weight, nodes=60):
    """Gauss–Legendre points and weights times weight(x) on all intervals between the edges, whose integrands have no kinks."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    edges = np.unique(edges)
    middles, halves = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    x = (middles[:, None] + halves[:, None] * points).ravel()
    return x, (halves[:, None] * weights).ravel() * weight(x)


@pytest.mark.parametrize("teacher_bias", [True, False])
def test_relu_in_closed_form_equals_quadrature_between_the_kinks(teacher_bias):
    student, theta, teacher, target = pair(1, "relu", True, teacher_bias)
    layers = [net.matrices(vector)[0] for net, vector in [(student, theta), (teacher, target)]]
    kinks = np.concatenate([-layer[:, 1] / layer[:, 0] if layer.shape[1] == 2 else [0.0] for layer in layers])
    x, weights = piecewise([*np.linspace(-10, 10, 21), *np.clip(kinks, -10, 10)], lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))
    data = Dataset(x, teacher.predict(target, x[:, None]), weights / weights.sum())
    loss, gradient, _ = Population(student, teacher, target).derivatives(theta)
    assert abs(loss - student.loss(theta, data)) < 1e-10
    assert np.max(abs(gradient - student.gradient(theta, data))) < 1e-10


def test_relu_without_biases_equals_quadrature_over_the_circle():
    student, theta, teacher, target = pair(2, "relu", False, False)
    weights = np.concatenate([net.matrices(vector)[0] for net, vector in [(student, theta), (teacher, target)]])
    normals = np.arctan2(weights[:, 0], -weights[:, 1])  # directions at which a neuron has its kink
    angles, measure = piecewise([-np.pi, *normals, *((normals + 2 * np.pi) % (2 * np.pi) - np.pi), np.pi], np.ones_like)
    x = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # E|x|² = 2, and the loss has degree 2 in |x|
    data = Dataset(x, teacher.predict(target, x), measure / measure.sum())
    loss, gradient, _ = Population(student, teacher, target).derivatives(theta)
    assert abs(loss - student.loss(theta, data)) < 1e-10
    assert np.max(abs(gradient - student.gradient(theta, data))) < 1e-10


@pytest.mark.parametrize("activation", ["erf", "relu"])
@pytest.mark.parametrize(("inputs", "student_bias", "teacher_bias"), CASES)
def test_gradient_and_hessian_are_derivatives(activation, inputs, student_bias, teacher_bias):
    if activation == "relu" and inputs == 1 and not student_bias:
        pytest.skip("refused: all neurons are parallel")
    student, theta, teacher, target = pair(inputs, activation, student_bias, teacher_bias)
    objective = Population(student, teacher, target)

    def difference(k, h=1e-3):
        """By θ_k: of the loss and of the gradient, to O(h⁶)."""
        total = np.zeros(1 + theta.size)
        for step, weight in [(1, 3 / 4), (2, -3 / 20), (3, 1 / 60)]:
            for sign in (1, -1):
                shifted = theta.copy()
                shifted[k] += sign * step * h
                loss, gradient = objective.loss_and_gradient(shifted)
                total += sign * weight / h * np.concatenate([[loss], gradient])
        return total

    _, gradient, hessian = objective.derivatives(theta)
    differences = np.array([difference(k) for k in range(theta.size)])
    scale = max(1.0, abs(hessian).max())
    assert differences[:, 0] == pytest.approx(gradient, abs=1e-9 * scale)
    assert differences[:, 1:] == pytest.approx(hessian, abs=1e-9 * scale)


def test_distribution_of_two_normal_variables_at_its_corners():
    m, n = np.array([0.0, 0.0, 0.7, -0.7, 1.2, 0.0]), np.array([0.0, 0.9, 0.0, 0.0, -0.4, -0.0])
    one = np.ones(6)
    assert bivariate(m, n, one, 0 * one, one, one)[0, 0] == pytest.approx(ndtr(m) * ndtr(n), abs=1e-15)  # independent
    correlated = bivariate(np.zeros(1), np.zeros(1), np.array([4.0]), np.array([1.0]), np.array([1.0]), np.array([3.0]))[0, 0]
    assert correlated == pytest.approx(0.25 + np.arcsin(0.5) / (2 * np.pi), abs=1e-15)


@pytest.mark.parametrize(("rule", "few", "many"), [(trapezoid, 192, 1024), (gauss_hermite, 1500, 2000)])
def test_quadrature_converges(rule, few, many):
    """With the steepness of the toy, w = 5: equally spaced nodes need far fewer than those of Gauss and Hermite."""
    net = Network(1, (2,), "erf", bias=False)
    teacher = Network(1, (2,), "erf", bias=True)
    target = np.array([5, 2.5, 5, -2.5, 1, 1, 0.0])
    theta = np.array([4.0, 5.0, 2.0, -1.0])
    exact = Population(net, teacher, target).derivatives(theta)
    for nodes in (few, many):
        found = net.derivatives(theta, rule(nodes, lambda x: teacher.predict(target, x[:, None])))
        for number, reference in zip(found, exact, strict=True):
            assert np.max(abs(number - reference)) < 1e-12


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_flow_and_polish_end_at_a_minimum(activation):
    student, teacher = Network(2, (2,), activation, bias=True), Network(2, (3,), activation, bias=True)
    hidden, biases = np.array([[1.0, 0.5], [-0.5, 1.0], [1.0, 1.0]]), np.array([0.3, -0.2, 0.1])
    objective = Population(student, teacher, teacher.pack([(hidden, biases), ([[1.0, -1.5, 0.2]], [0.4])]))
    flow = gradient_flow(objective, student.pack([(hidden[:2], biases[:2]), ([[1.2, -1.4]], [0.4])]))
    end = polish(objective, flow.theta_end)
    flat = 2 if activation == "relu" else 0  # the scale of each relu neuron is free
    assert flow.stop == (Stop.FLAT if flat else Stop.STATIONARY) and end.loss == pytest.approx(flow.loss_end, rel=1e-9)
    values = np.linalg.eigvalsh(end.hessian)
    assert abs(end.gradient).max() < 1e-12 and np.sum(values > 1e-9) == values.size - flat and values[0] > -1e-12


@pytest.mark.parametrize(
    ("student", "teacher", "message"),
    [((2, (2, 2), "erf"), (2, (2,), "erf"), "one hidden layer"), ((2, (2,), "g"), (2, (2,), "g"), "erf or relu"),
     ((2, (2,), "erf"), (3, (2,), "erf"), "same number of inputs"), ((1, (2,), "relu", False), (1, (2,), "relu"), "parallel")],
)  # fmt: skip
def test_what_has_no_closed_form_is_refused(student, teacher, message):
    teacher = Network(*teacher)
    with pytest.raises(ValueError, match=message):
        Population(Network(*student), teacher, np.ones(teacher.parameters))
