"""The reproducibility card is up to date, and says what the code and the presets say."""

import re
import runpy
from pathlib import Path

import pytest

from flatchannels.dynamics import polish, stopping
from flatchannels.infinity import candidates
from flatchannels.pipeline import config as settings

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
