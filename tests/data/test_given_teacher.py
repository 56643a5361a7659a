"""The teacher with given weights of docs/how-to/studies.md is a target, and fits its own dataset."""

import re

import numpy as np
from checkouts import ROOT

from flatchannels.data.datasets import make
from flatchannels.networks.network import Network


def test_a_teacher_of_given_weights_fits_its_own_dataset(tmp_path):
    page = (ROOT / "docs" / "how-to" / "studies.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    path = tmp_path / "my_targets.py"
    path.write_text(code)
    data = make({"target": f"{path}:teacher", "inputs": "normal", "samples": 50}, 2, 1, "mine")
    names = {}
    exec(code, names)
    net, theta = Network.from_layers(names["LAYERS"], "tanh")
    assert net.loss(theta, data) < 1e-30
    by_hand = np.tanh(data.x @ names["LAYERS"][0][0].T + names["LAYERS"][0][1]) @ names["LAYERS"][1][0][0] + names["LAYERS"][1][1]
    assert np.allclose(data.y, by_hand)
