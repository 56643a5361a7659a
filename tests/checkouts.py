"""Copies of this checkout, and snakemake in them as a user calls it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]


def snakemake(directory, *arguments, checkout=None):
    """Run snakemake in a checkout, or with the Snakefile of another one."""
    there = ["--snakefile", checkout / "Snakefile"] if checkout else []
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *there, *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory, timeout=1200)


def forked(directory, *arguments):
    """Exit code and words of snakemake in a directory, in a fork of this process, which has imported it already."""
    from snakemake.cli import main  # before the fork: it takes longest

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            signal.alarm(120)
            os.chdir(directory)
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout, sys.stderr = (open(number, "w", buffering=1, encoding="utf-8", errors="replace") for number in (1, 2))
            sys.argv = ["snakemake", *map(str, arguments)]
            code = main(sys.argv[1:])
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
    os.close(writing)
    with open(reading, "rb") as words:
        said = words.read().decode("utf-8", "replace")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def planned(directory, *arguments, config="config/smoke.yaml", checkout=None):
    """Rule → number of jobs that snakemake would run."""
    done = snakemake(directory, *arguments, "--dry-run", "--configfile", config, checkout=checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    stats = re.search(r"^Job stats:\n.*?\n-[- ]+\n(.*?)^total", done.stdout + done.stderr, re.MULTILINE | re.DOTALL)
    return {line.split()[0]: int(line.split()[1]) for line in stats[1].splitlines()} if stats else {}


def copy_checkout(source, target):
    """What the workflow consists of, with new file times."""
    unwanted = shutil.ignore_patterns("__pycache__")
    for folder in ["workflow", "config", "envs", "profiles"]:
        shutil.copytree(source / folder, target / folder, symlinks=True, copy_function=shutil.copyfile, ignore=unwanted)
    shutil.copyfile(source / "Snakefile", target / "Snakefile")
    return target
