"""Compiled kernels are those of the sources, whichever file was edited."""

import ast
import os
import shutil
import subprocess
import sys

import pytest

from flatchannels.networks.compilation import OF_CONSTANTS, PACKAGE, USES_NUMBA

# Both functions stand in files of their own, as an activation and the loop that calls it.
INNER = "from numba import njit\nfrom flatchannels.networks.compilation import SETTINGS\n@njit(**SETTINGS)\ndef inner(z):\n    return {}\n"
OUTER = """
from numba import njit
from flatchannels.inner import inner
from flatchannels.networks.compilation import SETTINGS
@njit(**SETTINGS)
def outer(z):
    return inner(z)
"""
FOREIGN = "from numba import njit\n@njit(cache=True)\ndef foreign(z):\n    return z\n"
SCRIPT = """
from flatchannels.outer import outer
from foreign import foreign
print(outer(3.0), foreign(1.0), sum(outer.stats.cache_hits.values()), sum(foreign.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path):
    """A package of this name that holds `compilation` and two files of compiled functions, and one beside it."""
    (tmp_path / "flatchannels" / "networks").mkdir(parents=True)
    for name in ("__init__.py", "networks/__init__.py", "networks/compilation.py"):
        shutil.copy(PACKAGE / name, tmp_path / "flatchannels" / name)
    (tmp_path / "flatchannels" / "inner.py").write_text(INNER.format("z"))
    (tmp_path / "flatchannels" / "outer.py").write_text(OUTER)
    (tmp_path / "foreign.py").write_text(FOREIGN)
    return tmp_path


def printed(folder, **environment):
    unset = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    given = unset | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=given, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("given", [False, True], ids=["beside the files", "NUMBA_CACHE_DIR"])
def test_an_edit_of_what_a_kernel_calls_compiles_the_kernel_anew_and_nothing_else_does(package, given):
    environment = {"NUMBA_CACHE_DIR": str(package / "cache")} if given else {}
    assert printed(package, **environment) == ["3.0", "1.0", "0", "0"]
    assert printed(package, **environment) == ["3.0", "1.0", "1", "1"]
    (package / "flatchannels" / "inner.py").write_text(INNER.format("z * z"))
    assert printed(package, **environment) == ["9.0", "1.0", "0", "1"]  # what others compiled is none of our business


def test_constants_of_kernels_come_from_files_whose_edits_are_noticed():
    for path in PACKAGE.rglob("*.py"):
        if not USES_NUMBA.search(content := path.read_bytes()):
            continue
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flatchannels."):
                source = PACKAGE.parent / f"{node.module.replace('.', '/')}.py"
                constants = [alias.name for alias in node.names if alias.name.isupper()]
                assert not constants or source in OF_CONSTANTS or USES_NUMBA.search(source.read_bytes()), (path, constants)
