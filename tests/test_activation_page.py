"""The page "An activation of your own" makes one: what it says is done in a copy, and the tests that it names pass there.

Without compilation, which would take most of a minute: numba then runs the same functions as Python.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-to" / "activation.md").read_text(encoding="utf-8")
PACKAGE = "workflow/flatchannels"
# The place of each block, in the order of the page: a file, and what it goes before.
PLACES = [
    (f"{PACKAGE}/networks/scalars.py", "@njit(**LOOP)\ndef activate("),
    (f"{PACKAGE}/networks/scalars.py", "\n\nFUNCTIONS = {"),
    (f"{PACKAGE}/networks/scalars.py", "}\n\n\ndef kernel_values"),
    (f"{PACKAGE}/infinity/kernels.py", "    for n in range(z.size):\n        d0[n], d1[n], d2[n], d3[n], d4[n] = _kept"),
    (f"{PACKAGE}/networks/activations.py", "@dataclass(frozen=True)\nclass Reflection"),
    (f"{PACKAGE}/networks/activations.py", "}\n<end>"),
    (f"{PACKAGE}/networks/torch_modules.py", '}\nSILENT = ("Flatten"'),
    ("tests/networks/test_activations.py", "}\nSMOOTH = "),
]
FOURTH = """
import numpy as np
from flatchannels.infinity.kernels import _activate
from flatchannels.networks.activations import ACTIVATIONS
z = np.linspace(-6, 6, 101)
for name, record in ACTIVATIONS.items():
    if not record.homogeneous:
        rows = np.full((5, z.size), np.nan)
        _activate(record.code, z, *rows)
        assert np.allclose(rows, record.derivatives(z), rtol=1e-11, atol=1e-12), name
print(*ACTIVATIONS)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy in which the page was followed."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in (PACKAGE, "tests/networks"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for block, (file, anchor) in zip(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL), PLACES):
        block += "\n\n" if block.startswith(("@", "def ")) else ""
        text = (copy / file).read_text(encoding="utf-8") + "<end>"
        assert text.count(anchor) == 1, (file, anchor)
        (copy / file).write_text(text.replace(anchor, block + anchor).removesuffix("<end>"), encoding="utf-8")
    return copy


def done(checkout, *words):
    environment = os.environ | {"PYTHONPATH": str(checkout / "workflow"), "NUMBA_DISABLE_JIT": "1"}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment, cwd=checkout)


def test_the_tests_of_activations_pass_with_the_new_one(checkout):
    result = done(
        checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/networks/test_activations.py", "-k", "sine or every_record"
    )
    assert result.returncode == 0, result.stdout
    assert int(re.search(r"(\d+) passed", result.stdout)[1]) > 10


def test_limits_at_infinity_have_its_fourth_derivative(checkout):
    result = done(checkout, "-c", FOURTH)
    assert result.returncode == 0 and result.stdout.split()[-1] == "sine", result.stderr


def test_files_and_tests_that_the_page_names_are_there():
    named = re.findall(r"\b(?:workflow|tests|config)/[\w/.]*\w", PAGE)
    assert named and [path for path in named if not (ROOT / path).exists()] == []


def test_fields_of_the_record_are_those_of_the_page():
    from dataclasses import fields

    from flatchannels.networks.activations import Activation

    told = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(told) == sorted({field.name for field in fields(Activation)} - {"code", "derivatives"})
