"""Functions of torch as objectives: the same derivatives, flows and ends as those of networks of our own, and of scipy's valley."""

from lent_torch import python

NETWORK = """
from flatchannels import Dataset, Network, gradient_flow, polish
from flatchannels.dynamics.autodiff import TorchObjective
from flatchannels.dynamics.objectives import Objective
random = np.random.default_rng(1)
x = random.normal(size=(40, 2))
data = Dataset(x, np.sin(x).sum(axis=1) + 0.1 * random.normal(size=40))
net = Network(2, (2,), "tanh")
inputs, targets = torch.tensor(data.x), torch.tensor(data.y)

def mean_squared_error(theta):  # in the layout of `Network`: [W | b], then [a | c]
    W, a = theta[:6].reshape(2, 3), theta[6:]
    h = torch.tanh(inputs @ W[:, :2].T + W[:, 2])
    return torch.mean((h @ a[:2] + a[2] - targets) ** 2)

theirs, ours, start = TorchObjective(mean_squared_error), Objective(net, data), net.initialise(np.random.default_rng(2))
"""


def test_derivatives_are_those_of_the_kernels():
    python(
        NETWORK
        + """
for scale in (0.1, 1.0, 5.0):
    for got, expected in zip(theirs.derivatives(scale * start), ours.derivatives(scale * start), strict=True):
        assert np.allclose(got, expected, rtol=1e-11, atol=1e-13)
    value, gradient = theirs.loss_and_gradient(scale * start)
    assert type(value) is float and np.allclose(gradient, ours.loss_and_gradient(scale * start)[1], rtol=1e-12, atol=1e-14)
"""
    )


def test_a_flow_and_a_polish_end_where_those_of_the_network_do():
    python(
        NETWORK
        + """
flows = [gradient_flow(objective, start) for objective in (theirs, ours)]
assert flows[0].stop == flows[1].stop == 0, flows  # STATIONARY
ends = [polish(objective, flow.theta_end) for objective, flow in zip((theirs, ours), flows)]
assert np.allclose(ends[0].theta, ends[1].theta, atol=1e-9) and abs(ends[0].gradient).max() < 1e-13
middle = len(flows[1].t) // 2
at = np.argmin(abs(flows[0].t - flows[1].t[middle]))
assert abs(np.log(flows[0].loss[at] / flows[1].loss[middle])) < 0.05  # the way there
"""
    )


def test_a_valley_written_in_torch_ends_at_its_minimum():
    python("""
from scipy.optimize import rosen_hess
from flatchannels import gradient_flow, polish
from flatchannels.dynamics.autodiff import TorchObjective
valley = TorchObjective(lambda p: 1 + (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum())
point = np.array([-1.2, 1.0, 0.3])
assert np.allclose(valley.derivatives(point)[2], rosen_hess(point))
assert np.allclose(polish(valley, gradient_flow(valley, point).theta_end).theta, 1, atol=1e-10)
""")


def test_a_function_that_returns_something_else_gets_one_line():
    said = python("""
from flatchannels.dynamics.autodiff import TorchObjective
for function in (lambda p: p, lambda p: p.sum().float(), lambda p: 3.0):
    try:
        TorchObjective(function).loss_and_gradient(np.ones(2))
    except ValueError as error:
        print(error)
""")
    assert said.splitlines() == [
        f"the function returns {what}; it must return one number, a tensor in float64"
        for what in ("torch.float64 of shape (2,)", "torch.float32 of shape ()", "float of shape ()")
    ]


def test_a_function_that_is_cut_off_from_its_argument_gets_one_line():
    said = python("""
from flatchannels.dynamics.autodiff import TorchObjective
try:
    TorchObjective(lambda p: (p.detach() ** 2).sum()).loss_and_gradient(np.ones(2))
except ValueError as error:
    print(error)
""")
    assert said.startswith("the function's value is cut off from θ")
