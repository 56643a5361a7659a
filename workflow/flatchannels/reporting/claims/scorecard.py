"""Tables → verdicts on all claims. The rule and the thresholds of each claim are the same for all presets."""

import pandas as pd

from flatchannels.reporting.claims import channels, convergence, infinity, levels, saddle_lines, toy
from flatchannels.reporting.claims.verdict import CLAIMS
from flatchannels.storage.schemas import claims as schemas
from flatchannels.storage.table_files import typed_table

MODULES = [channels, convergence, infinity, levels, saddle_lines, toy]  # each registers its claims when it is imported


def judge(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per claim, in the order of the paper.

    tables: dict of the tables that `storage.schemas` describes; one that is not there counts as empty. A claim without runs is undecided.
    """
    claims = sorted(CLAIMS.items(), key=lambda item: int(item[0].removeprefix("C")))
    rows = [{"claim": key, "statement": statement, **vars(function(tables))} for key, (statement, function) in claims]
    return typed_table(schemas.CLAIMS, rows)
