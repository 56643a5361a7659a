"""Why a flow and a polish ended. Apart from both, so that whoever only names the reasons does not depend on the engine."""

from enum import IntEnum


class Stop(IntEnum):
    """Why a flow ended."""

    STATIONARY = 0  # at a strict minimum: positive Hessian, negligible Newton step
    FLAT = 1  # the same but for null directions of the Hessian: plateau saddles, dead or duplicate neurons
    LINEAR = 2  # flat, and a neuron works on the linear part of its activation for every sample
    WALL = 3  # stationary on the sphere ‖θ‖ = maxnorm: on its way to infinity
    TIME_LIMIT = 4
    STEP_LIMIT = 5
    T_LIMIT = 6
    FAILED = 7  # the step size became negligible, or a value was not finite at the start
    SADDLE = 8  # at rest on a saddle: rounding leaves nothing along the directions that would lead away
    EXACT = 9  # the loss is 0 to rounding: every sample is fitted exactly
    BUDGET = 10  # no flow, but an optimiser, has taken all the steps that it was given


class Finish(IntEnum):
    """Why a polish ended."""

    CONVERGED = 0  # ‖∇(L + R)‖∞ below 1e-15
    RESOLUTION = 1  # no step makes the gradient smaller: converged to rounding
    TIME_LIMIT = 2
    STEP_LIMIT = 3
    FAILED = 4  # a value was not finite at the start
