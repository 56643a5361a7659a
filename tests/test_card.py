"""The reproducibility card is up to date, and says what the code and the presets say."""

import json
import re
import runpy
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from flatchannels.dynamics import polish, stopping
from flatchannels.infinity import candidates
from flatchannels.pipeline import config as settings
from flatchannels.pipeline import expansion
from flatchannels.storage.dataset_files import read_dataset_arrays

ROOT = Path(__file__).parents[1]
CARD = runpy.run_path(str(ROOT / "docs" / "card" / "make.py"), run_name="card")


def test_the_page_is_what_the_code_the_presets_and_the_records_give():
    assert CARD["PAGE"].read_text(encoding="utf-8") == CARD["page"](), "make card"


def test_constants_have_the_values_of_the_modules():
    known = {(name, module): value for name, value, module, _ in CARD["constants"]()}
    assert float(known["STATIONARY_STEP", "dynamics/stopping.py"]) == stopping.STATIONARY_STEP
    assert (float(known["ACCEPT", "dynamics/polish.py"]), float(known["EXPAND", "dynamics/polish.py"])) == (polish.ACCEPT, polish.EXPAND)
    assert known["LINKS", "infinity/candidates.py"] == "np.geomspace(0.003, 0.5, 8)" and len(candidates.LINKS) == 8
    assert all(value and name.isupper() for name, value, _, _ in CARD["constants"]())


def test_every_name_in_the_pseudocode_is_in_the_table():
    known = {name for name, *_ in CARD["constants"]()}
    used = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|\b(?:ACCEPT|EXPAND|PATIENCE|LINKS|CANDIDATES|ITERATIONS|RUNAWAY)\b",
                          (CARD["CARD"] / "pseudocode.md").read_text(encoding="utf-8")))  # fmt: skip
    assert len(used) > 20 and used <= known, used - known


@pytest.mark.parametrize("key", ["training.rtol", "training.maxnorm", "toy.sgd_rate"])
def test_hyper_parameters_are_those_of_the_presets(key):
    section, name = key.split(".")
    row = next(line for line in CARD["page"]().splitlines() if line.startswith(f"| `{key}`"))
    for file in CARD["PRESETS"].values():
        assert str(settings.validate(settings.load(ROOT / "config" / file), file)[section][name]) in row


def test_the_eight_variables_of_the_survey_are_answered():
    head = CARD["page"]().split("## Pseudocode")[0]
    variables = [line.split("|")[1].strip() for line in head.splitlines() if line.startswith("| ")][1:]
    assert variables == [
        "research type",
        "pseudocode",
        "open code",
        "open data",
        "data splits",
        "hardware",
        "software versions",
        "experiment setup",
    ]


def rows(page, head):
    """First cell → the others, of the table under a head of the page."""
    [found] = re.findall(rf"^## {head}\n+(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in cells}


def test_hardware_and_software_are_those_of_the_published_results():
    origin = json.loads((ROOT / "docs" / "reproduction" / "origin.json").read_text(encoding="utf-8"))
    page = CARD["page"]()
    told, machine = rows(page, "Hardware and software"), origin["machine"]
    assert machine["processor"] in told["processor"][0] and all(name in told["processor"][0] for name in origin["processors_of_the_runs"])
    assert told["cores, memory"] == [f"{machine['cores']} cores, {machine['memory_gb']} GB"]
    assert machine["architecture"] in told["operating system"][0]
    runs = pd.read_parquet(ROOT / "docs" / "reproduction" / "statistics" / "ends.parquet", columns=["sweep"])["sweep"].value_counts()
    counted = {sweep: int(count.replace(" ", "")) for count, sweep in re.findall(r"(\d[\d ]*) of `(\w+)`", told["published runs"][0])}
    assert counted == runs.to_dict()
    for versions in origin["software_of_the_runs"]:
        assert all(f"{name} {version}" in told["software of the runs"][0] for name, version in versions.items() if name != "flatchannels")
    hours = [float(told[kind][1]) for kind in ("datasets", "routes", "runs", "saddles", "statistics", "toy")]
    assert float(told["all"][1]) == pytest.approx(sum(hours), rel=0.02)


def test_verdicts_are_as_many_as_the_published_scorecard_has():
    scorecard = (ROOT / "docs" / "reproduction" / "scorecard.txt").read_text(encoding="utf-8")
    verdicts = Counter(re.findall(r"^C\d+ +(holds|does not hold|undecided):", scorecard, re.MULTILINE))
    told = f"{verdicts['holds']} × holds, {verdicts['does not hold']} × does not hold, {verdicts['undecided']} × undecided"
    assert told in CARD["page"]() and f"Each of {verdicts.total()} claims" in CARD["page"]()


def test_checksums_are_of_all_datasets_of_the_paper_and_those_of_the_published_ones():
    known = {each["name"]: each for each in json.loads(CARD["DATASETS"].read_text(encoding="utf-8"))}
    paper = expansion.datasets(settings.validate(settings.load(ROOT / "config" / "paper.yaml")))
    assert set(known) == set(paper)
    published = sorted((ROOT / "docs" / "reproduction" / "datasets").glob("*.npz"))
    assert published
    for path in published:
        arrays, meta = read_dataset_arrays(path)
        each = known[meta["name"]]
        assert (each["sha256"], each["training"], each["dimension"]) == (meta["sha256"], *arrays["x"].shape)
