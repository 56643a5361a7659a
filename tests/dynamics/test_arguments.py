"""What `gradient_flow` and `polish` refuse, in one line each, before they do anything."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess
from test_flow import Custom, Quadratic

from flatchannels import Network, gradient_flow, polish
from flatchannels.dynamics.objectives import Affine

BOWL = Quadratic(np.eye(2))


def changed(loss=None, gradient=None, hessian=None):
    """The bowl, of which one part is something else."""
    parts = loss, gradient, hessian
    right = [lambda p: 0.5 * p @ p, lambda p: p.copy(), lambda p: np.eye(2)]
    return Custom(*(there if part is None else part for part, there in zip(parts, right, strict=True)))


class WithoutHessian:
    def loss_and_gradient(self, theta):
        return 0.5 * theta @ theta, theta


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("rtol", -1, "a positive number"),
        ("rtol", 0, "a positive number"),
        ("rtol", 2, "below 1"),
        ("samples", 0, "an integer of at least 1"),
        ("maxnorm", -1, "a positive number"),
        ("maxnorm", np.nan, "a positive number"),
        ("max_steps", 1.5, "an integer of at least 1"),
        ("max_t", "long", "a positive number"),
    ],
)
def test_settings_of_a_flow(setting, value, allowed):
    with pytest.raises(ValueError, match=rf"^{setting} is {value!r}; it must be {allowed}$"):
        gradient_flow(BOWL, np.ones(2), **{setting: value})


@pytest.mark.parametrize("theta", [[], 1.0, np.ones((2, 1)), np.ones(2) * 1j, ["a", "b"]])
@pytest.mark.parametrize("function", [gradient_flow, polish])
def test_a_start_that_is_no_vector_of_numbers(function, theta):
    with pytest.raises(ValueError, match="^theta "):
        function(BOWL, theta)


def test_the_length_of_a_polish():
    with pytest.raises(ValueError, match="max_iterations is 0; it must be an integer of at least 1"):
        polish(BOWL, np.ones(2), max_iterations=0)


@pytest.mark.parametrize("function", [gradient_flow, polish])
@pytest.mark.parametrize(
    ("objective", "what"),
    [
        (changed(loss=lambda p: p), r"the loss of the objective is ndarray of shape \(2,\); it must be one real number"),
        (changed(gradient=lambda p: p[:, None]), r"gradient of the objective is float64 of shape \(2, 1\); it must be .* \(2,\)"),
        (changed(gradient=list), r"gradient of the objective is list"),
        (changed(gradient=lambda p: p.astype(np.float32)), r"gradient of the objective is float32"),
        (changed(hessian=lambda p: p), r"Hessian of the objective is float64 of shape \(2,\); it must be .* \(2, 2\)"),
        (changed(hessian=lambda p: np.array([[1.0, 1.0], [0.0, 1.0]])), "the Hessian of the objective is not symmetric"),
    ],
)
def test_objectives_that_do_not_give_what_they_should(function, objective, what):
    with pytest.raises(ValueError, match=what):
        function(objective, np.ones(2))


def test_an_objective_without_a_method():
    with pytest.raises(ValueError, match="WithoutHessian has no method derivatives"):
        gradient_flow(WithoutHessian(), np.ones(2))


def test_an_objective_that_is_not_finite_is_an_outcome_and_no_mistake():
    nowhere = changed(loss=lambda p: np.inf, gradient=lambda p: p * np.nan, hessian=lambda p: np.eye(2) * np.nan)
    assert gradient_flow(nowhere, np.ones(2)).stop.name == "FAILED" and polish(nowhere, np.ones(2)).finish.name == "FAILED"


def test_coordinates_of_an_objective_pass():
    assert np.allclose(gradient_flow(Affine.scaled(BOWL, np.array([2.0, 0.5])), np.ones(2)).theta_end, 0, atol=1e-6)


class Reusing:
    """Rosenbrock's valley with one array for each derivative, filled anew at every call."""

    def __init__(self, *reused):
        self.reused, self.slope, self.curvature = reused, np.zeros(2), np.zeros((2, 2))

    def kept(self, name, own, value):
        if name not in self.reused:
            return value
        own[:] = value
        return own

    def loss_and_gradient(self, theta):
        return rosen(theta), self.kept("gradient", self.slope, rosen_der(theta))

    def derivatives(self, theta):
        return *self.loss_and_gradient(theta), self.kept("Hessian", self.curvature, rosen_hess(theta))


@pytest.mark.parametrize("minimise, end", [(gradient_flow, "theta_end"), (polish, "theta")])
def test_an_objective_may_fill_the_same_arrays_at_every_call(minimise, end):
    start = np.array([-1.2, 1.0])
    assert np.array_equal(getattr(minimise(Reusing(), start), end), getattr(minimise(Reusing("gradient", "Hessian"), start), end))


@pytest.mark.parametrize("minimise", [gradient_flow, polish])
def test_what_is_no_objective_is_named(minimise):
    with pytest.raises(ValueError, match="function has no method"):
        minimise(lambda theta: 0.0, np.ones(2))
    with pytest.raises(ValueError, match=r"give Objective\(net, data\)"):
        minimise(Network(2, (2,), "tanh"), np.ones(9))
