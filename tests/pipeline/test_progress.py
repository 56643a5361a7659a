"""What a call of snakemake says of the runs."""

from types import SimpleNamespace

from flatchannels.pipeline import progress


def test_runs_that_a_call_does_not_ask_for_do_not_count_as_done(tmp_path, monkeypatch):
    """Of four records of two runs one exists, two are asked for, and one is missing but not asked for."""
    blocks = {str(tmp_path / f"{number}.npz"): SimpleNamespace(sweep="levels", runs=2) for number in range(4)}
    records = list(blocks)
    (tmp_path / "0.npz").touch()
    said = []
    monkeypatch.setattr(progress.internals, "planned_jobs", lambda _: [(7, "runs", [records[1]]), (8, "runs", [records[2]])])
    monkeypatch.setattr(progress.internals, "console", list)
    monkeypatch.setattr(progress.internals, "say", said.append)
    progress.Call().begin(None, blocks)
    assert said == ["levels: 2 of 6 runs done"]
