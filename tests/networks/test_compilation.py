"""The package is a guest in numba: functions of others are compiled as before."""

import subprocess
import sys

from checkouts import ROOT


def test_functions_without_a_module_are_compiled():
    script = """
import numba, flatchannels, flatchannels.networks.kernels
names = {}
exec("def f(x): return x + 1", names)
assert names["f"].__module__ is None
print(numba.njit(names["f"])(1))
"""
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT / "workflow")}, capture_output=True, text=True)
    assert done.stdout == "2\n", done.stderr
