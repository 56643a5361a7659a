"""The ways into the pipeline: the Snakefile at the top, from there and from elsewhere, and as a module of another workflow."""

import re
import subprocess
import zipfile

import pytest
import yaml
from checkouts import ROOT, copy_checkout, planned, snakemake
from interruptions import empty

from flatchannels.storage import table_files
from flatchannels.storage.schemas.runs import RUNS

PROFILE = yaml.safe_load((ROOT / "profiles" / "default" / "config.yaml").read_text())
OTHER = """
import yaml

module flatchannels:
    snakefile: "{root}/workflow/Snakefile"
    config: yaml.safe_load(open("{root}/tests/tiny.yaml"))

use rule * from flatchannels as fc_*

rule all:
    default_target: True
    input: "results/statistics/shares.parquet"
    output: "size.txt"
    shell: "wc -c {{input}} > {{output}}"
"""


def jobs_and_words(directory, *arguments):
    done = snakemake(directory, *arguments, "--dry-run")
    words = done.stdout + done.stderr
    assert done.returncode == 0, words
    table = re.search(r"^Job stats:\n.*?\n-[- ]+\n(.*?)^total", words, re.MULTILINE | re.DOTALL)
    return {line.split()[0] for line in table[1].splitlines()}, words


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "a checkout").mkdir()
    return copy_checkout(ROOT, tmp_path / "a checkout")


def check_whole(jobs, words, profile):
    assert {"all", "figures", "scorecard", "runs", "fig1", "figB9"} - jobs == {"figures"}  # which has no job of its own
    assert f"Using workflow specific profile {profile} " in words


def test_plain_snakemake_at_the_top_plans_everything_with_the_settings_of_the_profile(checkout):
    jobs, words = jobs_and_words(checkout)
    check_whole(jobs, words, "profiles/default")
    assert "reason" in PROFILE["quiet"] and "reason:" not in words  # one of the settings is seen at work
    assert planned(checkout, config="config/config.yaml")["runs"] > 200


@pytest.mark.parametrize("entry", ["Snakefile", "workflow/Snakefile"])
def test_the_snakefile_can_be_called_from_elsewhere(checkout, tmp_path, entry):
    (tmp_path / "elsewhere").mkdir()
    folder = (checkout / entry).parent / "profiles" / "default"
    check_whole(*jobs_and_words(tmp_path, "--snakefile", checkout / entry, "--directory", tmp_path / "elsewhere"), profile=folder)


def test_a_zip_without_symbolic_links_has_the_profile(checkout, tmp_path):
    """As `zipfile`, some file managers and some systems unpack it: the link is a text file then."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in checkout.rglob("*"):
            name = str(path.relative_to(checkout))
            if path.is_symlink():
                archive.writestr(name, str(path.readlink()))
            else:
                archive.write(path, name)
    (tmp_path / "unpacked").mkdir()
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    check_whole(*jobs_and_words(tmp_path / "unpacked"), profile="profiles/default")


def test_git_keeps_the_profiles_at_the_top():
    kept = subprocess.run(["git", "ls-files", "--stage", "profiles", "workflow/profiles"], cwd=ROOT, capture_output=True, text=True)
    if kept.returncode:
        pytest.skip("not a checkout of git")
    modes = {line.split("\t")[1]: line.split()[0] for line in kept.stdout.splitlines()}
    assert modes["workflow/profiles"] == "120000" and modes["profiles/default/config.yaml"] == "100644"


def test_another_workflow_plans_all_of_it_as_a_module(tmp_path):
    (tmp_path / "Snakefile").write_text(OTHER.format(root=ROOT))
    jobs, _ = jobs_and_words(tmp_path, "fc_all", "--config", "mine=1")  # a key of the other workflow's own
    assert {"fc_runs", "fc_fig1", "fc_scorecard", "fc_all"} <= jobs and not jobs & {"all", "runs"}
    jobs, _ = jobs_and_words(tmp_path)
    assert jobs == {"fc_compile", "fc_dataset", "fc_runs", "fc_runs_table", "fc_table", "all"}


def test_another_workflow_runs_a_part_of_it_as_a_module(tmp_path):
    directory = empty(tmp_path / "mine")
    (directory / "Snakefile").write_text(OTHER.format(root=ROOT))
    done = snakemake(directory)
    assert done.returncode == 0, done.stderr
    assert (directory / "size.txt").exists()
    assert len(table_files.read_table(directory / "results/statistics/runs.parquet", RUNS)) == 12


def test_a_mistake_in_the_configuration_of_a_module_ends_in_one_line(tmp_path):
    (tmp_path / "Snakefile").write_text(OTHER.format(root=ROOT) + "\n")
    wrong = (ROOT / "tests" / "tiny.yaml").read_text().replace("preset: tiny", "seed: -1")
    (tmp_path / "wrong.yaml").write_text(wrong)
    (tmp_path / "Snakefile").write_text(OTHER.format(root=ROOT).replace(f"{ROOT}/tests/tiny.yaml", "wrong.yaml"))
    done = snakemake(tmp_path, "--dry-run")
    words = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in words
    assert "seed is -1; it must be an integer that is not negative" in words and "(config: of the module)" in words


def test_snakemake_has_nothing_to_complain_about():
    done = snakemake(ROOT, "--lint")
    assert done.returncode == 0 and "Congratulations" in done.stdout + done.stderr, done.stdout + done.stderr
