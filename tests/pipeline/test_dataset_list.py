"""`make datasets`: which files there are, and their checksums."""

import hashlib
import subprocess
import sys
from pathlib import Path

from flatchannels.pipeline import config as settings
from flatchannels.pipeline import dataset_list

ROOT = Path(__file__).parents[2]


def config(file="config.yaml"):
    return settings.validate(settings.load(ROOT / "config" / file), file)


def test_the_files_are_those_of_the_sweeps_with_and_without_draws():
    every, without = dataset_list.files(config()), dataset_list.files(config(), with_draws=False)
    assert set(without) < set(every) and Path("results/datasets/rosenbrock-grid.npz") in without
    assert len([path for path in every if path.name.startswith("gp-")]) == 4 * 9 and not [
        path for path in without if path.name.startswith("gp-")
    ]


def test_checksums_are_those_that_sha256sum_finds(tmp_path):
    paths = [tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "missing.npz"]
    for path in paths[:2]:
        path.write_bytes(path.name.encode())
    lines = dataset_list.write_checksums(paths).read_text().splitlines()
    assert lines == [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}" for name in ("a.npz", "b.npz")]


def test_a_broken_configuration_gets_one_line(tmp_path):
    (tmp_path / "broken.yaml").write_text("seed: -1\n")
    command = [sys.executable, "-m", "flatchannels.pipeline.dataset_list", tmp_path / "broken.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "workflow")})
    assert done.returncode == 1 and "seed is -1" in done.stderr and "Traceback" not in done.stderr
