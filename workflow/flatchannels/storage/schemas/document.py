"""Writes docs/tables.md, what each column and array means: python -m flatchannels.storage.schemas.document > docs/tables.md."""

from collections.abc import Iterable, Mapping, Sequence

from flatchannels.storage.dataset_files import DATASET_ARRAYS, TEST_ARRAYS
from flatchannels.storage.products import SADDLES, TOY
from flatchannels.storage.run_format import RUN_ARRAYS
from flatchannels.storage.schemas.catalogue import SCHEMAS
from flatchannels.storage.schemas.product_arrays import DATASET_MEANINGS, SADDLE_MEANINGS, TOY_MEANINGS
from flatchannels.storage.schemas.run_arrays import meaning_and_unit

HEAD = """\
# Tables and their columns

Written by `python -m flatchannels.storage.schemas.document`, from `workflow/flatchannels/storage/schemas`; a test keeps both equal.
The same words stand in the tables themselves:

```python
import pyarrow.parquet

for field in pyarrow.parquet.read_schema("results/statistics/runs.parquet"):
    print(field.name, field.type, {key.decode(): value.decode() for key, value in field.metadata.items()})
```

Units: x and y are those of inputs and target, θ that of the parameters. All are 1 for standardised data, and a number without dimension
has the unit 1 too. A loss is a mean squared error, hence in y²; t is the time of the flow dθ/dt = −∇L, hence in θ²/y². Numbers of a
run that failed are NaN or 0.
"""
RECORDS = """\
## Run records

No tables, but npz files; `flatchannels.storage.run_records.read_runs` reads one. The first axis runs over the runs of the block; P is
that of the parameters, T that of the samples of the flow, S that of the spectra. The ends of shorter flows are filled up with NaN. The
member `meta`, JSON, says by which sweep, dataset, network, seed and settings the runs were made.
"""
PRODUCTS = """\
## Datasets and what figures draw

npz files too; `flatchannels.storage.dataset_files` and `flatchannels.storage.products` read them. Axes are letters, and equal letters are
equal lengths within a file. The ends of shorter flows are filled up with NaN; all lengths are 0 where no example was found.
"""
KIND_WORDS = {"object": "list of float64"}  # where a type's own name does not say it
AXES_OF_DATASETS = {"x": "ND", "y": "N", "weights": "N", "x_test": "MD", "y_test": "M"}


def document() -> str:
    """The text of docs/tables.md.

    Returns
    -------
    str
    """
    parts = [HEAD]
    for schema in SCHEMAS.values():
        rows = [
            (f"`{name}`", KIND_WORDS.get(column.kind, column.kind), column.unit, column.meaning) for name, column in schema.columns.items()
        ]
        parts += [f"## {schema.name}\n\nOne row per {schema.row}.\n", table(["column", "type", "unit", "meaning"], rows)]
    runs = [(f"`{key}`", form.dtype, ", ".join(["runs", *form.axes]), *meaning_and_unit(key)[::-1]) for key, form in RUN_ARRAYS.items()]
    parts += [RECORDS, table(["array", "type", "axes", "unit", "meaning"], runs), PRODUCTS]
    dataset = {key: AXES_OF_DATASETS[key] for key in DATASET_ARRAYS | TEST_ARRAYS}
    parts += ["### datasets/….npz\n", _arrays(dataset, DATASET_MEANINGS)]
    for name, form in SADDLES.items():
        parts += [f"### saddles/{name}.npz\n", _arrays(form, SADDLE_MEANINGS[name])]
    for name, form in TOY.items():
        parts += [f"### toy/{name.removeprefix('toy_')}.npz\n", _arrays(form, TOY_MEANINGS[name])]
    return "\n".join(parts)


def _arrays(form: Mapping[str, str], meanings: Mapping[str, tuple[str, str]]) -> str:
    """The table of float64 arrays of some axes."""
    rows = [(f"`{key}`", ", ".join(axes), *meanings[key][::-1]) for key, axes in form.items()]
    return table(["array", "axes", "unit", "meaning"], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequence of str

    Returns
    -------
    str
    """
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in [head, *escaped]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:], ""])


if __name__ == "__main__":
    print(document(), end="")
