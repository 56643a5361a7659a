"""How numba compiles the kernels: what all of them have in common."""

import sys
import warnings
from typing import Any

from llvmlite import binding
from numba import config as numba_config
from numba import njit
from numba.core import event

# LLVM keeps to vectors of 256 bits where a processor has wider ones, for programs that use few of them. The kernels are
# made of little else, and run a fifth faster at full width. NUMBA_CPU_FEATURES in the environment overrules this.
_config: Any = numba_config  # which sets its attributes when it is imported
_features = binding.get_host_cpu_features()
if _config.CPU_FEATURES is None and _features.get("avx512f"):
    _config.CPU_FEATURES = f"{_features.flatten()},-prefer-256-bit"


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
