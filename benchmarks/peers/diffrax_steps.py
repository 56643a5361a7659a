"""Kvaerno5 of diffrax as a peer of `benchmarks/solvers.py`, with the same kernels: XLA calls them back."""

import logging

import diffrax
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
logging.getLogger("jax._src.callback").setLevel(logging.CRITICAL)  # giving up is an exception in a callback, and no news


def diffrax_steps(method, flow, theta, t_end, rtol):
    """(t, θ) at the end of the whole flow, which is the wall or t_end; compiling is not charged to it."""
    like = jax.ShapeDtypeStruct(theta.shape, theta.dtype)

    @jax.custom_jvp
    def slope(point):
        return jax.pure_callback(lambda at: flow.slope(0.0, np.asarray(at)), like, point, vmap_method="sequential")

    def product(at, tangents):
        # All columns of a Jacobian are asked for at once: tangents are (P,) or, with at (1, P), a matrix (·, P).
        return np.asarray(tangents) @ flow.jacobian(0.0, np.reshape(at, theta.shape))

    @slope.defjvp
    def _slope_jvp(primals, tangents):
        return slope(*primals), jax.pure_callback(product, like, *primals, *tangents, vmap_method="expand_dims")

    def solve(begin):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: slope(y)), getattr(diffrax, method)(), 0.0, t_end, None, begin, max_steps=10**6,
            stepsize_controller=diffrax.PIDController(rtol, 1e-3 * rtol),
            event=diffrax.Event(lambda t, y, args, **_: y @ y >= flow.squared_wall), throw=False,
        )  # fmt: skip

    compiled = jax.jit(solve).lower(theta).compile()
    flow.start()
    try:
        solution = compiled(theta)
        end = np.asarray(solution.ys[-1])
    except jax.errors.JaxRuntimeError as error:  # of an exception in a callback only its text comes through
        flow.check()
        raise ArithmeticError(method) from error
    if not diffrax.is_okay(solution.result):  # done, or ended by the event
        raise ArithmeticError(method)
    yield float(solution.ts[-1]), end
