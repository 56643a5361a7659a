"""What cannot be done is said at once, in one line: names of files, seeds, folders."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flatchannels.cli import main, train
from flatchannels.cli.words import whole
from flatchannels.pipeline import places
from flatchannels.storage import run_records
from flatchannels.storage.archives import archive_bytes, read_meta

LONG = "a" * 300


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with data and a record whose only run met a limit."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(30, 2))
    np.savez("data.npz", x=x, y=np.sin(x).sum(axis=1))
    assert main(["train", "data.npz", "--widths", "2", "--max-steps", "2", "--out", "record.npz"]) == 0
    return tmp_path


@pytest.fixture
def nothing_runs(here, monkeypatch):
    """The same folder, in which no run may begin."""

    def begins(*arguments):
        raise AssertionError("a run has begun")

    monkeypatch.setattr(train, "run_block", begins)
    return here


def refusal(capsys, *words):
    capsys.readouterr()
    code = main(list(map(str, words)))
    said = capsys.readouterr().err
    assert code == 2 and said.count("\n") == 1 and said.startswith("flatchannels: "), said
    return said


@pytest.mark.parametrize("words", [
    ["train", "data.npz", "--widths", 2, "--out", f"{LONG}.npz"],
    ["train", "data.npz", "--widths", 2, "--out", f"{'a' * 230}.npz"],  # room for the name, and none for the temporary one
    ["train", f"{LONG}.npz", "--widths", 2, "--out", "new.npz"], ["train", f"{LONG}.csv", "--widths", 2, "--out", "new.npz"],
    ["continue", f"{LONG}.npz"], ["continue", "record.npz", "--data", f"{LONG}.npz"],
    ["inspect", LONG], ["inspect", f"{LONG}.npz"], ["inspect", f"{LONG}.pt"], ["inspect", "record.npz", "--plot", f"{LONG}.png"],
    ["inspect", "record.npz", "--data", f"{LONG}.npz"], ["figure", "fig6", "--config", f"{LONG}.yaml"], ["workflow", "--copy", LONG],
])  # fmt: skip
def test_names_that_no_file_can_have(nothing_runs, capsys, words):
    assert "File name too long" in refusal(capsys, *words)


def test_seeds_that_no_record_holds(here, capsys):
    for seeds in ("100000000000000000000", "9223372036854775808", "9223372036854775807-9223372036854775808", "1" * 5000):
        assert "9223372036854775807" in refusal(capsys, "train", "data.npz", "--widths", 2, "--out", "new.npz", "--seeds", seeds)
    words = ["--widths", "2", "--max-steps", "2", "--out", "new.npz", "--seeds", "9223372036854775806-9223372036854775807"]
    assert main(["train", "data.npz", *words]) == 0
    assert run_records.read_runs("new.npz", ["seed"])[1]["seed"].tolist() == [2**63 - 2, 2**63 - 1]


def test_outputs_that_cannot_be_written_are_found_before_anything_runs(nothing_runs, capsys):
    words = ["train", "data.npz", "--widths", 2, "--force", "--out"]
    Path("folder.npz").mkdir()
    Path("kept.unfinished").mkdir()
    Path("link.npz").symlink_to("data.npz")
    for out, problem in [
        ("folder.npz", "Is a directory"), ("data.npz/new.npz", "data.npz is a file"), ("/proc/new.npz", "cannot be written"),
        ("kept.npz", "kept.unfinished: cannot be written"), ("data.npz", "the file of the data"), ("link.npz", "the file of the data"),
    ]:  # fmt: skip
        assert problem in refusal(capsys, *words, out)
    Path("record.npz").rename("kept.npz")
    assert "kept.unfinished" in refusal(capsys, "continue", "kept.npz")
    assert not list(nothing_runs.glob(".*"))  # no trial is left


def test_a_workflow_is_not_copied_into_itself(here, capsys):
    for folder in (places.PACKAGE, places.home() / "config", places.home() / "workflow" / "rules"):
        place = folder / "new" / "study"
        assert "copied into itself" in refusal(capsys, "workflow", "--copy", place) and not place.parent.exists()
    Path("link").symlink_to(places.PACKAGE)
    assert "copied into itself" in refusal(capsys, "workflow", "--copy", "link/study")
    assert not (places.PACKAGE / "study").exists()


def test_a_copy_of_the_package_alone_lacks_the_workflow_only(here):
    shutil.copytree(places.PACKAGE, here / "alone" / "flatchannels", ignore=places.LEFT_OUT)
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"} | {"PYTHONPATH": str(here / "alone")}

    def call(*words):
        return subprocess.run([sys.executable, "-S", "-c", HOST, *words], capture_output=True, text=True, env=environment, cwd=here)

    for words in (["workflow"], ["workflow", "--copy", "new"], ["figure"]):
        done = call(*words)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "not installed with flatchannels" in done.stderr, done.stderr
    assert call("inspect", "--help").returncode == 0


HOST = f"""
import sys
sys.path += {[path for path in sys.path if "site-packages" in path]}
from importlib import metadata

def files(name):
    raise metadata.PackageNotFoundError(name)

metadata.files = files  # as where nothing of that name is installed
from flatchannels.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("words", "said"), [
    (["train", "data.npz", "--widths", 2, "--out", "new.npz", "--rtol", "abc"], "--rtol: abc is no number, such as"),
    (["train", "data.npz", "--widths", 2, "--out", "new.npz", "--max-steps", "1.5"], "--max-steps: 1.5 is no whole number, such as 1000"),
    (["train", "data.npz", "--widths", 2, "--out", "new.npz", "--workers", "inf"], "--workers: inf is no whole number"),
    (["train", "data.npz", "--widths", 2, "--out", "new.npz", "--activation", "swish"], "'swish' (choose from"),
    (["train", "data.npz", "--out", "new.npz"], "required: --widths"),
    (["inspect", "record.npz", "--run", "first"], "first is no whole number"),
    (["dance"], "'dance' (choose from"), ([], "required: COMMAND"),
])  # fmt: skip
def test_wrong_words_are_told_in_one_line_without_the_usage(nothing_runs, capsys, words, said):
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(list(map(str, words)))
    told = capsys.readouterr().err
    assert end.value.code == 2 and told.count("\n") == 1 and said in told and told.rstrip().endswith("--help says more")


def test_whole_numbers_may_have_an_exponent(here):
    assert main(["train", "data.npz", "--widths", "2", "--max-steps", "2e0", "--out", "new.npz"]) == 0
    assert read_meta("new.npz")["training"]["max_steps"] == 2
    assert [whole(text) for text in ("1e5", "-3", "10" * 20, "4.0")] == [100_000, -3, int("10" * 20), 4]
    for text in ("1e17", "nan", "0x10", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            whole(text)


@pytest.mark.parametrize("change", [{"version": 2}, {"version": "x"}, {"format": "flatchannels dataset"}])
def test_a_record_of_another_format_is_not_replaced(nothing_runs, capsys, change):
    before = resealed(**change)
    assert "this code goes on with version 1 of flatchannels runs" in refusal(capsys, "continue", "record.npz")
    assert Path("record.npz").read_bytes() == before


def test_a_record_whose_metadata_lack_something_says_what(nothing_runs, capsys):
    resealed(training=None)
    assert "record.npz: its metadata lack training" in refusal(capsys, "continue", "record.npz")


def test_a_damaged_record_is_written_again_from_what_is_kept_beside_it_and_says_so(here, capsys):
    data = bytearray(Path("record.npz").read_bytes())
    data[len(data) // 2] ^= 1
    Path("record.npz").write_bytes(data)
    assert main(["continue", "record.npz", "--max-steps", "4"]) == 0
    assert "does not match its seal" in (said := capsys.readouterr().err) and "written again, from record.unfinished" in said
    assert run_records.read_runs("record.npz")[0]["training"]["max_steps"] == 4


def resealed(**change):
    """The bytes of the record, which gets other metadata; None takes one away."""
    with np.load("record.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "meta"}
    meta = {name: value for name, value in (read_meta("record.npz") | change).items() if value is not None}
    Path("record.npz").write_bytes(archive_bytes(meta, arrays))
    return Path("record.npz").read_bytes()


def test_targets_that_are_all_alike_are_not_said_to_need_another_scale(here, capsys):
    np.savez("flat.npz", x=np.random.default_rng(0).normal(size=(20, 2)), y=np.full(20, 3.0))
    assert main(["train", "flat.npz", "--widths", "2", "--max-steps", "2", "--out", "new.npz"]) == 0
    assert "y is 3 in all samples" in (said := capsys.readouterr().err) and "--standardise" not in said


def test_numbers_that_no_network_or_optimiser_has(nothing_runs, capsys):
    train_it = ["train", "data.npz", "--out", "new.npz", "--widths"]
    assert "a layer can have 1000 neurons" in refusal(capsys, *train_it, 10**20)
    assert "needs a batch: --batch" in refusal(capsys, *train_it, 2, "--optimiser", "sgd", "--rate", 0.1, "--budget", 10)
    assert "it must be at most 1000000000000" in refusal(capsys, *train_it, 2, "--optimiser", "gd", "--rate", 0.1, "--budget", 10**21)


def test_a_terminal_without_greek_and_a_closed_output_are_no_mistake(here):
    for words, encoding in [(["inspect", "record.npz"], "latin-1"), (["train", "--help"], "ascii")]:
        command = [sys.executable, "-m", "flatchannels", *words]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow"), "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, env=environment)
        assert done.returncode == 0 and done.stdout and not done.stderr
    closed = subprocess.run(f"{sys.executable} -m flatchannels inspect record.npz >&-", shell=True, capture_output=True, env=environment)
    assert b"Traceback" not in closed.stderr
