"""Copies of this checkout, and snakemake in them as a user calls it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def snakemake(directory, *arguments, checkout=None):
    """Run snakemake in a checkout, or with the Snakefile of another one."""
    there = ["--snakefile", checkout / "Snakefile"] if checkout else []
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *there, *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=directory, timeout=1200)


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
