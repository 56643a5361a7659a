"""Tables are read back, and know their name."""

import numpy as np
import pandas as pd
import pytest

from flatchannels.storage import table_files
from flatchannels.storage.errors import RecordError


def test_tables_are_read_back_and_open_in_pandas(tmp_path):
    table_files.write_table(tmp_path / "planted.parquet", "planted", pd.DataFrame({"name": ["a", "b"], "value": [1.5, np.nan]}))
    frame = table_files.read_table(tmp_path / "planted.parquet", "planted")
    pd.testing.assert_frame_equal(frame, pd.read_parquet(tmp_path / "planted.parquet"))
    with pytest.raises(RecordError, match="holds the table 'planted', not 'runs'"):
        table_files.read_table(tmp_path / "planted.parquet", "runs")
