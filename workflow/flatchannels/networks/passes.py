"""One block of samples, once forward and once backward: activations, loss, first adjoints, gradient. `kernels` has the formulas."""

from numba import njit

from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.rows import SUMS, combine, contract, multiply
from flatchannels.networks.scalars import activate


@njit(**SETTINGS)
def forward(plan, parameters, x, rows):
    """Load a block of inputs; leave h, σ' and σ'' of every layer in their rows.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    parameters : (P,)
        θ.
    x : (inputs, samples)
    rows : (rows, samples)
        `workspace.allocated(plan)`.
    """
    layers = plan.widths.size - 1
    for k in range(plan.widths[0]):
        rows[plan.H[0] + k, :] = x[k]
    unit = 0
    for layer in range(1, layers + 1):
        width, columns, h = plan.widths[layer], plan.widths[layer - 1] + plan.bias, plan.H[layer]
        combine(parameters, plan.first[layer], columns, 1, rows, plan.H[layer - 1], 1, columns, h, width)
        if layer < layers:
            for i in range(width):
                d1, d2 = rows[plan.D1[layer] + i], rows[plan.D2[layer] + i]
                activate(plan.code, plan.smoothing[unit], rows[h + i], d1, d2)
                unit += 1


@njit(**SUMS)
def residual(plan, y, weights, rows):
    """The block's Σ ω(f − y)², with E_{L+1} = 2ω(f − y) and B_{L+1,L+1} = 2ω left in their rows.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    y : (samples,)
    weights : (samples,)
    rows : (rows, samples)
        `workspace.allocated(plan)`.

    Returns
    -------
    float
    """
    layers = plan.widths.size - 1
    f, e, b = rows[plan.H[layers]], rows[plan.E[layers]], rows[plan.B[layers, layers]]
    loss = 0.0
    for n in range(f.size):
        difference = f[n] - y[n]
        b[n] = 2.0 * weights[n]
        e[n] = b[n] * difference
        loss += weights[n] * difference * difference
    return loss


@njit(**SETTINGS)
def backward(plan, parameters, rows, curvature):
    """First adjoints of the layers L … 1.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    parameters : (P,)
        θ.
    rows : (rows, samples)
        `workspace.allocated(plan)`.
    curvature : bool
        Whether κ_l replaces σ''_l.
    """
    layers = plan.widths.size - 1
    for layer in range(layers - 1, 0, -1):
        width, above, e = plan.widths[layer], plan.widths[layer + 1], plan.E[layer]
        combine(parameters, plan.first[layer + 1], 1, width + plan.bias, rows, plan.E[layer + 1], 1, above, e, width)
        if curvature:
            multiply(rows, e, 1, plan.D2[layer], plan.D2[layer], width)
        multiply(rows, plan.D1[layer], 1, e, e, width)


@njit(**SETTINGS)
def sum_gradients(plan, rows, gradient):
    """Add the block's Σ_n E_{l,i} h_{l−1,k} to the gradient.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    rows : (rows, samples)
        `workspace.allocated(plan)`.
    gradient : (P,)
    """
    for layer in range(1, plan.widths.size):
        width, columns = plan.widths[layer], plan.widths[layer - 1] + plan.bias
        begin = plan.first[layer]
        out = gradient[begin : begin + width * columns].reshape(width, columns)
        contract(rows, plan.E[layer], width, plan.H[layer - 1], columns, out, 0, 0)
