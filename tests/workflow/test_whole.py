"""All of the pipeline on datasets of one's own, as small as can be: what it makes, where it lies, what it says."""

import shutil
import subprocess
import sys

import pytest
import yaml
from checkouts import ROOT, planned, snakemake

WHOLE = ROOT / "tests" / "whole.yaml"
FIGURES = [path.stem for path in (ROOT / "workflow" / "report").glob("fig*.rst")]


def test_every_figure_and_the_scorecard_are_made_in_the_folder_of_the_preset(whole):
    results = whole[0] / "results" / "whole"
    assert (results / "scorecard.txt").exists() and len(FIGURES) > 15
    for name in FIGURES:
        assert all((results / "figures" / f"{name}.{kind}").stat().st_size > 1000 for kind in ["pdf", "svg", "png"]), name
    assert {path.name for path in (whole[0] / "results").iterdir()} == {"cache", "compiled.txt", "whole", "logs", "benchmarks"}


def test_a_call_shows_the_summaries_that_it_made_and_names_its_figures(whole):
    said = whole[1]
    assert "How the runs ended:" in said and "The paper's claims, as these runs show them:" in said
    assert "results/whole/figures/figB10.pdf" in said.split("Figures made: ")[1]


def test_a_call_for_one_figure_says_nothing_about_what_lies_there_already(whole, tmp_path):
    directory = shutil.copytree(whole[0], tmp_path / "copy", symlinks=True)
    (directory / "results/whole/figures/figA3.svg").unlink()
    done = snakemake(directory, "figA3", "--configfile", WHOLE, checkout=ROOT)
    assert done.returncode == 0 and "Figures made: results/whole/figures/figA3.pdf, and" in done.stderr
    assert "How the runs ended" not in done.stderr and "claims" not in done.stderr
    assert len(done.stderr.splitlines()) < 40


def test_what_a_script_prints_is_in_the_log_of_its_rule(tmp_path):
    (tmp_path / "Snakefile").write_text('rule a:\n    output: "a.txt"\n    log: "logs/a.log"\n    script: "a.py"\n')
    (tmp_path / "a.py").write_text(
        "import os, sys\nfrom flatchannels.pipeline import jobs\n\n\ndef main(snakemake):\n    print('printed')\n"
        "    print('complained', file=sys.stderr)\n    os.system('echo a child')\n    open(snakemake.output[0], 'w').close()\n\n\n"
        "jobs.run(main, snakemake)\n"
    )
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set((tmp_path / "logs" / "a.log").read_text().splitlines()) == {"printed", "complained", "a child"}
    assert "printed" not in done.stdout + done.stderr


def test_two_presets_lie_side_by_side(whole, tmp_path):
    directory = shutil.copytree(whole[0], tmp_path / "copy", symlinks=True)
    given = yaml.safe_load(WHOLE.read_text()) | {"preset": "other", "seed": 3}
    (directory / "other.yaml").write_text(yaml.safe_dump(given))
    before = {path: path.stat().st_mtime_ns for path in (directory / "results" / "whole").rglob("*") if path.is_file()}
    done = snakemake(directory, "results/other/datasets/waves.npz", "--configfile", "other.yaml", checkout=ROOT)
    assert done.returncode == 0, done.stderr
    assert (directory / "results/other/datasets/waves.npz").read_bytes() != (directory / "results/whole/datasets/waves.npz").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert planned(directory, config=WHOLE, checkout=ROOT) == {}


def test_a_record_of_another_configuration_is_refused_by_the_job_that_reads_it(whole, tmp_path):
    directory = shutil.copytree(whole[0], tmp_path / "copy", symlinks=True)
    given = yaml.safe_load(WHOLE.read_text()) | {"seed": 3, "results_dir": "results/whole"}
    (directory / "other.yaml").write_text(yaml.safe_dump(given))
    done = snakemake(directory, "--configfile", "other.yaml", "--allowed-rules", "runs_table", "--force", "--", "runs_table", checkout=ROOT)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "was made with seed 14951; the configuration says 3. `make repair`" in said
    assert "Traceback" not in said and "not found" not in said


def test_a_figure_whose_sweep_is_missing_says_so(whole, tmp_path):
    directory = shutil.copytree(whole[0], tmp_path / "copy", symlinks=True)
    given = yaml.safe_load(WHOLE.read_text())
    del given["sweeps"]["levels"]
    (directory / "less.yaml").write_text(yaml.safe_dump(given | {"results_dir": "results/less"}))
    done = snakemake(directory, "fig2", "figA4", "--configfile", "less.yaml", checkout=ROOT)
    assert done.returncode == 0, done.stderr
    for name, number in [("fig2", "2"), ("figA4", "A4")]:
        assert f"Figure {number}: nothing to show, the configuration has no sweep levels" in _text(directory, name)


def _text(directory, name):
    """What stands in a figure: SVG keeps texts as comments."""
    return (directory / f"results/less/figures/{name}.svg").read_text()


@pytest.mark.parametrize("more, whole_plan", [([], False), (["--printshellcmds"], True), (["--verbose"], True)], ids=str)
def test_a_dry_run_is_short_unless_asked_for_all(tmp_path, more, whole_plan):
    done = snakemake(tmp_path, "--dry-run", *more, checkout=ROOT)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and ("seeds-1-1" in said) == whole_plan
    assert (len(said.splitlines()) < 80) != whole_plan
    assert said.count("Job stats:") == 1 + whole_plan
    assert ("check individual jobs above" in said) == whole_plan and ("each single job: --printshellcmds" in said) != whole_plan
