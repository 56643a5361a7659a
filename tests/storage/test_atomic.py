"""A file is there whole or not at all."""

import errno
import os

import pytest

from flatchannels.storage import atomic
from flatchannels.storage.errors import RecordError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    atomic.write_text(tmp_path / "note", "old")

    def broken(*names):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "replace", broken)
    with pytest.raises(RecordError, match="note: cannot be written: No space left on device$"):
        atomic.write_text(tmp_path / "note", "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["note"] and (tmp_path / "note").read_text() == "old"
