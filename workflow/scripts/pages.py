"""Pages of the report: the scorecard, and tables that a person reads."""

import html

from scorecard import estimate

from flatchannels.pipeline import jobs
from flatchannels.storage import atomic, table_files
from flatchannels.storage.schemas.catalogue import SCHEMAS

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 1.5rem; color: #222; }
table { border-collapse: collapse; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th { position: sticky; top: 0; background: #f4f4f4; }
dt { font-weight: 600; } dd { margin: 0 0 0.3rem 1rem; }
.holds { color: #00714f; } .does { color: #b33c00; } .undecided { color: #666; }
"""


def page(title, lead, head, rows):
    """A page of its own with one table.

    Parameters
    ----------
    title, lead : texts; the lead is HTML.
    head : names of the columns.
    rows : lists of cells: numbers, texts, or (text, class).
    """
    body = "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    columns = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>\n'
        f"<h1>{html.escape(title)}</h1>\n{lead}\n<table><thead><tr>{columns}</tr></thead>\n<tbody>\n{body}\n</tbody></table></html>\n"
    )


def cell(value):
    """A cell of a table: numbers to four digits, at the right; texts escaped."""
    text, kind = value if isinstance(value, tuple) else (value, "")
    if isinstance(text, float):
        text, kind = ("" if text != text else f"{text:.4g}"), "number"
    elif isinstance(text, int) and not isinstance(text, bool):
        text, kind = str(text), "number"
    return f'<td class="{kind}">{html.escape(str(text))}</td>' if kind else f"<td>{html.escape(str(text))}</td>"


def scorecard_page(verdicts):
    """Each claim with its verdict, the numbers and what they rest on."""
    rows = [
        [row.claim, (row.verdict, row.verdict.split()[0]), row.statement, f"{row.quantity}: {estimate(row)}" if row.n else "no data",
         f"{row.n} {row.counted}", row.detail]
        for row in verdicts.itertuples()
    ]  # fmt: skip
    lead = "<p>The paper's claims, as these runs show them. “Undecided”: these runs are too few to tell.</p>"
    return page("Scorecard", lead, ["claim", "verdict", "what the paper says", "measured", "from", "details"], rows)


def table_page(name, table):
    """A table with the meaning of its columns."""
    schema = SCHEMAS[name]
    meanings = "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(column.meaning)}</dd>" for key, column in schema.columns.items())
    row = html.escape(schema.row.replace("`", ""))
    lead = f"<p>One row per {row}.</p><details><summary>What the columns mean</summary><dl>{meanings}</dl></details>"
    return page(name.replace("_", " "), lead, list(table.columns), table.astype(object).to_numpy().tolist())


def main(snakemake):
    for name, path in snakemake.output.items():
        table = table_files.read_table(snakemake.input[name], SCHEMAS[name])
        atomic.write_text(path, scorecard_page(table) if name == "claims" else table_page(name, table))


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
