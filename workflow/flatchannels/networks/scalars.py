"""Activation functions with their first three derivatives, compiled: what the kernels call for each sample.

Each activation is one scalar function z → (σ, σ', σ'', σ'''), free of branches and of library calls, so that LLVM
turns the loops of `activate` into vector instructions: the exponential of numba costs 3.3 ns a number, the
polynomials below 0.4–1.4 ns, at the same accuracy of about 1e-16.

Each has a record in `activations`, with the same formulas in NumPy: a test holds the two against each other.

Sources: paper, section 2 and Figure 2 (g); Muller, *Elementary Functions*, 3rd ed., chapter 11 (argument reduction);
Shepherd & Laframboise 1981 (the rational map for erfc).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from flatchannels.networks.compilation import SETTINGS

# Reassociation would fold the rounding trick of `_exp_of_negative` away, so only fused multiply-add is allowed here.
LOOP = SETTINGS | {"fastmath": {"contract"}}
SCALAR = LOOP | {"forceinline": True}  # a call that is not inlined keeps its loop from being vectorised

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # the leading bits of ln 2: a small integer times this is exact
LN2_LOW = 1.9082149292705877e-10
LN2 = 0.6931471805599453
ROUND_TO_INTEGER = 6755399441055744.0  # 1.5 · 2^52: adding it leaves the nearest integer in the low bits
# Below, exp is 0: as in single precision. Nothing is lost beside numbers of order 1, and products of up to eight such values stay
# normal: where neurons are steep, most of these values would be subnormal, with which a processor is a hundred times slower.
SMALLEST_EXPONENT = -87.0
SQRT2_MINUS_1 = 0.41421356237309503
SQRT_HALF = 0.7071067811865476
SQRT_2_OVER_PI = 0.7978845608028654


@njit(**SCALAR)
def _exp_of_negative(x):
    """exp(x) for x ≤ 0: Cody–Waite reduction to |r| ≤ ln2 / 2, then 1 + r + r² times a Chebyshev fit."""
    smallest = x <= SMALLEST_EXPONENT
    x = max(x, SMALLEST_EXPONENT)
    shifted = x * LOG2_E + ROUND_TO_INTEGER
    k = shifted - ROUND_TO_INTEGER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    # Estrin's order: the vector units wait for each other less than in Horner's.
    low = (0.5000000000000001 + 0.1666666666666667 * r) + (0.04166666666662412 + 0.008333333333326134 * r) * r2
    middle = (1.3888888917215586e-3 + 1.9841269874822307e-4 * r) + (2.4801521293463862e-5 + 2.755725539833871e-6 * r) * r2
    high = 2.762008948195459e-7 + 2.5105217695684516e-8 * r
    p = ((low + middle * r4 + high * (r4 * r4)) * r2 + r) + 1.0
    power = (np.float64(shifted).view(np.int64) + np.int64(1023)) << np.int64(52)
    return 0.0 if smallest else p * np.int64(power).view(np.float64)


@njit(**SCALAR)
def _halved(u):
    """v with 1 + u = (1 + v) or 2 (1 + v), whichever is nearer to 1, for 0 ≤ u ≤ 1: the reduction of log(1 + u)."""
    return 0.5 * (u - 1.0) if u > SQRT2_MINUS_1 else u


@njit(**SCALAR)
def _log1p_of_fraction(u, s):
    """log(1 + u) for 0 ≤ u ≤ 1 as 2 artanh(s), s = v / (2 + v) with v = `_halved(u)`; a Chebyshev fit in s²."""
    s2 = s * s
    s4 = s2 * s2
    low = (0.3333333333333335 + 0.19999999999949478 * s2) + (0.14285714313098116 + 0.11111105551174168 * s2) * s4
    high = (0.09091445640054642 + 0.07665827831701023 * s2) + 0.07308603044037272 * s4
    result = 2.0 * (s + s * ((low + high * (s4 * s4)) * s2))
    return result + LN2 if u > SQRT2_MINUS_1 else result


@njit(**SCALAR)
def softplus(z, smoothing):
    """log(1 + exp z), safe from overflow.

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    decay = _exp_of_negative(-abs(z))
    v = _halved(decay)
    reciprocal = 1.0 / ((1.0 + decay) * (2.0 + v))  # one division for both quotients
    p = (2.0 + v) * reciprocal
    value = max(z, 0.0) + _log1p_of_fraction(decay, v * (1.0 + decay) * reciprocal)
    s = p if z >= 0.0 else decay * p
    s1 = s * (1.0 - s)
    return value, s, s1, s1 * (1.0 - 2.0 * s)


@njit(**SCALAR)
def sigmoid(z, smoothing):
    """1 / (1 + exp(−z)).

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    decay = _exp_of_negative(-abs(z))
    p = 1.0 / (1.0 + decay)
    s = p if z >= 0.0 else decay * p
    s1 = s * (1.0 - s)
    return s, s1, s1 * (1.0 - 2.0 * s), s1 * (1.0 - 6.0 * s1)


@njit(**SCALAR)
def g(z, smoothing):
    """sigmoid(4z) + softplus(z): the asymmetric activation of Figures 2 and 3.

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    decay = _exp_of_negative(-abs(z))
    decay2 = decay * decay
    decay4 = decay2 * decay2
    v = _halved(decay)
    ab = (1.0 + decay) * (2.0 + v)
    reciprocal = 1.0 / (ab * (1.0 + decay4))  # one division for three quotients
    p = (2.0 + v) * (1.0 + decay4) * reciprocal
    q = ab * reciprocal
    softplus_value = max(z, 0.0) + _log1p_of_fraction(decay, v * (1.0 + decay) * (1.0 + decay4) * reciprocal)
    p = p if z >= 0.0 else decay * p
    q = q if z >= 0.0 else decay4 * q
    p1 = p * (1.0 - p)
    q1 = q * (1.0 - q)
    return (softplus_value + q, p + 4.0 * q1, p1 + 16.0 * q1 * (1.0 - 2.0 * q), p1 * (1.0 - 2.0 * p) + 64.0 * q1 * (1.0 - 6.0 * q1))


@njit(**SCALAR)
def tanh(z, smoothing):
    """tanh z.

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    decay = _exp_of_negative(-2.0 * abs(z))
    magnitude = (1.0 - decay) / (1.0 + decay)
    t = magnitude if z >= 0.0 else -magnitude
    t1 = 1.0 - t * t
    return t, t1, -2.0 * t * t1, t1 * (6.0 * t * t - 2.0)


@njit(**SCALAR)
def erf(z, smoothing):
    """erf(z / √2), from erfc(x) = exp(−x²) q(t) / (1 + 2x), t = (x − 2) / (x + 2); q is a Chebyshev fit on [−1, 1].

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    x = abs(z) * SQRT_HALF
    reciprocal = 1.0 / ((x + 2.0) * (1.0 + 2.0 * x))
    t = (x - 2.0) * (1.0 + 2.0 * x) * reciprocal
    t2 = t * t
    t4 = t2 * t2
    t8 = t4 * t4
    q0 = (1.2769783815525289 - 0.09276382658574488 * t) + (-0.16603039761533683 + 0.1640512800333045 * t) * t2
    q1 = (-0.05422000098938379 - 0.008034015077442468 * t) + (0.008722653817412258 + 0.0012713388821376322 * t) * t2
    q2 = (-0.0014568132813392836 - 0.00045434003881532993 * t) + (0.00020636268647766627 + 0.00015103451606103123 * t) * t2
    q3 = (-1.4901062178327189e-06 - 3.6405228656991725e-05 * t) + (-1.3550461660621755e-05 + 3.6625719586210967e-06 * t) * t2
    q4 = (5.3380619799498e-06 + 1.5928194907995805e-06 * t) + (-8.486280593803529e-07 - 9.484075426015245e-07 * t) * t2
    q5 = (-1.283145001602249e-07 + 2.3591501687225773e-07 * t) + (9.110270309406622e-08 - 2.608477109026454e-08 * t) * t2
    q6 = -1.4276847782986204e-08 + 2.3276016782674513e-10 * t
    q = (q0 + q1 * t4) + (q2 + q3 * t4) * t8 + ((q4 + q5 * t4) + q6 * t8) * (t8 * t8)
    gauss = _exp_of_negative(-0.5 * z * z)
    magnitude = 1.0 - gauss * q * ((x + 2.0) * reciprocal)
    slope = SQRT_2_OVER_PI * gauss
    return magnitude if z >= 0.0 else -magnitude, slope, -z * slope, (z * z - 1.0) * slope


@njit(**SCALAR)
def gelu(z, smoothing):
    """z Φ(z), with Φ the distribution of a standard normal variable.

    Source: Hendrycks & Gimpel 2016.

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    value, slope, _, _ = erf(z, smoothing)
    below = 0.5 * (1.0 + value)
    density = 0.5 * slope
    return z * below, below + z * density, (2.0 - z * z) * density, (z * z - 4.0) * z * density


@njit(**SCALAR)
def silu(z, smoothing):
    """z / (1 + exp(−z)).

    Source: Elfwing, Uchibe & Doya 2018.

    Parameters
    ----------
    z : float
    smoothing : float
        Not used.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    s, s1, s2, s3 = sigmoid(z, smoothing)
    return z * s, s + z * s1, 2.0 * s1 + z * s2, 3.0 * s2 + z * s3


@njit(**SCALAR)
def relu(z, smoothing):
    """max(z, 0), or with smoothing ε > 0 the hyperbola (z + √(z² + ε²)) / 2 that tends to it.

    The derivative at the kink is taken as 0, the second derivative as 0 everywhere.

    Parameters
    ----------
    z : float
    smoothing : float
        ε.

    Returns
    -------
    σ, σ', σ'', σ''' : float
    """
    root = math.sqrt(z * z + smoothing * smoothing)
    inverse = 1.0 / root if smoothing > 0.0 else 0.0
    smooth = 1.0 + z * inverse
    slope = 0.5 * smooth if smoothing > 0.0 else (1.0 if z > 0.0 else 0.0)
    # For z < 0 the sum z + root cancels; ε² / (root − z) does not.
    value = 0.5 * (z + root) if z >= 0.0 else 0.5 * smoothing * smoothing / (root - z)
    ratio = smoothing * inverse
    curvature = 0.5 * ratio * ratio * inverse
    return value, slope, curvature, -3.0 * curvature * z * inverse * inverse


@njit(**LOOP)
def activate(code, smoothing, h, d1, d2):
    """σ, σ' and σ'' of one row, in place: h holds z on entry and σ(z) on return.

    Parameters
    ----------
    code : int
        The `code` of an activation's record.
    smoothing : float
        Used by relu alone.
    h : (samples,)
    d1, d2 : (samples,)
        For σ' and σ''.
    """
    samples = h.size
    if code == 0:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = g(h[n], smoothing)
    elif code == 1:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = softplus(h[n], smoothing)
    elif code == 2:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = erf(h[n], smoothing)
    elif code == 3:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = relu(h[n], smoothing)
    elif code == 4:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = sigmoid(h[n], smoothing)
    elif code == 5:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = tanh(h[n], smoothing)
    elif code == 6:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = gelu(h[n], smoothing)
    elif code == 7:
        for n in range(samples):
            h[n], d1[n], d2[n], _ = silu(h[n], smoothing)


FUNCTIONS = {
    "g": g,
    "softplus": softplus,
    "erf": erf,
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "gelu": gelu,
    "silu": silu,
}


def kernel_values(name: str, z: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """σ and its first three derivatives, as the kernels compute them.

    Parameters
    ----------
    name : str
        Of the activation.
    z : array of any shape

    Returns
    -------
    four arrays of that shape
    """
    z = np.asarray(z, dtype=float)
    values = np.array([FUNCTIONS[name](float(v), 0.0) for v in z.ravel()]).reshape(*z.shape, 4)
    return tuple(np.moveaxis(values, -1, 0))
