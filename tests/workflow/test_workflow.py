"""The pipeline as a user runs it: the smoke preset from datasets to figures, reruns, and mistakes."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest
from checkouts import ROOT, copy_checkout, planned, snakemake

from flatchannels.pipeline import config, repair
from flatchannels.storage import run_records, table_files
from flatchannels.storage.schemas import channels as channel_schemas
from flatchannels.storage.schemas import runs as run_schemas

RUNS = 18  # of the sweep levels in the smoke preset
OF_LEVELS = ["fig2", "figA1", "figA3"]  # figures that show this sweep and no other
TABLES_AND_FIGURES = {"runs_table": 1, "table": 3, "fig2": 1, "figA1": 1, "figA3": 1}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A checkout with all products of the smoke preset, and what snakemake said."""
    directory = copy_checkout(ROOT, tmp_path_factory.mktemp("a checkout"))
    done = snakemake(directory, "--configfile", "config/smoke.yaml")
    assert done.returncode == 0, done.stderr
    return directory, done.stderr


@pytest.fixture
def copy(smoke, tmp_path):
    """A copy of that checkout, without products."""
    return copy_checkout(smoke[0], tmp_path)


@pytest.fixture
def plain(tmp_path):
    """A checkout in which nothing has run."""
    return copy_checkout(ROOT, tmp_path)


def edit(path):
    path.write_text(path.read_text() + "\n# edited\n")


def test_every_product_is_made_and_readable(smoke):
    directory, _ = smoke
    runs = table_files.read_table(directory / "results/smoke/statistics/runs.parquet", run_schemas.RUNS)
    assert len(runs) == RUNS and set(runs["record"]) == {
        str(path.relative_to(directory)) for path in (directory / "results/smoke/runs/levels").rglob("*.npz")
    }
    assert len(table_files.read_table(directory / "results/smoke/statistics/channel_runs.parquet", channel_schemas.CHANNEL_RUNS)) == 6
    for schema in run_schemas.RUN_SCHEMAS:
        assert len(table_files.read_table(directory / f"results/smoke/statistics/{schema.name}.parquet", schema))
    assert "C1" in (directory / "results/smoke/scorecard.txt").read_text()
    for caption in (directory / "workflow/report").glob("fig*.rst"):
        for kind in ["pdf", "svg", "png"]:
            assert (directory / f"results/smoke/figures/{caption.stem}.{kind}").stat().st_size > 1000


def test_progress_and_stop_reasons_are_told_without_noise(smoke):
    _, said = smoke
    assert f"levels: 0 of {RUNS} runs done" in said
    assert f"levels: {RUNS} of {RUNS} runs done" in said
    assert "How the runs ended:" in said and "runs converged" in said
    assert "rule runs:" not in said


def test_the_compile_job_compiles_every_kernel_of_the_runs_and_no_run_any(smoke, tmp_path):
    """Seen in a cache of its own: in that of the pipeline other jobs compile what they alone need, as limits at infinity."""
    directory, _ = smoke
    cache = tmp_path / "cache"
    environment = os.environ | {"PYTHONPATH": str(directory / "workflow"), "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, directory / "workflow/scripts/compile.py", tmp_path / "compiled.txt"]
    subprocess.run(command, env=environment, check=True, cwd=directory)
    compiled = {path: path.stat().st_mtime for path in cache.rglob("*.nb?")}
    assert any(path.name.startswith("kernels.derivatives") for path in compiled)
    samples = {"trajectory_samples": 5, "spectrum_samples": 2, "max_steps": 20}
    for activation, widths, bias in [("g", [2], False), ("relu", [2, 2], True)]:
        job = {"sweep": "levels", "dataset": "rosenbrock-grid", "dimension": 2, "activation": activation, "widths": widths, "bias": bias}
        job |= {"first": 1, "last": 1, "seed": 14951, "training": samples}
        do_block(directory, tmp_path / f"{activation}.npz", job, cache)
    assert {path: path.stat().st_mtime for path in cache.rglob("*.nb?")} == compiled


def test_records_depend_on_the_seed_alone_and_not_on_the_block(smoke, tmp_path):
    """Seeds 1 and 2 in one process, seed 2 again in another."""
    directory, _ = smoke
    network = "runs/levels/rosenbrock-grid/g/r2-nobias"
    target = f"results/smoke/{network}/seeds-2-2.npz"
    work = {"sweep": "levels", "dataset": "rosenbrock-grid", "dimension": 2, "activation": "g", "widths": [2], "bias": False}
    meta, both = run_records.read_runs(directory / f"results/smoke/{network}/seeds-1-2.npz")
    do_block(directory, tmp_path / target, work | {"first": 2, "last": 2, "seed": 14951, "training": meta["training"]})
    _, one = run_records.read_runs(tmp_path / target)
    for key in ["theta_initial", "theta_flow", "theta", "trajectory_loss", "steps"]:
        assert (one[key][0] == both[key][1]).all(), key


def test_a_run_that_meets_its_limit_or_raises_is_recorded_with_the_reason(smoke, tmp_path):
    directory, _ = smoke
    work = {"sweep": "levels", "dataset": "rosenbrock-grid", "dimension": 2, "activation": "g", "widths": [2], "bias": True}
    work |= {"first": 1, "last": 2, "seed": 14951}
    samples = {"trajectory_samples": 5, "spectrum_samples": 2}
    for training, stop, message in [({"max_steps": 3}, "STEP_LIMIT", ""), ({"rtol": -1}, "FAILED", "ValueError: rtol is -1")]:
        said = do_block(directory, tmp_path / "block.npz", work | {"training": samples | training})
        meta, arrays = run_records.read_runs(tmp_path / "block.npz")
        assert (arrays["stop"] == meta["stop_codes"][stop]).all() and len(arrays["stop"]) == 2
        assert all(text.startswith(message) for text in arrays["message"])
        assert ("Traceback" in said) == (stop == "FAILED")


def do_block(directory, output, job, cache=None):
    """What a job of rule runs does, by hand, with the kernels in `cache`: those of the pipeline."""
    scripts = directory / "workflow" / "scripts"
    [cache] = [cache] if cache else (directory / "results/cache/numba").iterdir()
    environment = os.environ | {"PYTHONPATH": str(scripts.parent), "NUMBA_CACHE_DIR": str(cache)}
    command = [
        sys.executable,
        scripts / "runs.py",
        directory / "results/smoke/datasets/rosenbrock-grid.npz",
        output,
        json.dumps(job),
        "null",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=directory)
    return done.stderr


def test_a_second_time_there_is_nothing_to_do(smoke):
    directory, _ = smoke
    assert planned(directory) == {}


def test_repair_takes_whole_results_for_whole(smoke, monkeypatch):
    monkeypatch.chdir(smoke[0])
    given = config.validate(config.load("config/smoke.yaml"))
    assert repair.damaged("results/smoke", made=set(repair.asked_for(given)), asked=config.origin(given)) == {}


def test_new_times_of_files_and_another_place_of_the_checkout_rerun_nothing(smoke, copy):
    directory, _ = smoke
    for path in (directory / "results").rglob("*.npz"):
        path.touch()
    assert planned(directory, checkout=copy) == {}


@pytest.mark.parametrize(
    "edited, jobs",
    {
        "workflow/scripts/figures/style.py": {"fig2": 1, "figA1": 1, "figA3": 1},
        "workflow/scripts/figures/figA3_convergence.py": {"figA3": 1},
        "workflow/flatchannels/reporting/runs.py": TABLES_AND_FIGURES,
        "workflow/flatchannels/networks/kernels.py": {"runs": 12} | TABLES_AND_FIGURES,
        "workflow/flatchannels/dynamics/training.py": {"runs": 12} | TABLES_AND_FIGURES,
        "workflow/scripts/dataset.py": {"dataset": 1, "runs": 12} | TABLES_AND_FIGURES,
    }.items(),
)
def test_an_edit_reruns_what_depends_on_it_and_nothing_else(smoke, copy, edited, jobs):
    directory, _ = smoke
    edit(copy / edited)
    assert planned(directory, *OF_LEVELS, checkout=copy) == jobs


@pytest.mark.parametrize("activation, jobs", [("g", {"runs": 12} | TABLES_AND_FIGURES), ("tanh", {})])
def test_an_edit_of_an_activation_reruns_what_uses_it_and_nothing_else(smoke, copy, activation, jobs):
    path = copy / "workflow/flatchannels/networks/scalars.py"
    before = path.read_text()
    after = before.replace(f"def {activation}(z, smoothing):\n", f"def {activation}(z, smoothing):\n    z = z + 0.0\n")
    assert after != before
    path.write_text(after)
    assert planned(smoke[0], *OF_LEVELS, checkout=copy) == jobs


def test_an_edit_of_the_claims_changes_the_scorecard_alone(smoke, copy):
    edit(copy / "workflow/flatchannels/reporting/claims/levels.py")
    assert planned(smoke[0], "scorecard", checkout=copy) == {"scorecard": 1}


@pytest.mark.parametrize(
    "old, new, jobs",
    [
        ("seeds: 3 ", "seeds: 5 ", {"runs": 12} | TABLES_AND_FIGURES),  # seeds 3–4 and 5–5; those of 1–2 are there
        ("rtol: 1.0e-4", "rtol: 1.0e-5", {"runs": 12} | TABLES_AND_FIGURES),
        ("points: 31", "points: 32", {"dataset": 1, "runs": 12} | TABLES_AND_FIGURES),
        ("preset: smoke", "preset: mine\nresults_dir: results/smoke", {}),
    ],
)
def test_a_change_of_the_configuration_reruns_what_depends_on_it(smoke, tmp_path, old, new, jobs):
    directory, _ = smoke
    mine = tmp_path / "mine.yaml"
    mine.write_text((directory / "config" / "smoke.yaml").read_text().replace(old, new))
    assert planned(directory, *OF_LEVELS, config=mine) == jobs


def test_a_damaged_record_is_named_and_can_be_made_again(smoke, tmp_path):
    directory = shutil.copytree(smoke[0], tmp_path / "damaged")
    record = "results/smoke/runs/levels/rosenbrock-grid/g/r1/seeds-1-2.npz"
    with open(directory / record, "r+b") as file:
        file.truncate(3000)
    done = snakemake(directory, "runs_table", "--configfile", "config/smoke.yaml")
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if line.startswith(f"{record}: ")]
    assert "make repair" in line and "Traceback" not in done.stderr and "not found" not in done.stderr
    (directory / record).unlink()
    assert planned(directory, *OF_LEVELS, "--forcerun", "runs_table") == {"runs": 1} | TABLES_AND_FIGURES


def test_one_figure_alone_needs_only_its_own_inputs(plain):
    assert planned(plain, "figA3") == {"compile": 1, "dataset": 1, "runs": 12, "runs_table": 1, "figA3": 1}


@pytest.mark.skipif(find_spec("gpytorch") is not None, reason="torch is here")
def test_without_torch_the_runs_on_gaussian_processes_are_left_out_and_a_line_says_so(plain):
    done = snakemake(plain, "channels", "--dry-run")
    assert done.returncode == 0 and "Left out: the runs on 36 datasets. Gaussian processes need torch" in done.stdout + done.stderr
    jobs = planned(plain, "channels", config="config/config.yaml")
    assert jobs["channels"] == 1 and "gaussian_process" not in jobs
    assert planned(plain, "results/datasets/gp-s2-d2-r4-softplus.npz", config="config/config.yaml") == {"gaussian_process": 1}


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("widths: [[1], ", "widths: [[0], ", "entries[0].widths[0][0] is 0; it must be a positive integer, at most 1000 (mine.yaml)"),
        ("activation: g", "activation: sofplus", 'sweeps.levels.entries[0].activation is "sofplus"; did you mean softplus?'),
        ("seed: 14951", "sead: 2506", "sead is not a known key; did you mean seed?"),
        ("seed: 14951", "seed: 14951\nseed: 7", "mine.yaml, line 6, column 1: the key seed stands twice"),
        ("seed: 14951", "seed: [", "Config file is not valid JSON or YAML."),
    ],
)
def test_a_mistake_ends_in_one_line_before_anything_runs(plain, old, new, expected):
    (plain / "mine.yaml").write_text((plain / "config" / "smoke.yaml").read_text().replace(old, new))
    check_mistake(plain, ["--configfile", "mine.yaml"], expected)


def test_a_mistake_on_the_command_line_ends_in_one_line(plain):
    complaint = f"seed is -1; it must be an integer that is not negative, at most {2**63 - 1} (config/config.yaml or --config)"
    check_mistake(plain, ["--config", "seed=-1"], complaint)


def test_a_mistake_in_the_default_configuration_ends_in_one_line(plain):
    (plain / "config" / "config.yaml").write_text("seed: [\n")
    check_mistake(plain, [], "config/config.yaml, line 2, column 1: ")


def check_mistake(directory, arguments, expected):
    done = snakemake(directory, *arguments)
    routine = ("Using workflow specific profile", "Config file config/config.yaml is extended", "WorkflowError:")
    lines = [line for line in done.stderr.splitlines() if not line.startswith(routine)]
    assert done.returncode == 1
    assert len(lines) == 1 and expected in lines[0]
    assert not (directory / "results").exists()


def test_parsing_stays_cheap():
    """Every cluster job parses the Snakefile anew. (numpy and pandas are imported by snakemake and its plugins.)"""
    code = (
        "import runpy, sys; sys.argv = ['snakemake', '--list-rules']\n"
        "try: runpy.run_module('snakemake', run_name='__main__')\n"
        "finally: print({'numba', 'scipy', 'llvmlite'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip().endswith("set()"), done.stderr
