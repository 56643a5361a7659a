"""Scripts of tests that need torch. It lives in an environment of its own (`make gp-environment`), whose packages are lent to them."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEND = "import sys; sys.path += sys.argv[1:2]\n"  # behind our own packages, so that only torch comes from there
PRELUDE = LEND + "import numpy as np, torch\nfrom torch import nn\n"


def python(script, *words):
    """Run a script where torch is; what it prints."""
    lent = "" if find_spec("torch") else next(map(str, (ROOT / ".venv-gp").glob("lib/python3.*/site-packages")), None)
    if lent is None:
        pytest.skip("no torch here: make gp-environment")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", PRELUDE + script, lent, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
