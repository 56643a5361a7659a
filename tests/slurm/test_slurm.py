"""The shipped profiles on a real Slurm: jobs that are cancelled, killed or too slow are tried again, and nothing differs."""

import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from cluster import ask, missing, slurm
from interruptions import empty
from pandas.testing import assert_frame_equal

from flatchannels.storage import run_records, table_files
from flatchannels.storage.schemas.runs import RUNS

ROOT = Path(__file__).parents[2]
LACKING = missing() or ("" if find_spec("snakemake_executor_plugin_slurm") else "snakemake-executor-plugin-slurm is not installed")
TABLE = "results/statistics/runs.parquet"
SLOW, CANCELLED, KILLED = 4, 5, 6  # numbers of jobs, all of rule runs

pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"NO TEST OF SLURM: {LACKING}")


def prolog(slow):
    """What each job runs first: those that are to be harmed wait for it, and one for ever."""
    return f"#!/bin/sh\ncase $SLURM_JOB_ID in {slow}) sleep 300;; {CANCELLED} | {KILLED}) sleep 20;; esac\n"


def command(*arguments):
    """Snakemake with the tiny preset, and the Snakefile of this checkout."""
    tiny = ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "tests" / "tiny.yaml"]
    return [sys.executable, "-m", "snakemake", TABLE, *tiny, *arguments]


def processes(conf, job=None):
    """Numbers of the processes that live in the Slurm of this configuration file, or in one of its jobs."""
    wanted = {f"SLURM_CONF={conf}".encode()} | ({f"SLURM_JOB_ID={job}".encode()} if job else set())
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if wanted <= set((path / "environ").read_bytes().split(b"\0")) and int(path.name) != os.getpid():
                found.append(int(path.name))
        except OSError:
            pass
    return found


def states(environment):
    """Number → state of each job."""
    shown = ask("scontrol", "show", "job", environment=environment)
    return {int(number): state for number, state in re.findall(r"JobId=(\d+) .*?JobState=(\w+)", shown, re.DOTALL)}


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The sweep without Slurm."""
    directory = empty(tmp_path_factory.mktemp("slurm") / "local")
    subprocess.run(command("--cores", "2"), cwd=directory, check=True, capture_output=True, timeout=900)
    return directory


@pytest.mark.parametrize(
    "profile, slow, minutes", [("slurm", SLOW, "attempt"), ("cluster-generic", None, "attempt*10")], ids=["slurm", "cluster-generic"]
)
def test_jobs_that_are_cancelled_killed_or_too_slow_are_tried_again_and_nothing_differs(local, tmp_path, profile, slow, minutes):
    remote = empty(tmp_path / "remote")
    (remote / "profiles").symlink_to(ROOT / "profiles")  # its commands are named from there
    with slurm(tmp_path / "slurm", prolog(slow)) as environment:
        said = open(tmp_path / "said", "w+")
        quick = ["--slurm-init-seconds-before-status-checks", "2"] if profile == "slurm" else ["--max-status-checks-per-second", "4"]
        quick += ["--latency-wait", "15", "--set-resources", f"runs:runtime={minutes}"]
        snakemake = subprocess.Popen(
            command("--profile", f"profiles/{profile}", *quick), cwd=remote, env=environment, stdout=said, stderr=said
        )
        try:
            harm(snakemake, environment, time.monotonic() + 400)
        finally:
            snakemake.kill()
            snakemake.wait()
        text = (tmp_path / "said").read_text()
        assert snakemake.returncode == 0, text
        ended = states(environment)
    harmed = [number for number in (slow, CANCELLED, KILLED) if number]
    assert ended.get(slow, "TIMEOUT") == "TIMEOUT" and ended[CANCELLED] == "CANCELLED" and ended[KILLED] in ("FAILED", "CANCELLED"), ended
    assert list(ended.values()).count("COMPLETED") == len(ended) - len(harmed), ended
    assert text.count("Trying to restart job") == len(harmed), text
    assert processes(environment["SLURM_CONF"]) == []
    check_equal(local, remote)


def harm(snakemake, environment, end):
    """Cancel one job and kill another while they run; wait for the end of snakemake."""
    waiting = {CANCELLED, KILLED}
    while snakemake.poll() is None and time.monotonic() < end:
        now = states(environment)
        for job in [job for job in waiting if now.get(job) == "RUNNING"]:
            if job == CANCELLED:
                ask("scancel", str(job), environment=environment)
                waiting.remove(job)
            elif victims := processes(environment["SLURM_CONF"], job):
                for victim in victims:
                    os.kill(victim, signal.SIGKILL)
                waiting.remove(job)
        time.sleep(0.5)


def check_equal(first, second):
    """The same records and tables, but for seconds."""
    paths = sorted(path.relative_to(first) for path in (first / "results" / "runs").rglob("*.npz"))
    assert len(paths) == 8 and paths == sorted(path.relative_to(second) for path in (second / "results" / "runs").rglob("*.npz"))
    for path in paths:
        assert run_records.read_runs(first / path)[0]["sha256"] == run_records.read_runs(second / path)[0]["sha256"], path
    tables = [table_files.read_table(folder / TABLE, RUNS) for folder in (first, second)]
    assert_frame_equal(*(table.drop(columns=table.filter(like="seconds").columns) for table in tables), check_exact=True)
