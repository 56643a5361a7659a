"""A job finds all that it opens among the inputs that its rule declares: it is run where nothing else is."""

import json
import os
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from checkouts import ROOT, snakemake

RULES = """
runs network_routes routes jumps runs_table table channels saddle_lines plateau channel_line escapes channel_updates scorecard fig2 fig4
""".split()
EMPTY_HANDED = {"compile", "dataset", "toy", "relu_channel"}  # read nothing that the pipeline made


def jobs_of(directory):
    """Rule → outputs and inputs of its jobs, as Snakemake keeps them. Of the rule `table` the one that reads most."""
    found = {}
    for path in (directory / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            kept = json.loads(path.read_text())
            name = "".join(part.removeprefix("@") for part in path.relative_to(directory / ".snakemake" / "metadata").parts)
            output = b64decode(name).decode()
            found.setdefault(kept["rule"], []).append((output, kept["input"]))
    return {rule: max(jobs, key=lambda job: len(job[1])) for rule, jobs in found.items()}


def test_every_rule_that_reads_is_tried(whole):
    figures = {path.stem for path in (ROOT / "workflow" / "report").glob("fig*.rst")}
    assert set(jobs_of(whole[0])) == set(RULES) | EMPTY_HANDED | figures


@pytest.mark.parametrize("rule", RULES)
def test_a_job_reads_what_its_rule_declares_and_nothing_else(whole, tmp_path, rule):
    output, inputs = jobs_of(whole[0])[rule]
    assert inputs
    for path in map(Path, inputs):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(whole[0] / path, tmp_path / path)
    (tmp_path / "results" / "cache").symlink_to(os.path.realpath(whole[0] / "results" / "cache"))
    arguments = ["--configfile", ROOT / "tests" / "whole.yaml", "--allowed-rules", rule, "--", output]
    done = snakemake(tmp_path, *arguments, checkout=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / output).exists()
    made = {str(path.relative_to(tmp_path)) for path in (tmp_path / "results" / "whole").rglob("*.npz")}
    assert made <= {*inputs, output}
