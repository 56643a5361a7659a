"""A wheel works away from the checkout: library, command line, and the workflow laid out from it."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flatchannels.pipeline import places

ROOT = Path(__file__).parents[1]


def parts(folder):
    """The files of a workflow, relative to its folder."""
    return {
        path.relative_to(folder).as_posix()
        for name in (*places.FILES, *places.FOLDERS)
        for path in ([folder / name] if (folder / name).is_file() else (folder / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_workflow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    listed = {path.relative_to(ROOT).as_posix() for patterns in project.values() for pattern in patterns for path in ROOT.glob(pattern)}
    assert listed == parts(ROOT)
    for target, patterns in project.items():
        assert all(Path("share/flatchannels", pattern).parent.as_posix() == target for pattern in patterns)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheel installed, without what it depends on: that is in this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves its traces beside the code
    places.lay_out(source)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source], check=True, cwd=folder)
    [wheel] = folder.glob("flatchannels-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True, cwd=folder)
    return folder


def away(installed, *arguments):
    """Run Python with the installed package, far from the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed / "site"), "NUMBA_CACHE_DIR": str(installed / "cache")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=installed, env=environment, timeout=600)


def test_command_line_and_library_work_away_from_the_checkout(installed):
    done = away(installed, "-c", "import flatchannels; print(flatchannels.__file__, flatchannels.__version__)")
    assert done.returncode == 0 and str(installed) in done.stdout
    for command in (["-m", "flatchannels"], [installed / "site" / "bin" / "flatchannels"]):
        done = away(installed, *command, "--version")
        assert done.returncode == 0 and done.stdout.strip()


def test_the_workflow_is_laid_out_whole_and_plans(installed):
    done = away(installed, "-m", "flatchannels", "workflow", "--copy", "study")
    assert done.returncode == 0, done.stderr
    study = installed / "study"
    assert parts(study) == parts(ROOT)
    assert os.access(study / "profiles/cluster-generic/submit.sh", os.X_OK)
    done = away(installed, "-m", "flatchannels.pipeline.config", study / "config/smoke.yaml")
    assert done.returncode == 0 and "runs in" in done.stdout
    assert "config/README.md" in away(installed, "-m", "flatchannels.pipeline.config", "--help").stdout
    done = away(installed, "-m", "snakemake", "-n", "--directory", study, "--snakefile", study / "Snakefile", "figB13")
    assert done.returncode == 0 and "figB13" in done.stdout + done.stderr


def test_a_folder_with_something_in_it_is_left_alone(installed, tmp_path):
    (tmp_path / "mine").write_text("precious")
    done = away(installed, "-m", "flatchannels", "workflow", "--copy", tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("flatchannels: ") and len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
