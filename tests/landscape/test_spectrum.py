"""The Hessian along a saddle line is a polynomial, its branches continuous."""

import numpy as np
import pytest
from examples import line_of, lines

from flatchannels.landscape.saddle_lines import Stability, surface_along_line
from flatchannels.landscape.spectrum import (
    follow,
    hessian_polynomial,
    hessians_along_line,
    smallest_eigenvector,
    spectrum_along_line,
)
from flatchannels.studies.saddle_examples import branch, nearest


def test_the_hessian_along_the_line_is_a_polynomial_of_degree_two(networks, data):
    gammas = np.array([-1e3, -3.3, 0.0, 0.123, 0.5, 1.0, 2.7, 1e3])
    for _, _, _, line in lines(networks):
        coefficients = hessian_polynomial(data, line)
        for gamma, hessian in zip(gammas, hessians_along_line(coefficients, gammas), strict=True):
            direct = line.net.hessian(line(gamma), data)
            assert abs(hessian - direct).max() < 1e-14 * abs(direct).max()
        outputs = line.net.widths[0] + line.net.bias
        assert not coefficients[1:, -outputs:, -outputs:].any()  # between output weights it does not depend on γ, exactly


def test_at_both_ends_as_many_eigenvalues_are_zero_as_a_neuron_has_input_weights(networks, data):
    for net, _, _, line in lines(networks):
        for gamma in (0.0, 1.0, 0.5, -1.0):
            values = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
            zeros = int(np.sum(abs(values) < 1e-14 * values[-1]))
            assert zeros == 1 + (2 + net.bias if gamma in (0.0, 1.0) else 0)


def test_the_spectrum_is_symmetric_about_one_half(networks, data):
    gammas = np.linspace(-2, 3, 41)
    for _, _, _, line in lines(networks):
        values = np.sort(spectrum_along_line(data, line, gammas).values, axis=1)
        assert abs(values - values[::-1]).max() < 1e-13 * abs(values).max()


def test_branches_are_continuous_eigenpairs(networks, data):
    line = line_of(networks, data, Stability.STABLE_INSIDE)
    gammas = np.linspace(-2, 3, 1001)
    spectrum = spectrum_along_line(data, line, gammas)
    for k in (0, 137, 400, 500, 600, 1000):
        hessian, vectors = line.net.hessian(line(gammas[k]), data), spectrum.vectors[k]
        assert np.allclose(hessian @ vectors, vectors * spectrum.values[k], atol=1e-13 * abs(hessian).max() * 10)
        assert np.allclose(vectors.T @ vectors, np.eye(len(vectors)), atol=1e-12)
    assert np.all(np.diff(spectrum.values[500]) > 0) and abs(spectrum.angles[500]).max() == 0
    overlaps = np.einsum("kpb,kpb->kb", spectrum.vectors[1:], spectrum.vectors[:-1])
    assert overlaps.min() > 0.9  # through γ = 0 and 1 too, where the eigenvectors of 0 are any basis of their space
    along = int(np.argmax(abs(spectrum.vectors[500].T @ line.direction)))
    assert abs(spectrum.values[:, along]).max() < 1e-13 * spectrum.values.max() and spectrum.angles[:, along].max() < 1e-6


def test_eigenvectors_are_followed_through_a_crossing():
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rates = np.array([1.0, -1.0, 0.3])
    vectors = Q
    for s in np.linspace(-1, 1, 21):  # all three meet at s = 0
        values, vectors = follow(vectors, *np.linalg.eigh(Q @ np.diag(rates * s) @ Q.T))
        assert np.allclose(values, rates * s, atol=1e-14) and np.allclose(vectors, Q, atol=1e-13)


def test_the_smallest_eigenvector_beyond_the_line_and_its_sign():
    hessian = np.diag([0.0, 0.5, 2.0, 0.5])
    value, vector = smallest_eigenvector(hessian)
    assert value == 0 and vector.tolist() == [1, 0, 0, 0]
    towards = np.array([0.3, -3.0, 1.0, 4.0])
    value, vector = smallest_eigenvector(hessian, leaving_out=np.array([2.0, 0, 0, 0]), towards=towards)
    assert value == 0.5 and vector == pytest.approx([0, -0.6, 0, 0.8])
    assert smallest_eigenvector(np.diag([1.0, -1.0]), towards=np.array([0.1, -1]))[1] == pytest.approx([0, -1])


def test_the_surface_along_the_line_has_the_curvature_of_the_branch(networks, data):
    line = line_of(networks, data, Stability.STABLE_INSIDE)
    spectrum = spectrum_along_line(data, line, np.linspace(-1, 2, 601))
    gammas, directions = np.array([-1.0, -0.3, 0.4, 0.5, 1.5, 2.0]), branch(spectrum, -1)
    values = spectrum.values[nearest(spectrum.gammas, gammas), np.argmin(spectrum.values[-1])]
    assert np.array_equal(values > 0, [False, False, True, True, False, False]) and values[-1] == spectrum.values[-1].min()
    size = 1e-3
    surface = surface_along_line(data, line, gammas, directions(gammas), [-size, 0.0, size])
    assert np.ptp(surface[:, 1]) < 1e-14
    assert np.allclose((surface[:, 0] - 2 * surface[:, 1] + surface[:, 2]) / size**2, values, rtol=0.02, atol=1e-5)
