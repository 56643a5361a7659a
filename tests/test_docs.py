"""What stands in the docs as Python runs as it stands there, and what is measured for them is there to be measured."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def snippets(name):
    """The Python of a page, each block from its own beginning to its end."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not block.startswith("module ")]  # that is for a Snakefile


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/library.md"])
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    normal = np.random.default_rng(0)
    np.savez("model.npz", W1=normal.normal(size=(4, 3)), b1=normal.normal(size=4), W2=normal.normal(size=(1, 4)), b2=normal.normal(size=1))
    blocks = snippets(page)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {"__name__": "__main__"})


def test_the_rosenbrock_valley_of_the_docs_ends_at_its_minimum():
    [block] = [block for block in snippets("docs/how-to/library.md") if "Rosenbrock" in block]
    names = {}
    exec(compile(block, "library.md", "exec"), names)
    assert names["end"].theta == pytest.approx([1.0, 1.0], abs=1e-12)


def test_the_constants_that_a_benchmark_varies_are_there_with_values_in_between():
    names = runpy.run_path(str(ROOT / "benchmarks" / "constants.py"), run_name="read")
    for name, (low, high) in names["VARIANTS"].items():
        values = {getattr(module, name) for module in names["MODULES"] if hasattr(module, name)}
        assert len(values) == 1 and low < values.pop() < high, name
