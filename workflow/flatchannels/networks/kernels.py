"""The numba kernels behind `network`: mean-squared loss, gradient and Hessian of a fully connected network.

One code path for every depth. Layers l = 0 … L + 1 with widths r_l (r_0 inputs, r_{L+1} = 1, linear output);
z_l = W_l h_{l−1}, h_l = σ(z_l), where h_l ends with a row of ones if there are biases. Samples are contiguous and
taken in blocks; every quantity per sample is a row of the workspace. With sample weights ω and e = f − y:

    E_{L+1} = 2ωe,   V_l = W_{l+1}ᵀ E_{l+1},   E_l = σ'_l V_l,   κ_l = σ''_l V_l               (first adjoints)
    B[u, v] = ∂E_v/∂z_u for units u, v of layers l(u) ≤ l(v)                                    (second adjoints)
    D[u, v] = ∂h_v/∂z_u                                                                         (tangents)
    ∂L/∂W_l[i, k] = Σ_n E_{l,i} h_{l−1,k}
    ∂²L/∂W_l[i, k]∂W_m[j, q] = Σ_n h_{l−1,k} (B[(l,i), (m,j)] h_{m−1,q} + [m > l] E_{m,j} D[(l,i), (m−1,q)])

Sources: Bishop, *Pattern Recognition and Machine Learning*, section 5.4.5 (exact Hessian by a second adjoint sweep),
here with all units of one layer swept together; the products of inputs are formed once for all pairs of units.

`loss_and_gradient`, `derivatives` and `predict` take arrays and numbers and do no I/O. `passes` and `second_derivatives` hold
the steps for one block of samples, `rows` and `vectors` the loops over its rows, `workspace` says which row holds what.
"""

from numba import njit

from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.passes import backward, forward, residual, sum_gradients
from flatchannels.networks.second_derivatives import assemble, between_layers, pair_sums_of, second_adjoints, within_layers


@njit(**SETTINGS)
def loss_and_gradient(plan, parameters, x, y, weights, rows, gradient):
    """Weighted mean-squared loss and its gradient.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    parameters : (P,)
        θ.
    x : (blocks, inputs, samples)
    y : (blocks, samples)
    weights : (blocks, samples)
        They sum to 1 and are 0 for padding.
    rows : (rows, samples)
        `workspace.allocated(plan)`.
    gradient : (P,)
        Overwritten.

    Returns
    -------
    loss : float
    """
    gradient[:] = 0.0
    loss = 0.0
    for block in range(y.shape[0]):
        forward(plan, parameters, x[block], rows)
        loss += residual(plan, y[block], weights[block], rows)
        backward(plan, parameters, rows, False)
        sum_gradients(plan, rows, gradient)
    return loss


@njit(**SETTINGS)
def derivatives(plan, parameters, x, y, weights, rows, gradient, hessian):
    """`loss_and_gradient` with the full Hessian, in one pass over the samples.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    parameters : (P,)
        θ.
    x : (blocks, inputs, samples)
    y : (blocks, samples)
    weights : (blocks, samples)
        They sum to 1 and are 0 for padding.
    rows : (rows, samples)
        `workspace.allocated(plan)`.
    gradient : (P,)
        Overwritten.
    hessian : (P, P)
        Overwritten.

    Returns
    -------
    loss : float
    """
    gradient[:] = 0.0
    hessian[:] = 0.0
    pair_sums = pair_sums_of(plan.widths, plan.widths, plan.bias)
    loss = 0.0
    for block in range(y.shape[0]):
        forward(plan, parameters, x[block], rows)
        loss += residual(plan, y[block], weights[block], rows)
        backward(plan, parameters, rows, True)
        sum_gradients(plan, rows, gradient)
        second_adjoints(plan, parameters, rows)
        within_layers(plan, rows, pair_sums)
        between_layers(plan, parameters, rows, hessian)
    assemble(plan.widths, plan.widths, plan.bias, plan.first, pair_sums, hessian)
    return loss


@njit(**SETTINGS)
def predict(plan, parameters, x, rows, outputs):
    """The outputs of the network.

    Parameters
    ----------
    plan : Plan
        `workspace.plan` of the network.
    parameters : (P,)
        θ.
    x : (blocks, inputs, samples)
    rows : (rows, samples)
        `workspace.allocated(plan)`.
    outputs : (blocks, samples)
        Overwritten.
    """
    for block in range(outputs.shape[0]):
        forward(plan, parameters, x[block], rows)
        outputs[block, :] = rows[plan.H[plan.widths.size - 1]]
