"""Tables are read back, know what their columns mean, and are of their schema or refused."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.columns import Schema, count, flag, number, numbers, text
from flatchannels.storage.table_files import read_table, typed_table, write_table

PLANTED = Schema(
    "planted",
    "letter",
    {"name": text("A letter."), "value": number("A loss.", "y²"), "runs": count("How many."), "good": flag("Whether it is good.")},
)
FRAME = pd.DataFrame({"name": ["a", "b"], "value": [1.5, np.nan], "runs": [3, 4], "good": [True, False]})


@pytest.fixture
def path(tmp_path):
    write_table(tmp_path / "planted.parquet", PLANTED, FRAME)
    return tmp_path / "planted.parquet"


def test_tables_are_read_back_and_open_in_pandas(path):
    pd.testing.assert_frame_equal(read_table(path, PLANTED), FRAME)
    pd.testing.assert_frame_equal(pd.read_parquet(path), FRAME)


def test_a_file_says_what_its_rows_and_columns_are(path):
    fields = {field.name: field.metadata for field in pq.read_schema(path)}
    assert fields["value"] == {b"meaning": b"A loss.", b"unit": "y²".encode()}
    assert fields["name"] == {b"meaning": b"A letter.", b"unit": b""}
    assert read_table(path, PLANTED).attrs["row"] == "letter"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({key: PLANTED.columns[key] for key in ["name", "value", "runs"]}, "the table planted has good too"),
        (PLANTED.columns | {"more": text("More.")}, "the table planted lacks more"),
        (dict(reversed(PLANTED.columns.items())), "the table planted has its columns in another order"),
        (PLANTED.columns | {"runs": number("How many.")}, "the column runs of the table planted has type int64; it must be float64"),
        (PLANTED.columns | {"name": count("A letter.")}, "the column name of the table planted has type str; it must be int64"),
    ],
)
def test_a_table_that_is_not_of_its_schema_is_neither_read_nor_written(path, tmp_path, columns, problem):
    schema = Schema("planted", "letter", columns)
    with pytest.raises(RecordError, match=f"planted.parquet: {problem}$"):
        read_table(path, schema)
    with pytest.raises(RecordError, match=f"new.parquet: {problem}$"):
        write_table(tmp_path / "new.parquet", schema, FRAME)
    assert list(tmp_path.iterdir()) == [path]


def test_another_table_is_refused_by_its_name(path):
    with pytest.raises(RecordError, match="holds the table 'planted', not 'other'"):
        read_table(path, Schema("other", "letter", PLANTED.columns))


def test_rows_get_the_columns_and_types_of_their_schema():
    rows = [{"runs": 1, "good": True, "name": "a", "more": 0}, {"runs": 2, "good": False, "name": "b", "value": 0.5}]
    frame = typed_table(PLANTED, rows)
    assert frame.dtypes.astype(str).to_dict() == PLANTED.kinds and frame["value"].isna().tolist() == [True, False]
    assert typed_table(PLANTED, []).dtypes.astype(str).to_dict() == PLANTED.kinds
    with pytest.raises(ValueError, match="rows of the table planted lack name, good"):
        typed_table(PLANTED, [{"runs": 1}])


def test_lists_of_numbers_are_read_back_whatever_their_lengths(tmp_path):
    lists = Schema("lists", "thing", {"name": text("Its name."), "theta": numbers("Its numbers.")})
    values = [np.random.default_rng(n).normal(size=n) for n in range(5)]
    write_table(tmp_path / "lists.parquet", lists, typed_table(lists, {"name": list("abcde"), "theta": values}))
    found = read_table(tmp_path / "lists.parquet", lists)
    assert found["name"].tolist() == list("abcde")
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(found["theta"], values, strict=True))
    write_table(tmp_path / "none.parquet", lists, typed_table(lists, []))
    assert len(read_table(tmp_path / "none.parquet", lists)) == 0
