"""Any damage to any kind of file is found."""

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels import Dataset
from flatchannels.storage import dataset_files, run_records, table_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.columns import Schema, number, text

PLANTED = Schema("planted", "letter", {"name": text("A letter."), "value": number("A number.")})


def write(kind, path):
    if kind == "runs":
        run_records.write_runs(path, synthetic.meta(), [synthetic.run(1)])
    elif kind == "dataset":
        dataset_files.write_dataset(path, Dataset(np.ones((4, 2)), np.arange(4.0), None), {"name": "planted"})
    else:
        table_files.write_table(path, PLANTED, pd.DataFrame({"name": ["a", "b"], "value": [1.5, np.nan]}))


READERS = {
    "runs": run_records.read_runs,
    "dataset": dataset_files.read_dataset_arrays,
    "table": lambda path: table_files.read_table(path, PLANTED),
}


@pytest.mark.parametrize("kind", READERS)
def test_equal_content_gives_equal_bytes(tmp_path, kind):
    write(kind, tmp_path / "first")
    write(kind, tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("kind", READERS)
def test_a_changed_byte_anywhere_is_detected(tmp_path, kind):
    write(kind, tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    rng = np.random.default_rng(7)
    places = np.concatenate([rng.integers(len(data), size=300), np.arange(len(data) - 150, len(data)), np.arange(50)])
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(RecordError, match="damaged: ") as error:
            READERS[kind](tmp_path / "damaged")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", READERS)
def test_a_truncation_at_any_length_is_detected(tmp_path, kind):
    write(kind, tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for length in {*range(0, len(data), 97), *range(len(data) - 80, len(data))}:
        (tmp_path / "truncated").write_bytes(data[:length])
        with pytest.raises(RecordError, match="truncated: "):
            READERS[kind](tmp_path / "truncated")
    (tmp_path / "truncated").write_bytes(data + b"x")
    with pytest.raises(RecordError):
        READERS[kind](tmp_path / "truncated")
