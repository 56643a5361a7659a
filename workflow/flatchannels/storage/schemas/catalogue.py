"""All tables by name, and the document that lists their columns: python -m flatchannels.storage.schemas.catalogue."""

from flatchannels.storage.run_format import RUN_ARRAYS
from flatchannels.storage.schemas.channels import CHANNEL_SCHEMAS
from flatchannels.storage.schemas.claims import CLAIM_SCHEMAS
from flatchannels.storage.schemas.columns import Schema
from flatchannels.storage.schemas.infinity import INFINITY_SCHEMAS
from flatchannels.storage.schemas.run_arrays import meaning_and_unit
from flatchannels.storage.schemas.runs import RUN_SCHEMAS
from flatchannels.storage.schemas.saddles import SADDLE_SCHEMAS
from flatchannels.storage.schemas.toy import TOY_SCHEMAS

_SCHEMAS = [*RUN_SCHEMAS, *CHANNEL_SCHEMAS, *SADDLE_SCHEMAS, *INFINITY_SCHEMAS, *TOY_SCHEMAS, *CLAIM_SCHEMAS]
SCHEMAS: dict[str, Schema] = {schema.name: schema for schema in _SCHEMAS}
HEAD = """\
# Tables and their columns

Written by `python -m flatchannels.storage.schemas.catalogue`, from `workflow/flatchannels/storage/schemas`; a test keeps both equal.
The same words stand in the tables themselves:

```python
import pyarrow.parquet

for field in pyarrow.parquet.read_schema("results/statistics/runs.parquet"):
    print(field.name, field.type, {key.decode(): value.decode() for key, value in field.metadata.items()})
```

Units: y is that of the target, θ that of the parameters. Both are 1 for standardised data, and a number without dimension has the
unit 1 too. A loss is a mean squared error, hence in y²; t is the time of the flow dθ/dt = −∇L, hence in θ²/y². Numbers of a run that
failed are NaN or 0.
"""
RECORDS = """\
## Run records

No tables, but npz files; `flatchannels.storage.run_records.read_runs` reads one. The first axis runs over the runs of the block; P is
that of the parameters, T that of the samples of the flow, S that of the spectra. The ends of shorter flows are filled up with NaN. The
member `meta`, JSON, says by which sweep, dataset, network, seed and settings the runs were made.
"""


def document() -> str:
    """The text of docs/tables.md."""
    parts = [HEAD]
    for schema in SCHEMAS.values():
        cells = [(f"`{name}`", column.kind, column.unit, column.meaning.replace("|", "\\|")) for name, column in schema.columns.items()]
        rows = [f"| {' | '.join(row)} |" for row in cells]
        parts.append("\n".join([f"## {schema.name}", "", f"One row per {schema.row}.", "", "| column | type | unit | meaning |",
                                "|---|---|---|---|", *rows, ""]))  # fmt: skip
    return "\n".join([*parts, _records()])


def _records() -> str:
    """The part about the arrays of run records."""
    rows = []
    for key, form in RUN_ARRAYS.items():
        meaning, unit = meaning_and_unit(key)
        rows.append(f"| `{key}` | {form.dtype} | {', '.join(['runs', *form.axes])} | {unit} | {meaning} |")
    return "\n".join([RECORDS, "| array | type | axes | unit | meaning |", "|---|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    print(document(), end="")
