"""The environment of jobs: the interpreter of whoever starts them, this checkout's package and scripts, one core each."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
KERNEL_CACHE = "cache/numba"  # of compiled kernels, below the folder of results of the default preset


def of_jobs(workflow: Path, around: Mapping[str, str]) -> dict[str, str]:
    """The variables to set.

    Parameters
    ----------
    workflow : Path
        The folder with the package and the scripts.
    around : mapping
        The environment in which they are set.

    Returns
    -------
    dict
    """
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), around.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(workflow), around.get("PYTHONPATH")])),
        "SCRIPTS": str(workflow / "scripts"),
        **dict.fromkeys(THREAD_VARIABLES, "1"),
    }
