"""Every table says what its columns are, and the document says the same."""

from pathlib import Path

import pytest

from flatchannels.pipeline import sources
from flatchannels.storage.dataset_files import DATASET_ARRAYS, TEST_ARRAYS
from flatchannels.storage.products import SADDLES, TOY
from flatchannels.storage.run_format import RUN_ARRAYS
from flatchannels.storage.schemas import catalogue, document, product_arrays, run_arrays
from flatchannels.storage.schemas.columns import CURVATURE, GRADIENT, LOSS, NORM, ONE, TIME, WEIGHT

ROOT = Path(__file__).parents[2]
UNITS = {
    "float64": {ONE, LOSS, GRADIENT, CURVATURE, TIME, NORM, WEIGHT, "y", "s", ""},
    "int64": {ONE},
    "str": {""},
    "bool": {""},
    "object": {WEIGHT},
}


@pytest.mark.parametrize("schema", catalogue.SCHEMAS.values(), ids=catalogue.SCHEMAS)
def test_every_column_has_a_type_a_unit_and_a_sentence(schema):
    assert schema.row and schema.columns
    for name, column in schema.columns.items():
        assert column.unit in UNITS[column.kind], name
        assert column.meaning.endswith((".", "…")) and "\n" not in column.meaning, name


@pytest.mark.parametrize(
    ("script", "used"),
    [
        ("runs.py", set()),
        ("saddle_lines.py", {"columns", "saddles"}),
        ("toy.py", {"columns", "toy"}),
    ],
)
def test_what_simulates_depends_on_the_schemas_of_its_own_tables_alone(script, used):
    files = sources.imported([ROOT / "workflow" / "scripts" / script])
    assert {path.stem for path in files if path.parent.name == "schemas"} - {"__init__"} == used


def test_the_document_lists_all_tables_and_columns():
    assert (ROOT / "docs" / "tables.md").read_text() == document.document(), (
        "python -m flatchannels.storage.schemas.catalogue > docs/tables.md"
    )


def test_the_results_describe_every_table():
    described = (ROOT / "results" / "README.md").read_text()
    places = "statistics", "sweeps/<sweep>"
    assert [name for name in catalogue.SCHEMAS if not any(f"`{place}/{name}.parquet`" in described for place in places)] == []


def test_the_rules_write_every_table():
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert [name for name in catalogue.SCHEMAS if f"{name}.parquet" not in rules and f'"{name}"' not in rules] == []


def test_every_array_has_a_unit_and_a_sentence():
    told = {key: run_arrays.meaning_and_unit(key) for key in RUN_ARRAYS}
    pairs = [(RUN_ARRAYS, told), (DATASET_ARRAYS | TEST_ARRAYS, product_arrays.DATASET_MEANINGS)]
    pairs += [(form, product_arrays.SADDLE_MEANINGS[name]) for name, form in SADDLES.items()]
    pairs += [(form, product_arrays.TOY_MEANINGS[name]) for name, form in TOY.items()]
    for form, meanings in pairs:
        assert set(form) == set(meanings)
        for key, (meaning, unit) in meanings.items():
            assert meaning.endswith(".") and unit in UNITS["float64"] | {"x", "rad"}, key
