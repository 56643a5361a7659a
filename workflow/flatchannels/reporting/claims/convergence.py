"""The claim on convergence: C16."""

from flatchannels.reporting.claims.verdict import (
    CONVERGED_SHARE,
    EXACT,
    FAILS,
    HOLDS,
    UNDECIDED,
    Tables,
    Verdict,
    claim,
    level_shares,
    pooled,
)


@claim("C16", "Final gradients are tiny and the smallest Hessian eigenvalues are not negative.")
def converged(tables: Tables) -> Verdict:
    """At least 99 % of these runs: a statement about them, not about a population. Source: paper, Figure A3.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    rows = level_shares(tables, "converged", bias=None, first_width=1)
    count, n = rows["count"].sum(), rows["runs"].sum()
    verdict = UNDECIDED if n == 0 else HOLDS if count / n >= CONVERGED_SHARE else FAILS
    decision = f"at least {CONVERGED_SHARE:.0%} of these runs with ‖∇(L + R)‖∞ < 1e-9 and λ_min > −1e-6 λ_max"
    return pooled(rows, verdict, "share of converged runs", decision, EXACT)
