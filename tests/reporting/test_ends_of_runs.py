"""Runs that fit exactly from the start, and runs whose time was over, are recorded and counted like others."""

import numpy as np
import synthetic

from flatchannels import Dataset, Network, train
from flatchannels.reasons import Stop
from flatchannels.reporting.channel_tables import channel_tables
from flatchannels.reporting.runs import run_table
from flatchannels.storage import run_records


def test_exact_fits_and_runs_out_of_time_are_in_the_record_and_in_the_tables(tmp_path):
    net, rng = Network(2, (3,), "tanh"), np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    teacher = net.initialise(rng)
    data = Dataset(x, net.predict(teacher, x))
    samples = {"trajectory_samples": 7, "spectrum_samples": 3}
    runs = [
        train(net, data, teacher, **samples),
        train(net, data, seed=1, max_seconds=1e-9, **samples),
        train(net, data, seed=2, **samples),
    ]
    for seed, run in enumerate(runs, 1):
        run.seed = seed
    assert [run.stop for run in runs[:2]] == [Stop.EXACT, Stop.TIME_LIMIT]
    path = tmp_path / "runs.npz"
    meta = synthetic.meta(2, (3,), "tanh", True, training=synthetic.TRAINING | samples)
    run_records.write_runs(path, meta, runs)
    kept, arrays = run_records.read_runs(path)
    assert kept["stop_codes"]["EXACT"] == Stop.EXACT and list(arrays["stop"]) == [run.stop for run in runs]
    assert np.isnan(arrays["spectrum_min"][1]).all() and np.isfinite(arrays["spectrum_min"][[0, 2]]).all()
    table = run_table([path])
    assert list(table["stop"]) == [run.stop.name for run in runs] and table["converged"][0] and not table["infinite"].any()
    spectra = channel_tables([path], [])["channel_spectra"]
    assert list(np.unique(spectra["seed"])) == [1, 3] and np.isfinite(spectra["largest"]).all()
