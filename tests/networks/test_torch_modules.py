"""Networks from and to torch compute the same function."""

import numpy as np
import pytest
from lent_torch import python

from flatchannels.networks.network import Network


def test_modules_compute_what_networks_do_and_come_back_whole():
    python("""
from flatchannels import Network
from flatchannels.networks.activations import ACTIVATIONS
random = np.random.default_rng(0)
for activation in ACTIVATIONS:
    for widths, bias in (((4,), True), ((3, 5), False)):
        net = Network(2, widths, activation, bias)
        theta, x = random.normal(size=net.parameters), 3 * random.normal(size=(50, 2))
        module = net.to_torch(theta)
        assert np.allclose(module(torch.tensor(x)).detach().numpy()[:, 0], net.predict(theta, x), rtol=1e-13, atol=1e-13), activation
        again, same = Network.from_torch(module)
        assert again == net and np.array_equal(same, theta)
""")


def test_modules_of_the_user_are_read_and_others_get_one_line():
    python("""
from flatchannels import Network
deep = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Dropout(0.5)), nn.Linear(4, 1)).eval()
net, theta = Network.from_torch(deep)
x = np.random.default_rng(0).normal(size=(20, 3))
assert np.allclose(net.predict(theta, x), deep(torch.tensor(x).float()).detach().numpy()[:, 0], atol=1e-6)
L = nn.Linear
for module, words in [
    (nn.Sequential(L(2, 3), nn.ReLU(), L(3, 2)), "2 outputs"), (nn.Sequential(L(2, 3), nn.Mish(), L(3, 1)), "has a Mish"),
    (nn.Sequential(L(2, 3), nn.GELU(approximate="tanh"), L(3, 1)), "must be exact"), (nn.Sequential(L(2, 3), L(3, 1)), "must be Linear"),
    (nn.Sequential(L(2, 3), nn.Softplus(beta=2), L(3, 1)), "beta"), (L(2, 1), "must be Linear"), (nn.Conv2d(1, 1, 1), "must be Linear"),
    (nn.Sequential(L(2, 3), nn.Tanh(), L(3, 3), nn.ReLU(), L(3, 1)), "mixes"),
    (nn.Sequential(L(2, 3), nn.Tanh(), L(3, 1, bias=False)), "biases"),
]:
    try:
        Network.from_torch(module)
    except ValueError as error:
        assert words in str(error) and "\\n" not in str(error), (words, str(error))
    else:
        raise AssertionError(words)
""")


def test_modules_and_state_dicts_are_inspected(tmp_path):
    python(
        """
import flatchannels
from flatchannels.inspection.formats import load
torch.manual_seed(0)
module = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
with torch.no_grad():
    module[0].weight[4], module[0].bias[4] = module[0].weight[1] + 1e-4, module[0].bias[1]
    module[2].weight[:, 1], module[2].weight[:, 4] = torch.tensor([50.0, 40.0]), torch.tensor([-50.0, -39.5])

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = module

torch.save(module.state_dict(), sys.argv[2] + "/state.pt")
torch.save({"state_dict": module.state_dict(), "epoch": 3}, sys.argv[2] + "/checkpoint.pth")
(plain,), (checkpoint,) = load(sys.argv[2] + "/state.pt"), load(sys.argv[2] + "/checkpoint.pth")
for network in (module, module.state_dict(), Wrapped(), plain, checkpoint):
    assert [group.neurons for _, group in flatchannels.inspect(network).groups] == [(1, 4)]
assert flatchannels.inspect(module).model.activation == "tanh" and flatchannels.inspect(Wrapped()).model.activation is None
x, y = np.random.default_rng(0).normal(size=(30, 3)), np.random.default_rng(1).normal(size=(30, 2))
loss = nn.MSELoss()(module.double()(torch.tensor(x)), torch.tensor(y))
found = flatchannels.inspect(module, data=(x, y)).evidence
loss.backward()
assert np.isclose(found.loss, loss.item(), rtol=1e-12)
assert np.isclose(found.gradient_norm, max(abs(p.grad).max().item() for p in module.parameters()), rtol=1e-10)
classes = np.random.default_rng(2).integers(0, 2, size=30)
entropy = nn.CrossEntropyLoss()(module(torch.tensor(x)), torch.tensor(classes))
assert np.isclose(flatchannels.inspect(module, data=(x, classes), loss="cross-entropy").evidence.loss, entropy.item(), rtol=1e-12)
""",
        str(tmp_path),
    )


def test_pickles_and_tensors_of_other_kinds_are_not_executed(tmp_path):
    python(
        """
import os, pickle, pathlib
from flatchannels.inspection.formats import ModelError, load
os.chdir(sys.argv[2])

class Bomb:
    def __reduce__(self):
        return (pathlib.Path.touch, (pathlib.Path("exploded"),))

torch.save({"W1": Bomb()}, "bomb.pt")
torch.save(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), "module.pt")
pathlib.Path("legacy.pt").write_bytes(pickle.dumps({"W1": Bomb()}))
torch.save([1, 2, 3], "list.pt")
torch.save({"W1": torch.eye(3).to_sparse(), "W2": torch.ones(1, 3)}, "sparse.pt")
torch.save({"a.weight": torch.quantize_per_tensor(torch.ones(3, 2), 0.1, 0, torch.qint8), "b.weight": torch.ones(1, 3)}, "quantised.pt")
torch.save({"a.weight": torch.ones(3, 2, device="meta"), "b.weight": torch.ones(1, 3)}, "meta.pt")
torch.save({"a.weight": torch.ones(3, 2) * float("nan"), "b.weight": torch.ones(1, 3)}, "nan.pt")
data = pathlib.Path("list.pt").read_bytes()
for n, end in enumerate((10, len(data) // 2, len(data) - 5)):
    pathlib.Path(f"cut{n}.pt").write_bytes(data[:end])
names = sorted(path.name for path in pathlib.Path().iterdir())
assert len(names) == 11
for name in names:
    try:
        load(name)
    except ModelError as error:
        assert name in str(error) and "\\n" not in str(error) and len(str(error)) < 300, str(error)
        continue
    assert name in ("sparse.pt", "quantised.pt"), name
assert not pathlib.Path("exploded").exists()
""",
        str(tmp_path),
    )


def test_plain_arrays_make_a_network_and_come_back():
    random = np.random.default_rng(0)
    layers = [(random.normal(size=(4, 3)), random.normal(size=4)), (random.normal(size=(1, 4)), random.normal(size=1))]
    net, theta = Network.from_layers(layers, "tanh")
    for (W, b), (again, same) in zip(layers, net.unpack(theta)):
        assert np.array_equal(W, again) and np.array_equal(b, same)
    x = random.normal(size=(10, 3))
    assert np.allclose(net.predict(theta, x), (np.tanh(x @ layers[0][0].T + layers[0][1]) @ layers[1][0].T + layers[1][1])[:, 0])
    for wrong, words in [
        (layers[:1], "at least two"), ([layers[0], (np.ones((2, 4)), np.ones(2))], "2 outputs"),
        ([layers[0], (np.ones((1, 4)), None)], "layer 2 has no biases; the network has some in all layers"),
        ([layers[0], (np.ones((1, 5)), np.ones(1))], "shape"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            Network.from_layers(wrong, "tanh")


def test_a_module_that_stands_twice_counts_twice():
    python("""
from flatchannels import Network
block, act = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Tanh()
x = np.random.default_rng(0).normal(size=(20, 2))
for module, widths in [(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), block, block, nn.Linear(4, 1)), (4, 4, 4)),
                       (nn.Sequential(nn.Linear(2, 4), act, nn.Linear(4, 3), act, nn.Linear(3, 1)), (4, 3))]:
    net, theta = Network.from_torch(module)
    assert net.widths == widths
    assert np.allclose(net.predict(theta, x), module(torch.tensor(x).float()).detach().numpy()[:, 0], atol=1e-6)
early = nn.Sequential(nn.Linear(2, 3), nn.Softplus(threshold=1), nn.Linear(3, 1))
try:
    Network.from_torch(early)
except ValueError as error:
    assert "threshold 1" in str(error), error
else:
    raise AssertionError("an early threshold passes")
""")


def test_tensors_that_require_gradients_are_parameters_inputs_and_layers():
    python("""
from flatchannels import Dataset, Network, train
first, last = nn.Linear(2, 3).double(), nn.Linear(3, 1).double()
net, theta = Network.from_layers([(first.weight, first.bias), (last.weight, last.bias)], "tanh")
start, x = torch.tensor(theta, requires_grad=True), np.random.default_rng(0).normal(size=(20, 2))
assert np.array_equal(net.predict(start, torch.tensor(x, requires_grad=True)), net.predict(theta, x))
assert np.array_equal(train(net, Dataset(x, np.sin(x[:, 0])), start, max_steps=2).theta_initial, theta)
single = torch.full((20,), 0.05, dtype=torch.float32)
assert abs(Dataset(x, x[:, 0], single / single.sum()).weights.sum() - 1) < 1e-15
""")
