"""How numba compiles the kernels: what all of them have in common."""

from llvmlite import binding
from numba import config

SETTINGS = {"cache": True, "error_model": "numpy"}

# LLVM keeps to vectors of 256 bits where a processor has wider ones, for programs that use few of them. The kernels are
# made of little else, and run a fifth faster at full width. NUMBA_CPU_FEATURES in the environment overrules this.
_features = binding.get_host_cpu_features()
if config.CPU_FEATURES is None and _features.get("avx512f"):
    config.CPU_FEATURES = f"{_features.flatten()},-prefer-256-bit"
