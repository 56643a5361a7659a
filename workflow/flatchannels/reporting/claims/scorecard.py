"""Tables → verdicts on all claims. The rule and the thresholds of each claim are the same for all presets."""

import numpy as np
import pandas as pd

from flatchannels.reporting.claims import channels, convergence, infinity, levels, saddle_lines, toy
from flatchannels.reporting.claims.verdict import CLAIMS, Tables
from flatchannels.storage.schemas import claims as schemas
from flatchannels.storage.table_files import typed_table

MODULES = [channels, convergence, infinity, levels, saddle_lines, toy]  # each registers its claims when it is imported


def judge(tables: Tables) -> pd.DataFrame:
    """Judge every claim, in the order of the paper; one without runs is undecided.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame, as `storage.schemas` describes them; one that is not there counts as empty.

    Returns
    -------
    DataFrame
        One row per claim.
    """
    claims = sorted(CLAIMS.items(), key=lambda item: int(item[0].removeprefix("C")))
    rows = [{"claim": key, "statement": claim.statement, **vars(claim.judge(tables))} for key, claim in claims]
    return typed_table(schemas.CLAIM_VERDICTS, rows)


def false_verdicts(verdicts: pd.DataFrame) -> str:
    """How many claims are judged, and how probable it is that chance alone makes at least one verdict false.

    By the sum of the chances of the single ones (Boole's inequality), and as if they were independent.

    Parameters
    ----------
    verdicts : DataFrame
        Of `judge`.

    Returns
    -------
    str
    """
    judged = verdicts[verdicts["n"] > 0]
    sampled = judged[judged["chance"] > 0]
    most = min(float(sampled["chance"].sum()), 1.0)
    independent = 1 - float(np.prod(1 - sampled["chance"]))
    return (
        f"{len(judged)} of {len(verdicts)} claims have data and are judged: {len(judged) - len(sampled)} by computations or counts without "
        f"sampling error, {len(sampled)} from samples, each with a chance of at most {sampled['chance'].max() if len(sampled) else 0:.0%} "
        f"that its verdict is false; that at least one is has a probability of at most {most:.0%}, {independent:.0%} were they independent."
    )
