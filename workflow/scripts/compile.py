"""Compiles the kernels into numba's cache, once for all processes: compile.py OUTPUT.

Other scripts import this before anything of numba, and call `once`. The cache lies under
<fingerprint of the kernels, from the Snakefile>/<processor>, because numba does not notice an edit in a file that a kernel's own
file imports.
"""

import fcntl
import os
import sys
from pathlib import Path

from llvmlite import binding

import flatchannels

CPU = binding.get_host_cpu_name()
CACHE = Path(os.environ.get("NUMBA_CACHE_DIR", "results/cache/numba")).absolute() / CPU


os.environ["NUMBA_CACHE_DIR"] = str(CACHE)


def once(fill=None, name="complete"):
    """Fills the cache, unless it is full already. Of several processes one compiles, and the others wait for it.

    fill : what compiles, and the name of its stamp; nothing for the kernels of runs.
    """
    # numba finds a kernel in its cache only if the kernel's file has kept its path and time.
    files = sorted(Path(flatchannels.__file__).parent.rglob("*.py"))
    state = "".join(f"{path} {path.stat().st_mtime_ns}\n" for path in files)
    stamp = CACHE / f"{name}.txt"
    if stamp.exists() and stamp.read_text() == state:
        return
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (stamp.exists() and stamp.read_text() == state):
                if fill is None:
                    from flatchannels.dynamics import training

                    fill = training.compile_kernels
                fill()
                stamp.write_text(state)
    except OSError as error:
        sys.exit(f"{CACHE}: the compiled kernels cannot be kept there: {error.strerror}")


if __name__ == "__main__":
    from flatchannels.pipeline import jobs
    from flatchannels.storage import atomic

    with jobs.mistakes_in_one_line():
        once()
        atomic.write_text(sys.argv[1], f"{CACHE.parent.name}\n")
