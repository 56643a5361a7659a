"""Equal content gives equal bytes, and a file of another kind is refused."""

import io
import zipfile

import numpy as np
import pytest

from flatchannels.storage import archives, dataset_files, run_records
from flatchannels.storage.errors import RecordError


def test_the_content_digest_ignores_wall_times_alone(tmp_path, block):
    meta, arrays = run_records.read_runs(block)
    assert archives.content_digest(arrays) == meta["sha256"]
    arrays["seconds_flow"] = arrays["seconds_flow"] + 1
    assert archives.content_digest(arrays) == meta["sha256"]
    arrays["loss"] = np.nextafter(arrays["loss"], 1)
    assert archives.content_digest(arrays) != meta["sha256"]


def test_members_carry_no_dates(block):
    with zipfile.ZipFile(io.BytesIO(block.read_bytes())) as archive:
        assert {info.date_time for info in archive.infolist()} == {archives.ZIP_EPOCH}


def test_missing_foreign_and_mismatched_files_are_named(tmp_path, block):
    np.savez(tmp_path / "foreign.npz", loss=np.ones(3))
    (tmp_path / "text.npz").write_text("no npz")
    for name, problem in [("absent.npz", "No such file"), ("foreign.npz", "no seal"), ("text.npz", "not an npz file")]:
        with pytest.raises(RecordError, match=f"{name}: .*{problem}"):
            run_records.read_runs(tmp_path / name)
    with pytest.raises(RecordError, match="holds 'flatchannels runs', not 'flatchannels dataset'"):
        dataset_files.read_dataset_arrays(block)
