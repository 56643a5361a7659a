"""Published results: what is laid out, figures drawn from it without runs, and a sample of its runs made afresh."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, planned, snakemake

from flatchannels.names import widths_name
from flatchannels.pipeline import config, expansion, publication, published, verification
from flatchannels.reporting.identity import place_columns
from flatchannels.storage import run_records, table_files
from flatchannels.storage.schemas.channels import CHANNEL_SCHEMAS
from flatchannels.storage.schemas.infinity import JUMPS, ROUTES
from flatchannels.storage.schemas.runs import ENDS
from flatchannels.storage.schemas.saddles import CHANNEL_UPDATES

WHOLE = ROOT / "tests" / "whole.yaml"
NAME = "reproduction"  # of the folder
TOLD_OF_THE_JOB = ["record", "seconds", "seconds_flow", "seconds_polish"]  # columns that differ between two makings of one run


@pytest.fixture(scope="module")
def folder(whole, tmp_path_factory):
    """A directory where results were made and published, into the folder `NAME`."""
    directory = shutil.copytree(whole[0], tmp_path_factory.mktemp("published") / "made", symlinks=True)
    done = snakemake(directory, "publish", "--configfile", WHOLE, checkout=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    put = python(directory, "publication", WHOLE, NAME)
    assert put.returncode == 0 and f"{NAME}: " in put.stdout, put.stderr
    return directory


def python(directory, module, *words):
    command = [sys.executable, "-m", f"flatchannels.pipeline.{module}", *map(str, words)]
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "PATH": "/usr/bin:/bin", "HOME": str(directory)}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=600)


def test_the_folder_has_the_configuration_the_origin_and_what_it_lists(folder):
    place = folder / NAME
    given = config.validate(config.load(WHOLE))
    assert config.validate(config.load(place / published.CONFIGURATION_FILE)) == given
    told = json.loads((place / published.ORIGIN_FILE).read_text())
    assert told["runs"] == {
        sweep: sum(block.runs for block in expansion.blocks(given) if block.sweep == sweep) for sweep in given["sweeps"]
    }
    assert told["seed"] == given["seed"] and told["left_out"] == [] and told["processors_of_the_runs"]
    there = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert there == {*told["files"], published.CONFIGURATION_FILE, published.ORIGIN_FILE}
    assert {"figures/fig4.pdf", "figures/fig4.png", "scorecard.txt", "costs.txt", "statistics/ends.parquet", "saddles/plateau.npz"} <= there
    assert publication.changed(place) == []
    assert f"{sum(told['runs'].values())} runs in 11 records, 0 of which" in (place / "costs.txt").read_text()


def test_every_run_is_in_the_table_of_ends_with_its_parameters(folder):
    ends = table_files.read_table(folder / NAME / "statistics" / "ends.parquet", ENDS)
    given = config.validate(config.load(WHOLE))
    assert len(ends) == sum(block.runs for block in expansion.blocks(given))
    for block in expansion.blocks(given):
        _, arrays = run_records.read_runs(folder / given["results_dir"] / block.record)
        mine = (ends["sweep"] == block.sweep) & (ends["dataset"] == block.dataset) & (ends["bias"] == block.bias)
        rows = ends[mine & (ends["widths"] == widths_name(block.widths)) & ends["seed"].between(block.first, block.last)]
        assert rows["seed"].tolist() == arrays["seed"].tolist()
        for theta, loss, mine, mine_loss in zip(rows["theta"], rows["loss"], arrays["theta"], arrays["loss"], strict=True):
            assert (theta == mine).all() and loss == mine_loss


def test_all_figures_and_the_scorecard_come_out_the_same_from_the_published_tables_alone(folder, tmp_path):
    shutil.copytree(folder / NAME, tmp_path / "docs" / "reproduction")
    switch = ["--config", "from_tables=docs/reproduction"]
    plan = snakemake(tmp_path, "--dry-run", *switch, checkout=ROOT).stdout
    jobs = {line.split()[0] for line in plan.split("Job stats:")[1].split("Reasons:")[0].splitlines()[3:] if line.split()}
    assert {"fig4", "scorecard"} <= jobs and all(name.startswith("fig") for name in jobs - {"scorecard", "all", "total"})
    done = snakemake(tmp_path, *switch, checkout=ROOT)
    assert done.returncode == 0, done.stderr
    drawn = tmp_path / "results" / "from_tables"
    figures = sorted((folder / NAME / "figures").iterdir())
    assert len(figures) > 40
    for path in [*figures, folder / NAME / "scorecard.txt"]:
        assert (drawn / path.relative_to(folder / NAME)).read_bytes() == path.read_bytes(), path.name
    assert not (drawn / "runs").exists() and not (tmp_path / "results" / "cache").exists()


def test_figures_go_where_results_dir_says(folder, tmp_path):
    done = snakemake(tmp_path, "fig5", "--config", f"from_tables={folder / NAME}", "results_dir=mine", checkout=ROOT)
    assert done.returncode == 0 and (tmp_path / "mine" / "figures" / "fig5.png").exists()


@pytest.mark.parametrize(
    "words, expected",
    [
        (["from_tables=nowhere"], "from_tables is nowhere; there is no such folder (docs/reproduction has the published tables)"),
        (["from_tables=empty"], "from_tables is empty; that folder has no config.yaml, so nothing was published in it (`make publish`)"),
        (["from_tables={}", "seed=3"], "seed: has no effect with from_tables, beside which only results_dir counts (--config)"),
    ],
    ids=["nowhere", "empty", "another seed"],
)
def test_a_mistake_gets_one_line(folder, tmp_path, words, expected):
    (tmp_path / "empty").mkdir()
    done = snakemake(tmp_path, "fig4", "--config", *(word.format(folder / NAME) for word in words), checkout=ROOT)
    assert done.returncode == 1 and [line for line in done.stderr.splitlines() if "from_tables" in line] == [expected]
    assert "Traceback" not in done.stderr


def test_publishing_is_done_once(folder):
    assert planned(folder, "publish", config=WHOLE, checkout=ROOT) == {}


def test_what_lies_in_the_folder_is_replaced_but_for_its_readme(folder, tmp_path):
    target = tmp_path / "kept"
    target.mkdir()
    (target / "README.md").write_text("by hand")
    assert python(folder, "publication", WHOLE, target).returncode == 0
    (target / "statistics" / "old.parquet").write_text("old")
    assert python(folder, "publication", WHOLE, target).returncode == 0
    assert (target / "README.md").read_text() == "by hand" and not (target / "statistics" / "old.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    refused = python(folder, "publication", WHOLE, tmp_path / "mine")
    assert refused.returncode == 1 and "holds files, but nothing published" in refused.stderr
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_an_interruption_while_results_are_put_in_place_loses_nothing(folder, tmp_path, monkeypatch):
    target, source = tmp_path / "kept", folder / NAME
    publication.replace(target, source)
    (target / "README.md").write_text("by hand")
    there = sorted(path.relative_to(target) for path in target.rglob("*"))
    with monkeypatch.context() as patched:  # a disk that is full
        patched.setattr(shutil, "copytree", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            publication.replace(target, source)
    assert sorted(path.relative_to(target) for path in target.rglob("*")) == there
    target.rename(tmp_path / ".kept.before")  # killed between its two moves
    publication.replace(target, source)
    assert sorted(path.relative_to(target) for path in target.rglob("*")) == there
    assert (target / "README.md").read_text() == "by hand" and [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_place_that_cannot_be_written_gets_one_line(folder, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", "/proc/published"):
        refused = python(folder, "publication", WHOLE, place)
        assert refused.returncode == 1 and refused.stderr.count("\n") == 1 and str(place) in refused.stderr, refused.stderr
    refused = python(folder, "publication", "--redraw", "nowhere")
    assert refused.returncode == 1 and "there is no such folder" in refused.stderr


@pytest.mark.parametrize("content", ["<<<<<<< HEAD", "{}", "[]"])
def test_a_damaged_origin_gets_one_line(folder, tmp_path, content):
    place = shutil.copytree(folder / NAME, tmp_path / "damaged")
    (place / published.ORIGIN_FILE).write_text(content)
    for words in (["verification", place, "--runs", 1], ["growth", "join", place, WHOLE], ["publication", "--redraw", place]):
        refused = python(folder, *words)
        assert refused.returncode and refused.stderr.count("\n") == 1 and "put back the file" in refused.stderr, refused.stderr
    done = snakemake(tmp_path, "fig4", "--config", f"from_tables={place}", checkout=ROOT)
    assert done.returncode == 1 and done.stderr.count("put back the file") == 1 and ", line " not in done.stderr, done.stderr


def test_what_later_code_draws_takes_the_place_of_the_published_figure(folder, tmp_path):
    place = shutil.copytree(folder / NAME, tmp_path / NAME)
    drawn = tmp_path / "drawn" / "figures"
    drawn.mkdir(parents=True)
    shutil.copy(place / "figures" / "fig4.png", drawn)
    assert publication.redraw(place, tmp_path / "drawn") == []
    (drawn / "fig5.png").write_bytes(b"another picture")
    (drawn / "fig4.svg").write_bytes(b"is not published")
    assert publication.redraw(place, tmp_path / "drawn") == ["figures/fig5.png"]
    assert (place / "figures" / "fig5.png").read_bytes() == b"another picture" and publication.changed(place) == []
    assert json.loads((place / published.ORIGIN_FILE).read_text())["drawn"]


# -------------------------------------------------------------------------------------------------------------- growing

MORE = 4  # seeds, as many as there are
RESULTS = "results/whole-from-seed-5"  # of them


@pytest.fixture(scope="module")
def grown(folder, tmp_path_factory):
    """A copy of the published folder, with further seeds, and a directory where all seeds were run at once."""
    more = tmp_path_factory.mktemp("grown") / "more"
    shutil.copytree(folder / NAME, more / NAME)
    (more / "results").mkdir()
    (more / "results" / "cache").symlink_to((folder / "results" / "cache").resolve())
    planned = python(more, "growth", "plan", NAME, "more.yaml", "--more", MORE)
    assert planned.returncode == 0, planned.stderr
    once = config.load(WHOLE)
    for entry in once["sweeps"]["channels"]["entries"]:
        entry["seeds"] += MORE
    (folder / "once.yaml").write_text(yaml.safe_dump(once | {"results_dir": "results/once"}, sort_keys=False))
    for directory, name in [(more, "more.yaml"), (folder, "once.yaml")]:
        targets = ["channels", "channel_updates", "routes", "ends", "jumps"]
        done = snakemake(directory, *targets, "--configfile", directory / name, checkout=ROOT)
        assert done.returncode == 0, done.stderr
    assert not list((more / "results").rglob("seeds-1-*")), "a published run was made again"
    joined = python(more, "growth", "join", NAME, "more.yaml")
    assert joined.returncode == 0 and f"{NAME}: " in joined.stdout, joined.stderr
    return more, folder / "results" / "once"


@pytest.mark.parametrize("schema", [*CHANNEL_SCHEMAS, CHANNEL_UPDATES, ROUTES, ENDS, JUMPS], ids=lambda schema: schema.name)
def test_a_published_study_grows_to_what_all_seeds_at_once_give(grown, schema):
    more, once = grown
    ours, theirs = (
        table_files.read_table(place / "statistics" / f"{schema.name}.parquet", schema).drop(columns=TOLD_OF_THE_JOB, errors="ignore")
        for place in (more / NAME, once)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_a_grown_folder_says_how_and_draws_its_figures(grown):
    more, _ = grown
    place = more / NAME
    told = json.loads((place / published.ORIGIN_FILE).read_text())
    given = published.configuration(str(place), None, ())
    assert told["runs"]["channels"] == 2 * (4 + MORE) and told["additions"][0]["runs"] == {"channels": 2 * MORE}
    assert publication.changed(place) == [] and {entry["seeds"] for entry in given["sweeps"]["channels"]["entries"]} == {4 + MORE}
    assert "Added: 4 further seeds of every network of the sweep channels\n\n8 runs in 2 records" in (place / "costs.txt").read_text()
    done = snakemake(more, "fig4", "--config", f"from_tables={NAME}", checkout=ROOT)
    assert done.returncode == 0, done.stderr


def test_seeds_are_added_once(grown):
    more, _ = grown
    before = publication.digest(more / NAME / "statistics" / "ends.parquet")
    again = python(more, "growth", "join", NAME, "more.yaml")
    assert again.returncode == 1 and again.stderr.startswith(f"the seeds of channels do not follow those in {NAME}")
    assert publication.digest(more / NAME / "statistics" / "ends.parquet") == before


def test_tables_of_other_runs_are_refused_and_nothing_changes(grown, folder, tmp_path):
    shutil.copytree(folder / NAME, tmp_path / NAME)
    assert python(tmp_path, "growth", "plan", NAME, "more.yaml", "--more", 1).returncode == 0
    missing = python(tmp_path, "growth", "join", NAME, "more.yaml")
    assert missing.returncode == 1 and "channel_runs.parquet" in missing.stderr and "Traceback" not in missing.stderr
    shutil.copytree(grown[0] / RESULTS / "statistics", tmp_path / RESULTS / "statistics")
    others = python(tmp_path, "growth", "join", NAME, "more.yaml")
    assert others.returncode == 1 and "the configurations ask for" in others.stderr and "Traceback" not in others.stderr
    assert publication.changed(tmp_path / NAME) == []


def test_a_folder_in_which_a_table_was_joined_already_is_refused(grown, folder, tmp_path):
    """As an interruption may leave it: every row would stand twice."""
    shutil.copytree(folder / NAME, tmp_path / NAME)
    shutil.copytree(grown[0] / RESULTS, tmp_path / RESULTS)
    shutil.copy(grown[0] / NAME / "statistics" / "channel_runs.parquet", tmp_path / NAME / "statistics")
    done = python(tmp_path, "growth", "join", NAME, grown[0] / "more.yaml")
    assert done.returncode == 1 and "is not as it was published: statistics/channel_runs.parquet; put back" in done.stderr
    assert "Traceback" not in done.stderr and publication.changed(tmp_path / NAME) == ["statistics/channel_runs.parquet"]


@pytest.mark.parametrize("more", ["0", "-3"])
def test_less_than_one_more_seed_is_a_mistake(folder, more):
    done = python(folder, "growth", "plan", NAME, "more.yaml", "--more", more)
    assert done.returncode == 1 and f"seeds is {more}" in done.stderr and "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------------ verifying


def test_a_sample_of_runs_made_afresh_agrees(folder):
    done = python(folder, "verification", NAME, "--runs", 8, "--seed", 3, "--cores", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 8: " in done.stdout and "/r" in done.stdout.split("1 of 8: ")[1].splitlines()[0]
    assert "8 of 8 runs agree in everything: loss 8 (to 1e-09; largest difference of these 0), stop reason 8, route " in done.stdout


def test_a_published_loss_that_no_run_has_is_found(folder, tmp_path):
    shutil.copytree(folder / NAME, tmp_path / NAME)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cache").symlink_to((folder / "results" / "cache").resolve())
    path = tmp_path / NAME / "statistics" / "ends.parquet"
    ends = table_files.read_table(path, ENDS)
    ends["loss"] *= 1 + 2e-9
    table_files.write_table(path, ENDS, ends)
    done = python(tmp_path, "verification", NAME, "--runs", 2, "--cores", 2)
    assert done.returncode == 1
    assert "0 of 2 runs agree in everything: loss 0" in done.stdout and done.stdout.count("\ndiffers: ") == 2
    assert "missing or changed: statistics/ends.parquet" in done.stdout


def test_samples_are_told_by_their_seed_and_have_no_run_twice(folder):
    ends = table_files.read_table(folder / NAME / "statistics" / "ends.parquet", ENDS)
    first, again, other = (verification.picked(ends, 9, seed).index.tolist() for seed in [1, 1, 2])
    assert first == again != other and len(set(first)) == 9
    assert verification.picked(ends, 10**6, 1).index.tolist() == ends.index.tolist()


def test_a_run_whose_time_was_up_or_whose_data_cannot_be_drawn_is_not_picked(folder):
    ends = table_files.read_table(folder / NAME / "statistics" / "ends.parquet", ENDS)
    ends.loc[0, "stop"] = "TIME_LIMIT"
    left = verification.repeatable(ends, set(ends["dataset"]) - {"waves"})
    assert 0 not in left.index and set(left["dataset"]) == set(ends["dataset"]) - {"waves"}


def test_a_row_leads_to_its_block_whatever_its_protocol(tmp_path):
    given = config.load(WHOLE)
    entry = given["sweeps"]["levels"]["entries"][0] | {"optimiser": ["flow", "gd"], "rate": 0.1, "budget": [10, 20], "maxnorm": [10, 1000]}
    given["sweeps"]["levels"]["entries"] = [entry]
    given = config.validate(given)
    workshop = verification.Workshop(tmp_path, given)
    blocks = expansion.blocks(given)
    assert len(workshop.blocks) == len({block.folder for block in blocks})
    for block in blocks:
        meta = {"sweep": block.sweep, "dataset": block.dataset, "inputs": block.dimension, "activation": block.activation,
                "widths": list(block.widths), "bias": block.bias, "training": given["training"], "protocol": block.protocol}  # fmt: skip
        assert workshop.blocks[workshop.key(place_columns(meta))].folder == block.folder


RUN = {"sweep": "channels", "dataset": "gp", "activation": "erf", "widths": "4", "bias": True, "seed": 7, "stop": "WALL", "loss": 2.0}


@pytest.mark.parametrize(
    "fresh, route, agrees",
    [
        ({}, "pair, certified", (True, True, True)),
        ({"loss": 2.0 * (1 + 0.9e-9)}, "pair, certified", (True, True, True)),
        ({"loss": 2.0 * (1 - 1.1e-9)}, "pair, certified", (False, True, True)),
        ({"stop": "STATIONARY"}, "", (True, False, False)),
        ({}, "pair, undecided", (True, True, False)),
        ({"loss": float("nan"), "stop": "FAILED"}, "", (False, False, False)),
    ],
    ids=["the same", "rounding", "another loss", "another stop", "another verdict", "failed"],
)
def test_runs_agree_in_loss_stop_and_route(fresh, route, agrees):
    compared = verification.compare("a run", RUN, RUN | fresh, "pair, certified", route)
    assert (compared.loss, compared.stop, compared.route) == agrees and compared.agrees == all(agrees)


def test_exact_fits_agree_whatever_rounding_leaves_of_their_loss():
    exact = RUN | {"stop": "EXACT", "loss": 1e-30}
    assert verification.compare("a run", exact, exact | {"loss": 7e-31}, "", "").agrees
    assert not verification.compare("a run", exact, exact | {"loss": 1e-9, "stop": "STATIONARY"}, "", "").agrees
    assert not verification.compare("a run", RUN | {"loss": 0.0}, RUN | {"loss": 1e-30}, "", "").loss


def test_the_published_folder_of_the_project_is_whole():
    place = ROOT / "docs" / "reproduction"
    if not (place / published.ORIGIN_FILE).exists():
        pytest.skip("nothing is published yet")
    told = json.loads((place / published.ORIGIN_FILE).read_text())
    assert publication.changed(place) == []
    sizes = {name: each["bytes"] for name, each in told["files"].items()}
    assert sum(size for name, size in sizes.items() if name.startswith("statistics/")) < 20e6 and sum(sizes.values()) < 40e6
    given = published.configuration(str(place), None, ())
    asked = sum(block.runs for block in expansion.blocks(given) if block.dataset not in told["left_out"])
    ends = table_files.read_table(place / "statistics" / "ends.parquet", ENDS)
    assert len(ends) == sum(told["runs"].values()) == asked
    assert yaml.safe_load((place / published.CONFIGURATION_FILE).read_text())["seed"] == told["seed"]
    assert Path(place / "README.md").exists()
