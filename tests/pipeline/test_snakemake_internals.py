"""What the pipeline takes from inside Snakemake is still there, and means what it is taken for."""

import json
import re
import subprocess
import sys
import threading

import pytest
from checkouts import ROOT
from snakemake.api import SnakemakeApi  # noqa: F401, the scheduler cannot be imported before
from snakemake.scheduling.job_scheduler import JobScheduler

from flatchannels.pipeline import snakemake_internals as internals

SNAKEFILE = """
import json, sys
sys.path.insert(0, "{package}")
from flatchannels.pipeline import snakemake_internals as internals

asked = {{
    "main": internals.is_main_process(workflow),
    "given": internals.configuration_is_given(workflow),
    "module": internals.configuration_of_a_module(workflow),
    "files": internals.configuration_files(workflow),
    "words": internals.configuration_on_the_command_line(workflow),
    "conda": internals.makes_conda_environments(workflow),
}}
print("ASKED", json.dumps(asked))

rule all:
    input: "b.txt"

rule a:
    output: "a.txt"
    shell: "echo a > {{output}}"

rule b:
    input: "a.txt"
    output: "b.txt"
    shell: "echo b > {{output}}"

{more}
"""
LISTEN = """
import logging

class Seen(logging.Filter):
    def filter(self, record):
        if internals.event_of(record):
            print("SEEN", internals.event_of(record), internals.job_of(record))
        return True

onstart:
    for handler in internals.console():
        handler.addFilter(Seen())
    print("PLANNED", json.dumps(sorted((rule, outputs) for _, rule, outputs in internals.planned_jobs(workflow))))
    print("NUMBERS", json.dumps([number for number, _, _ in internals.planned_jobs(workflow)]))
    internals.say("a line about progress")
"""


def run(folder, *arguments, more=""):
    (folder / "Snakefile").write_text(SNAKEFILE.format(package=ROOT / "workflow", more=more))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def found(words, mark):
    return [line.removeprefix(mark + " ") for line in words.splitlines() if line.startswith(mark)]


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([], {"main": True, "given": False, "module": False, "files": [], "words": {}, "conda": False}),
        (["--configfile", "mine.yaml"], {"given": True, "module": False, "files": ["mine.yaml"]}),
        (["--config", "key=7"], {"given": False, "words": {"key": 7}}),
        (["--sdm", "conda"], {"conda": True}),
    ],
    ids=str,
)
def test_what_the_command_line_gave(tmp_path, arguments, expected):
    (tmp_path / "mine.yaml").write_text("key: 1\n")
    said, _ = run(tmp_path, "--dry-run", *arguments)
    seen = json.loads(found(said, "ASKED")[0])
    seen["files"] = [path.rsplit("/", 1)[-1] for path in seen["files"]]
    assert expected.items() <= seen.items()


def test_a_module_is_told_from_a_workflow_of_its_own(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "Snakefile").write_text(SNAKEFILE.format(package=ROOT / "workflow", more=""))
    for given in ["    config: {'key': 1}\n", ""]:
        outer = f'module inner:\n    snakefile: "inner/Snakefile"\n{given}\nuse rule * from inner as inner_*\n'
        (tmp_path / "Snakefile").write_text(outer)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        asked = json.loads(found(done.stdout, "ASKED")[0])
        assert asked["module"] == asked["given"] == bool(given)


def test_jobs_of_a_cluster_are_not_the_main_process(tmp_path):
    said, _ = run(tmp_path, "--mode", "subprocess", "--target-jobs", "a:", "--allowed-rules", "a", "--local-storage-prefix", ".snakemake")
    assert json.loads(found(said, "ASKED")[0])["main"] is False


def test_jobs_and_messages_can_be_followed(tmp_path):
    said, shown = run(tmp_path, "--printshellcmds", more=LISTEN)
    assert json.loads(found(said, "PLANNED")[0]) == [["a", ["a.txt"]], ["all", []], ["b", ["b.txt"]]]
    numbers = set(json.loads(found(said, "NUMBERS")[0]))
    events = [line.split() for line in found(said, "SEEN")]
    kinds = {kind for kind, _ in events}
    assert {"job_info", "shellcmd", "job_finished", "job_started", "progress"} <= kinds
    assert {int(job) for kind, job in events if kind in ("job_info", "job_finished")} == numbers
    assert "a line about progress" in shown
    (tmp_path / "b.txt").unlink()
    assert "a line about progress" not in run(tmp_path, "--quiet", "progress", more=LISTEN)[1]


def test_outputs_can_be_made_again(tmp_path):
    run(tmp_path)
    again = 'internals.make_again(workflow, ["a.txt"])\n' + LISTEN
    said, _ = run(tmp_path, more=again)
    assert ["a", ["a.txt"]] in json.loads(found(said, "PLANNED")[0])


def test_one_look_for_jobs_is_ordered_at_a_time(monkeypatch):
    monkeypatch.setattr(JobScheduler, "_schedule_reevalutation", JobScheduler._schedule_reevalutation)
    internals.look_once_per_timespan()
    scheduler = JobScheduler.__new__(JobScheduler)
    scheduler._open_jobs = threading.Semaphore(0)
    for _ in range(2):  # after the look the next one can be ordered
        for _ in range(5):
            scheduler._schedule_reevalutation(0.05)
        assert scheduler._open_jobs.acquire(timeout=60)
        assert not scheduler._open_jobs.acquire(timeout=0.2)


def test_jobs_that_the_rate_limit_holds_back_are_looked_for_again(tmp_path):
    """Without another look nothing would start after the first job of each span."""
    (tmp_path / "Snakefile").write_text(
        f"""
import sys
sys.path.insert(0, "{ROOT / "workflow"}")
from flatchannels.pipeline import snakemake_internals as internals
internals.look_once_per_timespan()

rule all:
    input: expand("{{n}}.txt", n=range(4))

rule one:
    output: "{{n}}.txt"
    shell: "touch {{output}}"
"""
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "4", "--max-jobs-per-timespan", "1/1s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and len(list(tmp_path.glob("*.txt"))) == 4, done.stderr


def test_nothing_else_looks_inside_snakemake():
    rules = [ROOT / "Snakefile", ROOT / "workflow" / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    code = "\n".join(re.sub(r"#.*", "", path.read_text()) for path in rules)
    assert set(re.findall(r"\bworkflow\.(\w+)", code.replace("../report/workflow.rst", ""))) == {"current_basedir"}
    for path in (ROOT / "workflow" / "flatchannels").rglob("*.py"):
        if path.name != "snakemake_internals.py":
            assert not re.search(r"^\s*(from|import) snakemake", path.read_text(), re.MULTILINE), path
