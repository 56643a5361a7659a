"""The dependency rule of pyproject.toml holds, and an import that breaks it is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(folder / "workflow")})


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(
        ROOT / "workflow" / "flatchannels", tmp_path / "workflow" / "flatchannels", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_each_room_reads_only_those_below_it():
    done = lint(ROOT)
    assert done.returncode == 0 and "0 broken" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module, statement",
    [
        ("networks/layout.py", "from flatchannels.data import seeds"),
        ("dynamics/flow.py", "import flatchannels.landscape.criteria"),
        ("landscape/criteria.py", "def late():\n    from flatchannels.studies import toy"),
        ("storage/run_records.py", "from flatchannels.networks import kernels"),
        ("reporting/claims/verdict.py", "import numba"),
        ("pipeline/config.py", "import numpy"),
    ],
)
def test_an_import_that_breaks_the_rule_is_found(copy, module, statement):
    path = copy / "workflow" / "flatchannels" / module
    path.write_text(f"{path.read_text()}\n\n{statement}\n")
    done = lint(copy)
    assert done.returncode == 1 and "broken" in done.stdout, done.stdout + done.stderr


def test_package_and_scripts_name_the_modules_that_they_import():
    """`from flatchannels import X` is for users: fingerprints follow imports by module."""
    for path in [*ROOT.glob("workflow/**/*.py")]:
        lines = [line for line in path.read_text().splitlines() if line.strip().startswith("from flatchannels import")]
        assert all(line.split("import")[1].strip() in {"names", "reasons"} for line in lines), path
