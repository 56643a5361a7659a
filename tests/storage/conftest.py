"""A block of three runs, the second of which raised."""

import pytest
import synthetic

from flatchannels.storage import run_records
from flatchannels.storage.run_records import Failure


@pytest.fixture
def block(tmp_path):
    path = tmp_path / "seeds-1-3.npz"
    run_records.write_runs(path, synthetic.meta(), [synthetic.run(1), Failure(2, "ValueError: no"), synthetic.run(3)])
    return path
