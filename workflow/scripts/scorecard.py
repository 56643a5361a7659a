"""The verdicts on the paper's claims, as a table and as a text."""

import textwrap

from flatchannels.reporting.claims import scorecard
from flatchannels.storage import atomic, table_files
from flatchannels.storage.schemas.catalogue import SCHEMAS
from flatchannels.storage.schemas.claims import CLAIMS


def as_text(verdicts):
    """Each claim with its verdict, and below it the numbers: estimate, 95 % interval, runs, details."""
    lines = ["The paper's claims, as these runs show them:"]
    for row in verdicts.itertuples():
        numbers = f"{row.quantity}: {row.estimate:.3g} [{row.low:.3g}, {row.high:.3g}], {row.n} runs. {row.detail}"
        lines.append(f"{row.claim:5}{row.verdict}: {row.statement}")
        lines += textwrap.wrap(numbers, 120, initial_indent=" " * 5, subsequent_indent=" " * 5)
    return "\n".join(lines) + "\n"


def main(snakemake):
    verdicts = scorecard.judge({name: table_files.read_table(path, SCHEMAS[name]) for name, path in snakemake.input.items()})
    table_files.write_table(snakemake.output.table, CLAIMS, verdicts)
    atomic.write_text(snakemake.output.text, as_text(verdicts))


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
