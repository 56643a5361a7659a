"""How numba compiles the kernels, and how long it keeps them: what all of them have in common."""

import hashlib
import re
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import binding
from numba import config as numba_config
from numba import njit
from numba.core import caching, event

# LLVM keeps to vectors of 256 bits where a processor has wider ones, for programs that use few of them. The kernels are
# made of little else, and run a fifth faster at full width. NUMBA_CPU_FEATURES in the environment overrules this.
_config: Any = numba_config  # which sets its attributes when it is imported
_features = binding.get_host_cpu_features()
if _config.CPU_FEATURES is None and _features.get("avx512f"):
    _config.CPU_FEATURES = f"{_features.flatten()},-prefer-256-bit"

PACKAGE = Path(__file__).parents[1]
USES_NUMBA = re.compile(rb"^(?:from|import) (?:numba|llvmlite)", re.MULTILINE)
OF_CONSTANTS = {PACKAGE / "networks" / "blocks.py", PACKAGE / "infinity" / "plans.py"}  # whose numbers are compiled into kernels


@cache
def kernel_sources() -> bytes:
    """A digest of all files of the package that compiled code depends on.

    Returns
    -------
    bytes
    """
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        if path in OF_CONSTANTS or USES_NUMBA.search(content):
            digest.update(f"{path.relative_to(PACKAGE)} {len(content)}\n".encode() + content)
    return digest.digest()


class _OfAllKernels:
    """Compiled code of the package is taken from the cache as long as none of these files has changed.

    numba looks at the file of a function alone, not at those of the functions that it calls. After an edit of an activation the loops
    of networks would go on with the old one, and know nothing of a new one.
    """

    _py_file: str

    def get_source_stamp(self) -> Any:
        """What numba compares with the stamp of what it has kept."""
        own = super().get_source_stamp()  # type: ignore[misc]
        return (own, kernel_sources()) if Path(self._py_file).is_relative_to(PACKAGE) else own


class GivenFolder(_OfAllKernels, caching.UserProvidedCacheLocator):
    """NUMBA_CACHE_DIR."""


class BesideTheFile(_OfAllKernels, caching.InTreeCacheLocator):
    """`__pycache__`."""


class OfTheUser(_OfAllKernels, caching.UserWideCacheLocator):
    """Below the home folder."""


if not _config.CACHE_LOCATOR_CLASSES:  # which NUMBA_CACHE_LOCATOR_CLASSES in the environment sets
    _ours = [f"{__name__}.{locator.__name__}" for locator in (GivenFolder, BesideTheFile, OfTheUser)]
    _config.CACHE_LOCATOR_CLASSES = ",".join([*_ours, "IPythonCacheLocator", "ZipCacheLocator"])


def _can_cache() -> bool:
    """Whether numba finds a folder for compiled code: beside this file, below the home folder, or NUMBA_CACHE_DIR."""
    try:
        njit(cache=True)(_probe)
    except RuntimeError:  # numba says "no locator available" when a function is decorated
        return False
    return True


def _probe() -> None:
    """Something to decorate."""


class _Notice(event.Listener):
    """Says once per process that kernels are being compiled: it takes long, and only code that is not in the cache is."""

    def __init__(self) -> None:
        self.told = False

    def on_start(self, event: Any) -> None:
        """Called by numba before it compiles a function."""
        if not self.told and (event.data["dispatcher"].py_func.__module__ or "").startswith("flatchannels."):
            self.told = True
            kept = "once on this machine" if SETTINGS["cache"] else "in every process"
            print(f"flatchannels: compiling its kernels, which takes up to a minute, {kept} ...", file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """Nothing to say."""


SETTINGS: dict[str, Any] = {"cache": _can_cache(), "error_model": "numpy"}
if not SETTINGS["cache"]:
    warnings.warn(
        "neither the folder of flatchannels nor the home folder can be written: its kernels are compiled anew in every process; "
        "NUMBA_CACHE_DIR names a folder in which they are kept",
        stacklevel=2,
    )
event.register("numba:compile", _Notice())
