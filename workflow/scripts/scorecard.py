"""The verdicts on the paper's claims, as a table and as a text."""

import textwrap

from flatchannels.pipeline import jobs
from flatchannels.reporting.claims import scorecard
from flatchannels.reporting.claims.verdict import EXACT, NUMERICAL
from flatchannels.storage import atomic, table_files
from flatchannels.storage.schemas.catalogue import SCHEMAS
from flatchannels.storage.schemas.claims import CLAIM_VERDICTS


def as_text(verdicts):
    """Each claim with its verdict, and below it the numbers: estimate, interval, what they rest on, details."""
    lines = ["The paper's claims, as these runs show them:", *wrapped(scorecard.false_verdicts(verdicts), "")]
    for row in verdicts.itertuples():
        lines.append(f"{row.claim:5}{row.verdict}: {row.statement}")
        numbers = f"{estimate(row)}, {row.n} {row.counted}. {row.detail}" if row.n else "no data"
        lines += wrapped(f"{row.quantity}: {numbers}", " " * 5)
    return "\n".join(lines) + "\n"


def estimate(row):
    """0.2 [0.176, 0.226] (95 % interval by run), 2 ± 3e-05 (numerical error) or 1 (exact)."""
    if row.estimate != row.estimate:
        return "no estimate"
    if row.uncertainty == EXACT:
        return f"{row.estimate:.3g} (exact)"
    if row.uncertainty == NUMERICAL:
        return f"{row.estimate:.6g} ± {row.high - row.estimate:.1g} (numerical error)"
    if row.high - row.low == float("inf"):
        return f"{row.estimate:.3g} (a single network: no interval)"
    return f"{row.estimate:.3g} [{row.low:.3g}, {row.high:.3g}] ({row.uncertainty})"


def wrapped(text, indent):
    """The text in lines of 120 characters; its own lines, as those of a table, stay lines."""
    look = {"width": 120, "initial_indent": indent, "subsequent_indent": indent, "drop_whitespace": True}
    return [part for line in text.split("\n") for part in textwrap.wrap(line, **look)]


def main(snakemake):
    verdicts = scorecard.judge({name: table_files.read_table(path, SCHEMAS[name]) for name, path in snakemake.input.items()})
    table_files.write_table(snakemake.output.table, CLAIM_VERDICTS, verdicts)
    atomic.write_text(snakemake.output.text, as_text(verdicts))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
