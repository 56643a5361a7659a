"""Updates along a line, and those that do not count."""

import numpy as np
import pytest
from examples import example

from flatchannels.landscape.saddle_lines import pair_direction, saddle_line
from flatchannels.landscape.updates import late_cosine, update_cosines


def test_updates_along_the_line_have_cosine_one():
    net, theta, _ = example()
    line = saddle_line(net, theta, 0)
    sideways = np.eye(line.net.parameters)[0]
    path = np.array([line(0.0), line(1.0), line(1.0) + sideways, line(0.5) + sideways])
    assert update_cosines(path, line.direction) == pytest.approx([1, 0, -1], abs=1e-12)
    assert abs(pair_direction(line.net, line.pair) @ line.direction) == pytest.approx(1)


def test_late_cosines_leave_the_wall_out():
    net, theta, _ = example()
    line = saddle_line(net, theta, 0)
    path = line(np.linspace(0, 1, 5))
    far = path[-1] + 100 * np.eye(line.net.parameters)[:2]
    assert late_cosine(np.concatenate([path, far]), line.direction, maxnorm=100) == pytest.approx(1)
    assert np.isnan(late_cosine(path[[0, 0]], line.direction))
