"""The image has what the workflow needs: its context holds every file, and it installs from the lock with hashes."""

import getpass
import os
import pwd
import re
from pathlib import Path

from flatchannels.pipeline import places

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def test_the_context_holds_what_a_workflow_consists_of_and_no_environment():
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "**" and all((ROOT / path).exists() for path in let_in)
    for needed in [*places.FILES, *places.FOLDERS, "workflow/flatchannels"]:
        assert any(needed == path or needed.startswith(f"{path}/") for path in let_in), needed
    assert not any(path.startswith((".venv", ".git", "results")) for path in let_in - {"results/README.md"})


def test_what_is_copied_first_is_there_and_packages_come_from_the_lock():
    copied = [line.split()[1:-1] for line in LINES if line.startswith("COPY")]
    assert copied[-1] == ["."] and all((ROOT / path).exists() for paths in copied[:-1] for path in paths)
    installs = re.findall(r"pip install ([^&;]+)", "\n".join(line for line in LINES if line.startswith("RUN")))
    assert [("--require-hashes" in text, text.split("-r ")[1].strip()) for text in installs] == [
        (True, "requirements.lock"), (False, "requirements-gp.txt"),
    ]  # fmt: skip


def test_the_python_of_the_image_is_one_that_the_package_supports():
    [base] = [line for line in LINES if line.startswith("FROM")]
    assert re.fullmatch(r"FROM python:3\.1[1-3]-slim-\w+", base)


def test_whoever_runs_it_has_a_name_even_without_an_entry_among_the_users(monkeypatch):
    def no_entry(uid):
        raise KeyError(uid)

    variables = dict(word.split("=", 1) for line in LINES if line.startswith("ENV") for word in line.split()[1:])
    monkeypatch.setattr(os, "environ", variables)
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    assert getpass.getuser()  # what Snakemake calls
