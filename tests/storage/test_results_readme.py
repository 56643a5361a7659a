"""What results/README.md shows works on results."""

import re
from pathlib import Path

import synthetic

from flatchannels.storage.run_records import write_runs
from flatchannels.storage.schemas.runs import RUNS
from flatchannels.storage.table_files import write_table

ROOT = Path(__file__).parents[2]


def test_its_examples_run(tmp_path, monkeypatch, capsys):
    record = tmp_path / "results/runs/levels/rosenbrock-grid/g/r2-nobias/seeds-1-2.npz"
    write_runs(record, synthetic.meta(2, (2,), "g", False), [synthetic.run(seed, parameters=6) for seed in (1, 2)])
    write_table(tmp_path / "results/statistics/runs.parquet", RUNS, synthetic.run_rows([0.1, 0.2]))
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "results" / "README.md").read_text(), re.DOTALL)
    examples += re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tables.md").read_text(), re.DOTALL)
    for example in examples:
        exec(example, {})
    shown = capsys.readouterr().out
    assert len(examples) == 3 and "STATIONARY" in shown and "(2, 12)" in shown and "The loss at the minimum" in shown
