"""Interruptions, damage, full disks, limits: nothing is lost, and nothing wrong is accepted."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import interruptions
import numpy as np
import pytest
import yaml
from interruptions import ROOT, TABLES, check_equal, digests
from snakemake.utils import update_config

from flatchannels.pipeline import config, repair
from flatchannels.storage import run_records, table_files
from flatchannels.storage.schemas import runs as run_schemas
from flatchannels.storage.schemas.infinity import ROUTES

SCRIPTS = ROOT / "workflow" / "scripts"
STEPS = 100  # between the shortest and the longest run of the sweep
RUNS = "results/runs/levels/rosenbrock-grid/g"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A directory with the results of the tiny preset."""
    return interruptions.undisturbed(tmp_path_factory.mktemp("faults") / "undisturbed")


@pytest.fixture
def copy(sweep, tmp_path):
    """A copy of it, as on another machine: with new times, in another place."""
    return Path(shutil.copytree(sweep, tmp_path / "copy", symlinks=True, copy_function=shutil.copyfile))


def snakemake(directory, *arguments, **settings):
    """Run snakemake with the tiny preset, changed in some settings of the training."""
    more = ["--config", f"training={json.dumps(settings)}"] if settings else []
    done = interruptions.run(directory, *arguments, *more)
    return done.returncode, done.stdout + done.stderr


def test_kills_at_random_moments_lose_nothing_and_change_nothing(sweep, tmp_path):
    kills, sweeps = interruptions.survive(sweep, tmp_path, seconds=30)
    assert sum(kills.values()) > kills.get("nothing", 0) and sweeps


def test_copied_results_rerun_nothing(copy):
    code, said = snakemake(copy, "--dry-run")
    assert code == 0 and "Nothing to be done" in said


def test_damage_is_named_and_repaired(sweep, copy):
    names = ["r1/seeds-1-2.npz", "r1/seeds-3-3.npz", "r1-nobias/seeds-1-2.npz", "r2/seeds-1-2.npz", "r2/seeds-3-3.npz"]
    damaged = [copy / RUNS / name for name in names]
    data = [path.read_bytes() for path in damaged]
    damaged[0].write_bytes(data[0][: len(data[0]) // 2])
    damaged[1].write_bytes(data[1][:999] + bytes([data[1][999] ^ 4]) + data[1][1000:])
    done = do_block(sweep, damaged[2], bias=False, last=2, seed=15)  # what another root seed gives
    assert not done.returncode, done.stderr
    damaged[3].write_bytes(b"")
    damaged[4].write_bytes(data[1])  # whole, but of other runs
    problems = ["has no seal", "does not match its seal", "was made with seed 15; the configuration says 14951", "is empty",
                "is out of place"]  # fmt: skip
    code, said = snakemake(copy, "--forcerun", "runs_table")
    assert code == 1 and f"\n{damaged[2].relative_to(copy)}: {problems[2]}" in said and "`make repair`" in said and "Traceback" not in said
    repair = [sys.executable, "-m", "flatchannels.pipeline.repair", ROOT / "tests" / "tiny.yaml"]
    done = subprocess.run(repair, cwd=copy, env=os.environ | {"PYTHONPATH": ROOT / "workflow"}, capture_output=True, text=True)
    for path, problem in zip(damaged, problems):
        assert f"{path.relative_to(copy)}: {problem}" in done.stderr and not path.exists()
    assert done.stdout.split() == [str(path.relative_to(copy)) for path in damaged]
    command = [word for word in interruptions.command() if word not in TABLES]
    subprocess.run([*command, "--", *done.stdout.split()], cwd=copy, check=True, capture_output=True)
    assert snakemake(copy)[0] == 0
    check_equal(sweep, copy)


def test_a_run_goes_on_from_its_limit_and_finished_ones_are_left_alone(sweep, tmp_path):
    interruptions.empty(tmp_path)
    assert snakemake(tmp_path, max_steps=STEPS)[0] == 0
    before, whole = digests(tmp_path), digests(sweep)
    unfinished = {path for path in whole if before[path] != whole[path]}
    assert 0 < len(unfinished) < len(whole)  # some runs take fewer steps than that
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.unfinished")} == {
        str(Path(path).with_suffix(".unfinished")) for path in unfinished
    }
    assert "Nothing to be done" in snakemake(tmp_path, "--dry-run", max_steps=STEPS, continue_unfinished=True)[1]
    times = {path: (tmp_path / path).stat().st_mtime_ns for path in whole}
    assert snakemake(tmp_path, continue_unfinished=True)[0] == 0
    assert {path for path in whole if (tmp_path / path).stat().st_mtime_ns != times[path]} == unfinished
    assert not list(tmp_path.rglob("*.unfinished"))
    check_equal(sweep, tmp_path)
    assert "Nothing to be done" in snakemake(tmp_path, "--dry-run", continue_unfinished=True)[1]


def test_a_run_that_the_clock_ended_goes_on_at_every_call(sweep, tmp_path):
    interruptions.empty(tmp_path)
    limits = {"max_seconds": 0.003, "continue_unfinished": True}
    steps = []
    for _ in range(3):
        code, said = snakemake(tmp_path, **limits)
        assert code == 0, said
        _, run = run_records.read_runs(tmp_path / RUNS / "r2" / "seeds-1-2.npz")
        steps.append(run["steps"].sum())
    assert steps[0] < steps[1] < steps[2]


def test_records_are_the_same_on_one_core_in_another_order_and_in_other_blocks(sweep, tmp_path):
    interruptions.empty(tmp_path)
    given = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    given["sweeps"]["levels"]["seeds_per_job"] = 3
    given["sweeps"]["levels"]["entries"][0] |= {"bias": [True, False], "widths": [[2], [1]]}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(given))
    command = [word if "tiny.yaml" not in word else "other.yaml" for word in interruptions.command("--cores", "1")]
    subprocess.run([word for word in command if word not in TABLES] + ["runs_table"], cwd=tmp_path, check=True, capture_output=True)
    for network in ["r1", "r1-nobias", "r2", "r2-nobias"]:
        _, whole = run_records.read_runs(tmp_path / RUNS / network / "seeds-1-3.npz")
        parts = [run_records.read_runs(sweep / RUNS / network / name)[1] for name in ["seeds-1-2.npz", "seeds-3-3.npz"]]
        for key in set(whole) - {"seconds_flow", "seconds_polish"}:
            assert np.array_equal(whole[key], np.concatenate([part[key] for part in parts])), key


def test_more_widths_and_seeds_leave_the_runs_that_exist_untouched(sweep, copy):
    more = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    more["sweeps"]["levels"]["entries"][0] |= {"widths": [[3], [2], [1]], "seeds": 4}
    (copy / "more.yaml").write_text(yaml.safe_dump(more))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (copy / "results" / "runs").rglob("*.npz")}
    command = [word if "tiny.yaml" not in word else "more.yaml" for word in interruptions.command()]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    assert len(before) == 8 and all((path.stat().st_mtime_ns, path.read_bytes()) == old for path, old in before.items())
    table = table_files.read_table(copy / TABLES[0], run_schemas.RUNS)
    assert len(table) == 3 * 2 * 4 and len(set(table["record"])) == 12
    old = {str(path.relative_to(copy)) for path in before} & set(table["record"])
    assert {Path(path).name for path in old} == {"seeds-1-2.npz"} and len(old) == 4  # those of 3–3 are 3–4 now


def test_more_seeds_leave_the_certificates_that_exist_as_they_were(copy):
    def routes(seeds):
        preset["sweeps"]["levels"]["entries"][0]["seeds"] = seeds
        (copy / "more.yaml").write_text(yaml.safe_dump(preset))
        command = [word if "tiny.yaml" not in word else "more.yaml" for word in interruptions.command() if word not in TABLES]
        subprocess.run([*command, "results/statistics/routes.parquet"], cwd=copy, check=True, capture_output=True)
        table = table_files.read_table(copy / "results" / "statistics" / "routes.parquet", ROUTES)
        # Seconds are measured, so a certificate that is made again has others.
        return table.set_index(["bias", "widths", "seed"])[["route", "verdict", "loss_infinity", "seconds"]]

    preset = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    before, after = routes(3), routes(5)
    assert 0 < len(before) < len(after)
    assert after.loc[before.index].equals(before)


@pytest.mark.parametrize(
    "changed, found",
    [
        ({"seed": 15}, {"runs": 8, "datasets": 1}),
        ({"datasets": {"rosenbrock-grid": {"points": 12}}}, {"runs": 8, "datasets": 1}),
        ({"training": {"rtol": 1e-2}}, {"runs": 8}),
        ({"training": {"max_steps": 9}}, {}),  # which none of the runs met
        ({"sweeps": {"levels": {"seeds_per_job": 3}}}, {}),
    ],
)
def test_repair_finds_what_another_configuration_made(sweep, tmp_path, monkeypatch, changed, found):
    given = config.load(ROOT / "tests" / "tiny.yaml")
    update_config(given, changed)
    given = config.validate(given)
    monkeypatch.chdir(sweep)
    problems = repair.damaged(made=set(repair.asked_for(given)), asked=config.origin(given))
    assert all("was made with" in problem for problem in problems.values())
    assert Counter(path.parts[1] for path in problems) == found


def do_block(sweep, output, limit=None, **changed):
    """The script of the runs on one block of the tiny preset, changed in something; `limit`: bytes that a file may have."""
    job = {"sweep": "levels", "dataset": "rosenbrock-grid", "dimension": 2, "activation": "g", "widths": [1], "bias": True, "first": 1,
           "last": 1, "seed": 14951, "training": {"trajectory_samples": 20, "spectrum_samples": 4}} | changed  # fmt: skip
    cache = sweep / "results" / "cache" / "numba" / (sweep / "results" / "compiled.txt").read_text().strip()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, SCRIPTS / "runs.py", sweep / "results/datasets/rosenbrock-grid.npz", output, json.dumps(job), "null"]
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))} if limit else {}
    return subprocess.run(command, env=environment, capture_output=True, text=True, **limited)


def test_a_full_disk_is_said_and_leaves_nothing(sweep, tmp_path):
    output = tmp_path / "full" / "seeds-1-1.npz"
    done = do_block(sweep, output, limit=1000)
    assert done.returncode and done.stderr.rstrip().endswith(f"{output}: cannot be written: File too large")
    assert list(output.parent.iterdir()) == []


@pytest.fixture
def disk(tmp_path):
    """A directory to run in whose results lie on a file system of 4 MB."""
    directory = interruptions.empty(tmp_path / "small")
    cache = os.readlink(directory / "results" / "cache")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory / "results"], capture_output=True).returncode:
        pytest.skip("only root can mount a file system")
    try:
        (directory / "results" / "cache").symlink_to(cache)
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory / "results"], check=True)


def test_a_small_file_system_that_is_full_loses_nothing(sweep, disk):
    filler = disk / "results" / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(filler.parent).free - 100_000))
    code, said = snakemake(disk)
    assert code == 1 and "No space left on device" in said
    for path in (disk / "results" / "runs").rglob("*.npz"):
        run_records.read_runs(path)  # whatever is there is whole
    filler.unlink()
    assert snakemake(disk)[0] == 0
    check_equal(sweep, disk)


def test_results_that_can_only_be_read_are_said_and_stay(sweep, disk):
    assert snakemake(disk)[0] == 0
    subprocess.run(["mount", "-o", "remount,ro", disk / "results"], check=True)
    code, said = snakemake(disk, "--forcerun", "runs")
    assert code == 1 and "Write-protected output files" in said
    assert "Nothing to be done" in snakemake(disk, "--dry-run")[1]
    subprocess.run(["mount", "-o", "remount,rw", disk / "results"], check=True)
    assert snakemake(disk)[0] == 0
    check_equal(sweep, disk)


def test_a_folder_that_cannot_be_written_is_said(sweep, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    done = do_block(sweep, tmp_path / "file" / "seeds-1-1.npz")
    assert done.returncode and done.stderr.rstrip().endswith(f"file/seeds-1-1.npz: cannot be written: {tmp_path / 'file'} is a file")


def test_a_cache_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "NUMBA_CACHE_DIR": str(tmp_path / "file")}
    done = subprocess.run([sys.executable, SCRIPTS / "compile.py", tmp_path / "x"], env=environment, capture_output=True, text=True)
    assert done.returncode and done.stderr.count("\n") == 1 and "compiled kernels cannot be kept there: Not a directory" in done.stderr
