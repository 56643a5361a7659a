"""What counts as zero, with the measurement behind each number.

float64 rounds relative to what is added up. So every tolerance here is relative to a scale that its name or its comment tells.
Measured on 80 converged softplus networks of four and eight neurons, N = 10 000, half of them at the norm wall, whose neurons
and samples were put in another order; and at 320 points of saddle lines, where zeros of the Hessian are known.

Thresholds of the paper and of algorithms (how near is parallel, when to stop) stand where they are used.
"""

from typing import Any

ROUNDING = 2.0**-52  # the distance from 1 to the next number

# Of a loss, relative. In another order of summation it changes by 2e-16 in the median; in a channel, where outputs of several
# hundred cancel, by up to 1.1e-13.
LOSS_RESOLUTION = 1e-13

# Of a mean squared error, over the mean square of the targets: below it every sample is fitted to rounding. Outputs are known to
# 2e-16 of what they add up to, hence residuals to 1e-13 where outputs of several hundred cancel.
EXACT_FIT = 1e-24

# The same over the loss at the start, where outputs were far larger than the targets: the square of a few roundings.
EXACT_FIT_OF_START = 1e-30

# The same for a flow that cannot go on. Where the Hessian at the minimum is singular a loss falls as a power of t, and residuals of
# 1e-9 are as good as it gets.
EXACT_FIT_OF_A_SLOW_FLOW = 1e-18

# The same for relu whose kinks are rounded: the rounding of the flow alone adds more than that to the loss.
EXACT_FIT_OF_ROUNDED_KINKS = 1e-16

# Of an eigenvalue of a Hessian, over the largest. Eigenvalues that are 0 came out below 8e-16; in channels cancelling outputs
# add as much as to the loss.
EIGENVALUE_RESOLUTION = 1e-13

# Of an eigenvalue of the Hessian of a flow, over the largest, times √P: what rounding alone makes of a 0 there. Measured zeros are
# below 8e-16. Where a verdict hangs on it, EIGENVALUE_RESOLUTION leaves a margin for cancelling outputs.
EIGENVALUE_NOISE = 2e-15

# Beyond it the sign of an eigenvalue is certain, and below it a singular value spans nothing: ten times the resolution.
SIGN_RESOLUTION = 1e-12

# Of an eigenvalue at a minimum, over the largest. Along softer directions the place of the minimum is uncertain: its loss, known to
# LOSS_RESOLUTION, stays the same over √(1e-13 / 1e-10) = 3 % of the length over which the stiffest direction doubles it.
SOFTEST_DIRECTION = 1e-10

# ‖∇L‖∞ of a converged network. In another order of summation a gradient changes by up to 1.5e-15; polished networks are there
# to 1e-12 and better, flows that have not converged above 1e-7.
CONVERGED_GRADIENT = 1e-9

# Over the largest eigenvalue, of a matrix that is singular where the gradient is 0 and is known at a converged network.
SINGULAR_AT_A_MINIMUM = 1e-9

# Of the losses of two converged networks, relative, up to which they are one minimum: these agree to 1e-15, and different levels lie 1e-3
# apart and more.
SAME_MINIMUM = 1e-9

# Of the input weights of two neurons of any network, relative, up to which they are one: what training leaves of a copy is 1e-12.
SAME_WEIGHTS = 1e-9

# Of |a| or |w|, over the largest of the layer, up to which a neuron is dead: its part of the output is lost in the rounding of the others.
DEAD_WEIGHTS = 1e-12

# L2 between the input weights of two neurons, bias included, up to which they are duplicates (paper, Appendix A).
DUPLICATE_DISTANCE = 1e-6

# Fraction of maxnorm from which a point counts as one on the wall. An event is located to rounding of t, not of ‖θ‖, and where L
# hardly pushes outward a polished run may end as far inside: one ended at 999.999998 of 1000.
ON_THE_WALL = 1 - 1e-6


def on_the_wall(weight_norm: Any, maxnorm: float) -> Any:
    """Whether a weight norm, or each of several, is that of the wall or beyond it.

    Parameters
    ----------
    weight_norm : float or array
    maxnorm : float

    Returns
    -------
    bool, or bool array
    """
    return weight_norm >= maxnorm * ON_THE_WALL
