"""The claim on power laws along channels: C13."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flatchannels.reporting.claims.verdict import FAILS, HOLDS, UNDECIDED, Verdict, claim

EXPONENTS = {"excess": 2, "limit_error": 2, "largest": -2}  # C13, columns of the table of jumps
EXPONENT_TOLERANCE = 0.02
CLOSE = 1e-3  # of c, a and cos(Δ, w) to their limits, relative where these are larger than 1


@claim("C13", "Along a channel L − L_∞ and the error of the limit fall as ε², λ_max grows as ε⁻², and c, a, cos(Δ, w) converge.")
def power_laws(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Exponents over the last decade of ε of the jump procedure within 2 %. Source: paper, Appendix C.1, Figure 5."""
    jumps = tables.get("jumps", pd.DataFrame(columns=["stage"]))
    jumps = jumps[jumps["stage"] == "jump"]
    decision = (f"all exponents within {EXPONENT_TOLERANCE:.0%} over the last decade of ε, and c, a, cos(Δ, w) there closer than "
                f"{CLOSE:g} to those of the limit network (holds), otherwise does not hold")  # fmt: skip
    if len(jumps) < 3:
        return Verdict(UNDECIDED, "exponent of L − L_∞", np.nan, np.nan, np.nan, 0, decision, "no certified channel")
    exponents = {key: power_law(jumps["epsilon"], jumps[key])[0] for key in EXPONENTS}
    last = jumps.sort_values("epsilon").iloc[0]
    distances = {key: abs(last[key] - last[f"limit_{key}"]) / max(abs(last[f"limit_{key}"]), 1.0) for key in ["c", "a", "cosine"]}
    holds = all(abs(exponents[key] / wanted - 1) < EXPONENT_TOLERANCE for key, wanted in EXPONENTS.items())
    detail = ", ".join(f"{key} {value:.4f}" for key, value in exponents.items())
    distance = ", ".join(f"{key} {value:.1g}" for key, value in distances.items())
    low, high = min(map(abs, exponents.values())), max(map(abs, exponents.values()))
    return Verdict(
        HOLDS if holds and max(distances.values()) < CLOSE else FAILS, "exponent of L − L_∞ (range: of all three, without sign)",
        exponents["excess"], low, high, len(jumps), decision,
        f"exponents: {detail}; distances from the limit at ε = {last['epsilon']:.2g}: {distance}",
    )  # fmt: skip


def power_law(epsilon: Sequence[float] | np.ndarray | pd.Series, values: Sequence[float] | np.ndarray | pd.Series) -> tuple[float, float]:
    """Exponent and logarithm of the constant of values ∝ ε^exponent, by least squares over the last decade of ε."""
    epsilon, values = np.asarray(epsilon, dtype=float), np.asarray(values, dtype=float)
    last = (epsilon <= 10 * epsilon.min()) & (values > 0)
    if last.sum() < 2:
        return np.nan, np.nan
    exponent, constant = np.polyfit(np.log(epsilon[last]), np.log(values[last]), 1)
    return float(exponent), float(constant)
