"""Kills snakemake and its jobs at random moments of a tiny sweep, and goes on as the documents say, until it is done.

python tests/interruptions.py SECONDS [SEED] does so for that long and says how many kills were survived.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from pandas.testing import assert_frame_equal  # noqa: E402

from flatchannels.storage import run_records, table_files  # noqa: E402
from flatchannels.storage.schemas.catalogue import SCHEMAS  # noqa: E402

TABLES = ["results/statistics/runs.parquet", "results/statistics/shares.parquet"]
KILLS_PER_SWEEP = 5  # at most; after that it may finish


def command(*arguments):
    """Snakemake with the tiny preset, and the Snakefile of this checkout."""
    tiny = ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "tests" / "tiny.yaml"]
    return [sys.executable, "-m", "snakemake", *map(str, [*TABLES, *tiny, "--cores", "2", *arguments])]


def run(directory, *arguments):
    """Let it finish; what it said, and its exit code last."""
    return subprocess.run(command(*arguments), cwd=directory, capture_output=True, text=True, timeout=900)


def jobs(session):
    """Numbers of the scripts that work for a snakemake, which leads this session."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            if os.getsid(int(path.name)) == session and b"workflow/scripts/" in words and not words.startswith((b"/bin/sh", b"/bin/bash")):
                found.append(int(path.name))
        except OSError:
            pass
    return found


def interrupt(directory, rng, longest):
    """Start snakemake, kill something with SIGKILL after a random time. Returns what was killed, or "nothing" if it was done before."""
    process = subprocess.Popen(command(), cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(rng.uniform(0, longest / 2))
        return "nothing"
    except subprocess.TimeoutExpired:
        pass
    kind = rng.choice(["snakemake", "snakemake and its jobs", "a job"])
    victims = jobs(process.pid)
    if kind == "a job" and victims:
        _kill(rng.choice(victims))
        process.wait(900)
        return kind
    os.kill(process.pid, signal.SIGKILL)  # its jobs live on as orphans
    process.wait()
    if kind != "snakemake":
        for victim in jobs(process.pid):
            _kill(victim)
    return kind if kind != "a job" else "snakemake and its jobs"


def _kill(number):
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


def digests(directory):
    """Record → digest of its content, seconds left out."""
    paths = (Path(directory) / "results" / "runs").rglob("*.npz")
    return {str(path.relative_to(directory)): run_records.read_runs(path)[0]["sha256"] for path in sorted(paths)}


def check_equal(first, second):
    """The same records and tables, but for seconds."""
    assert digests(first) == digests(second) != {}
    for path in TABLES:
        tables = [table_files.read_table(Path(folder) / path, SCHEMAS[Path(path).stem]) for folder in (first, second)]
        assert_frame_equal(*(table.drop(columns=table.filter(like="seconds").columns) for table in tables), check_exact=True)


def empty(directory):
    """A directory to run in, with the compiled kernels of this checkout, which are made if need be."""
    cache = ROOT / "results" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (directory / "results").mkdir(parents=True)
    (directory / "results" / "cache").symlink_to(cache)
    return directory


def undisturbed(directory):
    """The sweep without interruptions."""
    empty(directory)
    done = run(directory)
    assert done.returncode == 0, done.stderr
    return directory


def survive(reference, folder, seconds, seed=0):
    """For so many seconds: kinds of kills → number, sweeps. AssertionError where something was lost or differs."""
    rng, begin = random.Random(seed), time.monotonic()
    counts, sweeps = {}, 0
    longest = 10.0  # s from the start to a kill; from the second sweep on as long as one takes
    while time.monotonic() < begin + seconds:
        directory = empty(folder / f"sweep{sweeps}")
        for _ in range(KILLS_PER_SWEEP):
            kind = interrupt(directory, rng, longest)
            counts[kind] = counts.get(kind, 0) + 1
            unlocked = run(directory, "--unlock")
            assert unlocked.returncode == 0, unlocked.stderr
            if kind == "nothing":
                break
        start = time.monotonic()
        done = run(directory)
        assert done.returncode == 0, done.stderr
        longest = max(longest, time.monotonic() - start)
        check_equal(reference, directory)
        shutil.rmtree(directory)
        sweeps += 1
    return counts, sweeps


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        kills = survive(undisturbed(folder / "undisturbed"), folder, float(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0)
        print(*kills, "sweeps, all bitwise equal but for seconds")
