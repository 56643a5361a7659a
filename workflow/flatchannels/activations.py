"""Activation functions with their first three derivatives.

Each activation is one scalar function z → (σ, σ', σ'', σ'''), free of branches and of library calls, so that LLVM
turns the loops of `activate` into vector instructions: the exponential of numba costs 3.3 ns a number, the
polynomials below 0.4–1.4 ns, at the same accuracy of about 1e-16.

To add an activation: write its function, add its line to `activate` and `evaluate_all`, and to `ACTIVATIONS`.

Sources: paper, section 2 and Figure 2 (g); Muller, *Elementary Functions*, 3rd ed., chapter 11 (argument reduction);
Shepherd & Laframboise 1981 (the rational map for erfc).
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

# Reassociation would fold the rounding trick of `_exp_of_negative` away, so only fused multiply-add is allowed here.
SETTINGS = {"cache": True, "error_model": "numpy", "fastmath": {"contract"}}
SCALAR = SETTINGS | {"forceinline": True}  # a call that is not inlined keeps its loop from being vectorised

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # the leading bits of ln 2: a small integer times this is exact
LN2_LOW = 1.9082149292705877e-10
LN2 = 0.6931471805599453
ROUND_TO_INTEGER = 6755399441055744.0  # 1.5 · 2^52: adding it leaves the nearest integer in the low bits
SMALLEST_EXPONENT = -708.0  # exp underflows below
SQRT2_MINUS_1 = 0.41421356237309503
SQRT_HALF = 0.7071067811865476
SQRT_2_OVER_PI = 0.7978845608028654


@njit(**SCALAR)
def _exp_of_negative(x):
    """exp(x) for x ≤ 0 (Cody–Waite reduction, Taylor polynomial of degree 13 on |r| ≤ ln2 / 2)."""
    x = max(x, SMALLEST_EXPONENT)
    shifted = x * LOG2_E + ROUND_TO_INTEGER
    k = shifted - ROUND_TO_INTEGER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 1.984126984126984e-04
    p = p * r + 1.388888888888889e-03
    p = p * r + 8.333333333333333e-03
    p = p * r + 4.1666666666666664e-02
    p = p * r + 1.6666666666666666e-01
    p = p * r + 0.5
    p = (p * r) * r + r + 1.0
    power = (np.float64(shifted).view(np.int64) + np.int64(1023)) << np.int64(52)
    return p * np.int64(power).view(np.float64)


@njit(**SCALAR)
def _log1p_of_fraction(u):
    """log(1 + u) for 0 ≤ u ≤ 1, as 2 artanh(v / (2 + v)) after halving 1 + u where u > √2 − 1."""
    halve = u > SQRT2_MINUS_1
    v = 0.5 * (u - 1.0) if halve else u
    s = v / (2.0 + v)
    s2 = s * s
    # Taylor terms 1/(2k + 1); |s| ≤ 0.1716, so the first one left out is below 1e-17.
    p = 4.7619047619047616e-02
    p = p * s2 + 5.263157894736842e-02
    p = p * s2 + 5.8823529411764705e-02
    p = p * s2 + 6.666666666666667e-02
    p = p * s2 + 7.692307692307693e-02
    p = p * s2 + 9.090909090909091e-02
    p = p * s2 + 1.111111111111111e-01
    p = p * s2 + 1.4285714285714285e-01
    p = p * s2 + 0.2
    p = p * s2 + 3.3333333333333331e-01
    result = 2.0 * (s + s * (p * s2))
    return result + LN2 if halve else result


@njit(**SCALAR)
def _sigmoid_from(decay, z):
    """sigmoid(z) from decay = exp(−|z|)."""
    inverse = 1.0 / (1.0 + decay)
    return inverse if z >= 0.0 else decay * inverse


@njit(**SCALAR)
def softplus(z, smoothing):
    """log(1 + exp z), safe from overflow."""
    decay = _exp_of_negative(-abs(z))
    value = max(z, 0.0) + _log1p_of_fraction(decay)
    s = _sigmoid_from(decay, z)
    s1 = s * (1.0 - s)
    return value, s, s1, s1 * (1.0 - 2.0 * s)


@njit(**SCALAR)
def sigmoid(z, smoothing):
    """1 / (1 + exp(−z))."""
    s = _sigmoid_from(_exp_of_negative(-abs(z)), z)
    s1 = s * (1.0 - s)
    return s, s1, s1 * (1.0 - 2.0 * s), s1 * (1.0 - 6.0 * s1)


@njit(**SCALAR)
def g(z, smoothing):
    """sigmoid(4z) + softplus(z): the asymmetric activation of Figures 2 and 3."""
    decay = _exp_of_negative(-abs(z))
    decay2 = decay * decay
    p = _sigmoid_from(decay, z)
    q = _sigmoid_from(decay2 * decay2, z)
    p1 = p * (1.0 - p)
    q1 = q * (1.0 - q)
    value = max(z, 0.0) + _log1p_of_fraction(decay) + q
    return (value, p + 4.0 * q1, p1 + 16.0 * q1 * (1.0 - 2.0 * q),
            p1 * (1.0 - 2.0 * p) + 64.0 * q1 * (1.0 - 6.0 * q1))


@njit(**SCALAR)
def tanh(z, smoothing):
    """tanh z."""
    decay = _exp_of_negative(-2.0 * abs(z))
    magnitude = (1.0 - decay) / (1.0 + decay)
    t = magnitude if z >= 0.0 else -magnitude
    t1 = 1.0 - t * t
    return t, t1, -2.0 * t * t1, t1 * (6.0 * t * t - 2.0)


@njit(**SCALAR)
def erf(z, smoothing):
    """erf(z / √2), from erfc(x) = exp(−x²) q(t) / (1 + 2x), t = (x − 2) / (x + 2); q is a Chebyshev fit on [−1, 1]."""
    x = abs(z) * SQRT_HALF
    t = (x - 2.0) / (x + 2.0)
    q = 2.3276016782674513e-10
    q = q * t - 1.4276847782986204e-08
    q = q * t - 2.608477109026454e-08
    q = q * t + 9.110270309406622e-08
    q = q * t + 2.3591501687225773e-07
    q = q * t - 1.283145001602249e-07
    q = q * t - 9.484075426015245e-07
    q = q * t - 8.486280593803529e-07
    q = q * t + 1.5928194907995805e-06
    q = q * t + 5.3380619799498e-06
    q = q * t + 3.6625719586210967e-06
    q = q * t - 1.3550461660621755e-05
    q = q * t - 3.6405228656991725e-05
    q = q * t - 1.4901062178327189e-06
    q = q * t + 0.00015103451606103123
    q = q * t + 0.00020636268647766627
    q = q * t - 0.00045434003881532993
    q = q * t - 0.0014568132813392836
    q = q * t + 0.0012713388821376322
    q = q * t + 0.008722653817412258
    q = q * t - 0.008034015077442468
    q = q * t - 0.05422000098938379
    q = q * t + 0.1640512800333045
    q = q * t - 0.16603039761533683
    q = q * t - 0.09276382658574488
    q = q * t + 1.2769783815525289
    gauss = _exp_of_negative(-0.5 * z * z)
    magnitude = 1.0 - gauss * q / (1.0 + 2.0 * x)
    slope = SQRT_2_OVER_PI * gauss
    return magnitude if z >= 0.0 else -magnitude, slope, -z * slope, (z * z - 1.0) * slope


@njit(**SCALAR)
def relu(z, smoothing):
    """max(z, 0), or with smoothing ε > 0 the hyperbola (z + √(z² + ε²)) / 2 that tends to it.

    The derivative at the kink is taken as 0, the second derivative as 0 everywhere.
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


@njit(**SETTINGS)
def activate(code, smoothing, h, d1, d2):
    """σ, σ' and σ'' of one row, in place: h holds z on entry and σ(z) on return.

    Parameters
    ----------
    code : int, an `Activation.code`.  smoothing : float, used by relu alone.
    h, d1, d2 : float64 arrays (samples,)
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


@dataclass(frozen=True)
class Activation:
    """A registry entry: the code that the kernels branch on, and the scalar function z, ε → (σ, σ', σ'', σ''')."""

    code: int
    function: object
    homogeneous: bool = False  # σ(cz) = cσ(z) for c > 0: (w, a) → (cw, a/c) leaves the network unchanged
    linear_above: float = math.inf  # σ is linear to rounding, σ(z) = z + constant, for z above this
    linear_offset: float = 0.0

    def __call__(self, z):
        """σ, σ', σ'', σ''' of an array of any shape: four arrays of that shape."""
        z = np.asarray(z, dtype=float)
        values = np.array([self.function(float(v), 0.0) for v in z.ravel()]).reshape(*z.shape, 4)
        return tuple(np.moveaxis(values, -1, 0))


ACTIVATIONS = {
    "g": Activation(0, g),
    "softplus": Activation(1, softplus),
    "erf": Activation(2, erf),
    "relu": Activation(3, relu),
    "sigmoid": Activation(4, sigmoid),
    "tanh": Activation(5, tanh),
}
