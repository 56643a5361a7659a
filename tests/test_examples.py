"""The worked examples run from their first cell to their last, with small sizes; the site shows them as they ran with the full ones."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "examples").glob("*.ipynb"))
PYTHON = ROOT / ".venv-notebooks" / "bin" / "python"


def code_cells(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


@pytest.mark.skipif(not PYTHON.exists(), reason="`make notebooks-environment` installs what the worked examples need")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_worked_example_runs(path):
    before = path.read_bytes()
    command = [PYTHON, ROOT / "docs" / "examples" / "execute.py", "--small", path.stem]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{path.stem}: {len(code_cells(path))} cells ran" in done.stdout and path.read_bytes() == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_the_site_shows_is_one_run_from_top_to_bottom(path):
    cells = code_cells(path)
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs), "warnings do not belong on the site"
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2


def test_there_are_three_and_the_toy_takes_ten_cells():
    assert [path.stem for path in NOTEBOOKS] == ["adam-diabetes", "teacher-student", "toy"]
    assert len(code_cells(NOTEBOOKS[2])) == 10
