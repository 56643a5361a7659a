"""Pictures of inspections, and what notebooks show."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from flatchannels.inspection.inspection import inspect


def network(pair=True, width=6):
    random = np.random.default_rng(0)
    W1, W2 = random.normal(size=(width, 3)), 0.2 * random.normal(size=(width, width))
    if pair:
        W1[4] = W1[1] + 2e-3 * np.array([0.6, 0.8, 0.0])
        W2[:, 1], W2[:, 4] = 50.0, -49.9
    return [(W1, None), (W2, None), (random.normal(size=(2, width)), None)]


@pytest.mark.parametrize("pair", [True, False])
def test_each_hidden_layer_has_its_axes_and_each_group_its_points(pair, tmp_path):
    figure = inspect(network(pair)).plot()
    assert isinstance(figure, Figure) and [axis.get_title() for axis in figure.axes] == [f"hidden layer {n}, 6 neurons" for n in (1, 2)]
    cloud, *groups = figure.axes[0].lines
    assert len(cloud.get_xdata()) == 15 and len(groups) == pair
    if pair:
        assert_allclose([groups[0].get_xdata()[0], groups[0].get_ydata()[0]], [1e-3, (50 + 49.9) * np.sqrt(6)], rtol=1e-9)
    figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_duplicates_single_neurons_and_wide_layers_can_be_drawn(tmp_path):
    layers = network()
    layers[0][0][5] = layers[0][0][0]
    alone = [(np.ones((1, 2)), None), (np.ones((1, 1)), None)]
    for drawn, titles in [
        (layers, ["hidden layer 1, 6 neurons", "hidden layer 2, 6 neurons"]),
        (alone, ["hidden layer 1, 1 neurons"]),
        (network(width=400), ["hidden layer 1, 400 neurons", "hidden layer 2, 400 neurons"]),
    ]:
        figure = inspect(drawn).plot()
        assert [axis.get_title() for axis in figure.axes] == titles
        figure.savefig(tmp_path / "picture.svg")
        assert (tmp_path / "picture.svg").stat().st_size > 5000


def test_notebooks_show_text_without_markup_of_its_own():
    found = inspect({"a<b>.weight": network()[0][0], "c.weight": network()[1][0][:2]})
    shown = found._repr_html_()
    assert "a<b>" not in shown and "a&lt;b&gt;.weight" in shown and "<table" in shown
