"""One run of everything, as small as can be, for several files of tests."""

import pytest
from checkouts import ROOT, snakemake
from interruptions import empty


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A directory with all products of tests/whole.yaml, and what snakemake said."""
    directory = empty(tmp_path_factory.mktemp("whole") / "whole")
    done = snakemake(directory, "--configfile", ROOT / "tests" / "whole.yaml", checkout=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory, done.stdout + done.stderr
