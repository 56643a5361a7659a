"""What a network computes beyond its matrices is never left out of a loss in silence."""

import numpy as np
import pytest
from lent_torch import python

from flatchannels import Dataset, train
from flatchannels.inspection.formats import chains
from flatchannels.inspection.inspection import inspect
from flatchannels.networks.network import Network

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(30, 3)), RANDOM.normal(size=30)


def mlp(**more):
    return {"0.weight": RANDOM.normal(size=(6, 3)), "0.bias": np.ones(6)} | more | {"2.weight": np.ones((1, 6)), "2.bias": np.ones(1)}


@pytest.mark.parametrize(
    "name, array",
    [
        ("1.weight", np.ones(6)),  # the gain of a normalisation
        ("1.running_mean", np.ones(6)),
        ("in.weight", np.ones(3)),
        ("prelu.weight", np.ones(1)),
        ("skip.weight", np.ones((1, 3))),
        ("bias1", np.ones(6)),  # a bias of another name
    ],
)
def test_arrays_that_may_act_between_the_layers_leave_the_structure_but_no_loss(name, array):
    arrays = mlp() | {name: array}
    assert inspect(arrays, "tanh").sizes == (3, 6, 1)
    with pytest.raises(ValueError, match=f"^{name} may act between the layers"):
        inspect(arrays, "tanh", data=(X, Y))


@pytest.mark.parametrize(
    "name, array", [("conv.weight", np.ones((3, 2, 3, 3))), ("losses", np.ones(100)), ("1.num_batches_tracked", np.array(4))]
)
def test_arrays_of_other_shapes_are_no_part_of_the_network(name, array):
    plain = mlp()
    assert inspect(plain | {name: array}, "tanh", data=(X, Y)).evidence.loss == inspect(plain, "tanh", data=(X, Y)).evidence.loss


def test_who_names_the_layers_says_that_they_are_all():
    arrays = mlp(**{"other.weight": np.ones((6, 6)), "m": np.ones(6)})
    (model,) = chains(arrays, "tanh", ["0.weight", "2.weight"])
    assert not model.unread
    (model,) = chains(mlp(**{"1.running_var": np.ones(6)}), "tanh", ["0.weight", "2.weight"])
    assert model.unread == ("1.running_var",)


def test_an_activation_that_the_network_contradicts_is_refused():
    (model,) = chains(mlp(), "tanh")
    assert inspect(model, "tanh").model.activation == inspect(model).model.activation == "tanh"
    with pytest.raises(ValueError, match="activation is 'relu'; the network itself says 'tanh'"):
        inspect(model, "relu")


def test_a_run_and_its_file_are_networks(tmp_path):
    net = Network(3, (4,), "tanh")
    run = train(net, Dataset(X, Y), seed=1, max_steps=5)
    run.save(tmp_path / "run.npz")
    for network in (run, tmp_path / "run.npz", str(tmp_path / "run.npz"), net.unpack(run.theta)):
        assert np.array_equal(inspect(network, "tanh").model.theta, run.theta)
    assert inspect(run).model.activation == "tanh"


def test_a_matrix_a_text_and_a_number_are_no_network_and_no_data(tmp_path):
    (tmp_path / "text.npz").write_text("W1 = 3")
    with pytest.raises(ValueError, match=r"text\.npz: is no npz, such as numpy\.savez"):
        inspect(tmp_path / "text.npz")
    with pytest.raises(ValueError, match="network is a ndarray; it must be a path"):
        inspect(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="data is a int; it must be a path"):
        inspect(mlp(), "tanh", data=3)


@pytest.mark.parametrize("network", [None, 3, (X, Y), [1, 2], [(X,)]])
def test_what_is_no_network_gets_one_line(network):
    with pytest.raises(ValueError) as caught:
        inspect(network)
    assert "\n" not in str(caught.value)


FILES = """
import sys, warnings
from pathlib import Path
from flatchannels.inspection import formats
from flatchannels.inspection.formats import ModelError, load
warnings.simplefilter("ignore")
folder = Path(sys.argv[2])
net = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1)).double()
state, theta = net.state_dict(), torch.cat([p.detach().ravel() for p in net.parameters()]).numpy()
optimiser = torch.optim.Adam(net.parameters())
net(torch.ones(2, 3).double()).sum().backward(); optimiser.step()
state, theta = net.state_dict(), np.concatenate([np.c_[net[n].weight.detach(), net[n].bias.detach()].ravel() for n in (0, 2)])
for name, held in [
    ("plain.pt", state), ("parameters.pth", dict(net.named_parameters())), ("lightning.ckpt", {"state_dict": state, "epoch": 3}),
    ("checkpoint.pt", {"model_state_dict": state, "optimizer_state_dict": optimiser.state_dict()}),
    ("model.bin", {"model": state, "optimizer": optimiser.state_dict()}),
    ("sparse.pt", {k: v.to_sparse_csr() if v.ndim == 2 else v.to_sparse() for k, v in state.items()}),
]:
    torch.save(held, folder / name)
    (model,) = load(folder / name)
    assert np.array_equal(model.theta, theta), name

formats.LARGEST_FILE = 2**20
expanded = {"0.weight": torch.ones(1, 1).expand(2000, 2000), "2.weight": torch.ones(1, 2000)}
sparse = {"0.weight": torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=int), torch.ones(1), (10**9, 10**9)), "2.weight": torch.ones(1, 3)}
for held in (expanded, sparse):
    torch.save(held, folder / "large.pt")
    assert (folder / "large.pt").stat().st_size < 2**16
    try:
        load(folder / "large.pt")
    except ModelError as error:
        assert "unpacked" in str(error)
    else:
        raise AssertionError
"""


def test_torch_files_of_every_kind_are_read_and_unpacked_only_up_to_the_limit(tmp_path):
    python(FILES, tmp_path)


MODULES = """
from functools import partial
from flatchannels.inspection.inspection import inspect

torch.manual_seed(0)
x, y = np.random.default_rng(0).normal(size=(50, 3)), np.random.default_rng(1).normal(size=50)

class Own(nn.Module):
    def __init__(self, skip=0.0):
        super().__init__()
        self.a, self.b, self.skip = nn.Linear(3, 6), nn.Linear(6, 1), skip

    def forward(self, x):
        return self.b(torch.tanh(self.a(x))).squeeze(-1) + self.skip * x[:, 0]

def loss_of(module):
    with torch.no_grad():
        return float(((module.eval().double()(torch.tensor(x)).ravel() - torch.tensor(y)) ** 2).mean())

S, linear = nn.Sequential, partial(nn.Linear, 6)
normalised = S(nn.Linear(3, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh(), linear(6), nn.BatchNorm1d(6, affine=False), nn.Tanh(), linear(1))
with torch.no_grad():
    normalised[1].weight[:], normalised[1].bias[:] = torch.linspace(0.5, 2, 6), torch.linspace(-1, 1, 6)
for _ in range(20):
    normalised(3 + 2 * torch.randn(20, 3))
for module in (Own(), normalised, S(nn.Linear(3, 6), nn.Tanh(), nn.Dropout(0.5), linear(1))):
    found = inspect(module, "tanh", data=(x, y), hessian=False)
    assert abs(found.evidence.loss / loss_of(module) - 1) < 1e-6

late = S(nn.Linear(3, 6), nn.Tanh(), nn.BatchNorm1d(6), linear(1))
late(3 * torch.randn(20, 3))
for module in (
    Own(skip=0.1), late, S(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1), nn.Sigmoid()),
    S(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1)), S(nn.Linear(3, 6), nn.Softplus(beta=2), nn.Linear(6, 1)),
    S(nn.Linear(3, 6), nn.LayerNorm(6, elementwise_affine=False), nn.Tanh(), nn.Linear(6, 1)),
):
    activation = "softplus" if isinstance(module[1] if isinstance(module, S) else None, nn.Softplus) else "tanh"
    assert inspect(module, activation).sizes[0] == 3
    before = {k: v.clone() for k, v in module.state_dict().items()}
    try:
        inspect(module, activation, data=(x, y), hessian=False)
    except ValueError as error:
        assert "gives other outputs than its matrices" in str(error), error
    else:
        raise AssertionError(module)
    assert module.training and all(torch.equal(v, before[k]) for k, v in module.state_dict().items())

weights = [(net.weight, net.bias) for net in (Own().a, Own().b)]
assert inspect(weights, "tanh", data=(torch.tensor(x, requires_grad=True), torch.tensor(y))).evidence.samples == 50

class Two(Own):
    def forward(self, x, z):
        return x + z

try:
    inspect(Two(), "tanh", data=(x, y))
except ValueError as error:
    assert "cannot be called" in str(error)
"""


def test_a_module_is_judged_on_data_only_where_it_computes_what_its_matrices_say():
    python(MODULES)
