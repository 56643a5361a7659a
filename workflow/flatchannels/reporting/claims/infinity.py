"""The claim on power laws along channels: C13."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from flatchannels.reporting.claims.verdict import FAILS, HOLDS, NUMERICAL, UNDECIDED, Tables, Verdict, claim

EXPONENTS = {"excess": 2, "limit_error": 2, "largest": -2}  # C13, columns of the table of jumps
EXPONENT_TOLERANCE = 0.02
CLOSE = 1e-3  # of c, a and cos(Δ, w) to their limits, relative where these are larger than 1


@claim("C13", "Along a channel L − L_∞ and the error of the limit fall as ε², λ_max grows as ε⁻², and c, a, cos(Δ, w) converge.")
def power_laws(tables: Tables) -> Verdict:
    """Exponents over the last decade of ε of the jump procedure within 2 %. Source: paper, Appendix C.1, Figure 5.

    The points are those of one channel, without sampling error; the numerical one is how far they lie off a power law.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    jumps = tables.get("jumps", pd.DataFrame(columns=["stage"]))
    jumps = jumps[jumps["stage"] == "jump"]
    quantity, counted = "exponent of L − L_∞", "points along one channel"
    decision = (f"all exponents, with twice their numerical errors, within {EXPONENT_TOLERANCE:.0%} over the last decade of ε, c, a and "
                f"cos(Δ, w) there closer than {CLOSE:g} to those of the limit network (holds), any outside (does not hold)")  # fmt: skip
    if len(jumps) < 3:
        return Verdict(UNDECIDED, quantity, np.nan, np.nan, np.nan, NUMERICAL, 0, counted, decision, "no certified channel", 0.0)
    fits = {key: fit_power_law(jumps["epsilon"], jumps[key]) for key in EXPONENTS}
    last = jumps.sort_values("epsilon").iloc[0]
    distances = {key: abs(last[key] - last[f"limit_{key}"]) / max(abs(last[f"limit_{key}"]), 1.0) for key in ["c", "a", "cosine"]}
    off = {key: abs(fits[key].exponent - wanted) for key, wanted in EXPONENTS.items()}
    allowed = {key: EXPONENT_TOLERANCE * abs(wanted) for key, wanted in EXPONENTS.items()}
    holds = all(off[key] + 2 * fits[key].error < allowed[key] for key in EXPONENTS) and max(distances.values()) < CLOSE
    fails = any(off[key] - 2 * fits[key].error > allowed[key] for key in EXPONENTS) or max(distances.values()) >= CLOSE
    detail = ", ".join(f"{key} {exponent:.4f} ± {error:.1g}" for key, (exponent, _, error) in fits.items())
    distance = ", ".join(f"{key} {value:.1g}" for key, value in distances.items())
    exponent, _, error = fits["excess"]
    return Verdict(
        HOLDS if holds else FAILS if fails else UNDECIDED, quantity, exponent, exponent - error, exponent + error,
        NUMERICAL, len(jumps), counted, decision,
        f"exponents: {detail}; distances from the limit at ε = {last['epsilon']:.2g}: {distance}", 0.0,
    )  # fmt: skip


class PowerLaw(NamedTuple):
    """A power law, values ≈ e^constant · ε^exponent.

    Attributes
    ----------
    exponent : float
    constant : float
    error : float
        The standard error of the exponent.
    """

    exponent: float
    constant: float
    error: float


def fit_power_law(epsilon: ArrayLike, values: ArrayLike) -> PowerLaw:
    """The power law through values at ε, by least squares of logarithms over the last decade of ε; NaN below three points.

    Parameters
    ----------
    epsilon : (n,)
    values : (n,)

    Returns
    -------
    PowerLaw
    """
    epsilon, values = np.asarray(epsilon, dtype=float), np.asarray(values, dtype=float)
    last = (epsilon <= 10 * epsilon.min()) & (values > 0)
    if last.sum() < 3:
        return PowerLaw(np.nan, np.nan, np.nan)
    # Not scipy's linregress: it has the error from 1 − r², and tells 1e-8 of an exact law where r² is rounded to the number below 1.
    (exponent, constant), covariance = np.polyfit(np.log(epsilon[last]), np.log(values[last]), 1, cov=True)
    return PowerLaw(float(exponent), float(constant), float(np.sqrt(covariance[0, 0])))


def power_law(epsilon: ArrayLike, values: ArrayLike) -> tuple[float, float]:
    """Exponent and logarithm of the constant of `fit_power_law`.

    Parameters
    ----------
    epsilon : (n,)
    values : (n,)

    Returns
    -------
    exponent, constant : float
    """
    return fit_power_law(epsilon, values)[:2]
