"""Initial weights have the variances of their schemes, and the default ones are the paper's."""

import numpy as np
import pytest

from flatchannels import Network
from flatchannels.networks.initialisation import SCHEMES

WIDE = Network(200, (300, 100), "tanh")
FANS = [(200, 300), (300, 100), (100, 1)]
VARIANCE = {"glorot": lambda below, out: 2 / (below + out), "he": lambda below, out: 2 / below, "lecun": lambda below, out: 1 / below}


def draw(scheme="glorot_normal", scale=1.0):
    return [layer for layer in WIDE.unpack(WIDE.initialise(np.random.default_rng(3), scheme, scale))]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_have_the_variance_of_their_scheme(scheme):
    family, distribution = scheme.split("_")
    for (W, b), fans in list(zip(draw(scheme), FANS))[:2]:
        scaled = W / np.sqrt(VARIANCE[family](*fans))
        assert np.mean(scaled) == pytest.approx(0, abs=4 / W.size**0.5) and np.var(scaled) == pytest.approx(1, rel=8 / W.size**0.5)
        fourth = {"normal": 3.0, "uniform": 1.8}[distribution]
        assert np.mean(scaled**4) == pytest.approx(fourth, rel=0.1) and not b.any()
        assert distribution == "normal" or abs(scaled).max() <= 3**0.5


def test_schemes_of_one_distribution_draw_the_same_numbers_and_a_scale_is_a_factor():
    (glorot, _), *_ = draw()
    (he, _), *_ = draw("he_normal", 0.1)
    assert he == pytest.approx(0.1 * glorot * np.sqrt(500 / 200))


def test_the_default_is_the_glorot_normal_draw_of_numpy():
    net, random = Network(2, (3,), "g"), np.random.default_rng(7)
    W, a = random.normal(0, np.sqrt(2 / 5), size=(3, 2)), random.normal(0, np.sqrt(2 / 4), size=(1, 3))
    assert np.array_equal(net.initialise(np.random.default_rng(7)), net.pack([(W, np.zeros(3)), (a, np.zeros(1))]))


def test_another_scheme_is_refused():
    with pytest.raises(ValueError, match="scheme is 'xavier'; it must be one of glorot_normal, glorot_uniform, he_normal"):
        WIDE.initialise(np.random.default_rng(0), "xavier")
