"""What a sweep cost and how its runs ended, from made-up records, benchmarks and logs."""

import numpy as np
import pytest
import synthetic

from flatchannels import names
from flatchannels.networks.layout import Layout
from flatchannels.pipeline import sweep_summary
from flatchannels.reasons import Stop
from flatchannels.storage import run_records

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
NETWORKS = {(2, 4): 10.0, (2, 16): 400.0, (8, 4): 30.0}  # dimension, width → processor time of one job, s
SPEC = {"target": "rosenbrock", "inputs": "normal", "samples": 10}


@pytest.fixture
def results(tmp_path):
    """Two jobs of three runs for each network; in one network a run failed and one met its time limit."""
    folder = tmp_path / "made" / "results"
    for (dimension, width), seconds in NETWORKS.items():
        parameters = Layout(inputs=dimension, widths=(width,), bias=True).parameters
        for first in (1, 4):
            place = names.record_place("channels", f"rosenbrock-d{dimension}", "softplus", (width,), True, first, first + 2)
            runs = [synthetic.run(seed, parameters) for seed in range(first, first + 3)]
            if (dimension, width, first) == (2, 16, 4):
                runs[0] = run_records.Failure(4, "LinAlgError: planted", np.zeros(parameters))
                runs[1] = synthetic.run(5, parameters, stop=Stop.TIME_LIMIT)
                runs[1].gradient_norm = 1.0
            runs[1].flow.theta_end = -runs[1].theta  # the finish turned it
            meta = synthetic.meta(dimension, (width,), "softplus", True, sweep="channels", dataset=f"rosenbrock-d{dimension}", spec=SPEC)
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            run_records.write_runs(folder / place, meta, runs)
            benchmark(folder, place.removesuffix(".npz"), seconds, memory=100 + width)
    benchmark(folder, "routes/channels/rosenbrock-d2/softplus/r4", 7.0, memory=321)
    benchmark(folder, "compile", "NA", memory="NA", wall=36.0)
    logs = tmp_path / "made" / ".snakemake" / "log"
    logs.mkdir(parents=True)
    (logs / "a.snakemake.log").write_text("Error in rule runs:\n    jobid: 3\nTrying to restart job 3.\nTrying to restart job 4.\n")
    (logs / "b.snakemake.log").write_text("all is well\n")
    return folder


def benchmark(folder, place, seconds, memory, wall=1.0):
    path = folder / "benchmarks" / f"{place}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + f"{wall}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t50\t{seconds}\n")


def test_core_hours_are_those_of_the_jobs_by_network_and_dimension(results):
    done = sweep_summary.jobs(results)
    runs, damaged = sweep_summary.read(results)
    table = sweep_summary.costs_by_size(done, runs, "channels")
    assert damaged == [] and len(runs) == 18
    for (dimension, width), seconds in NETWORKS.items():
        assert table.loc[str(width), dimension] == pytest.approx(2 * seconds / 3600)
    assert np.isnan(table.loc["16", 8])
    assert table.loc["sum", "sum"] == pytest.approx(2 * sum(NETWORKS.values()) / 3600)
    assert list(table.index) == ["4", "16", "sum"]


def test_kinds_of_jobs_have_their_sums_and_their_largest_memory(results):
    table = sweep_summary.costs(sweep_summary.jobs(results))
    assert table.loc["runs", ["jobs", "memory_mb"]].tolist() == [6, 116]
    assert table.loc["routes", ["jobs", "memory_mb"]].tolist() == [1, 321]
    assert table.loc["other", "core_hours"] == pytest.approx(36 / 3600)  # wall time, where no processor time was measured
    assert table.loc["all", "core_hours"] == pytest.approx((2 * sum(NETWORKS.values()) + 7 + 36) / 3600)


@pytest.mark.parametrize(("wall", "last_look"), [(3.0, 3.0), (14.0, 14.0), (16.0, 15.0), (44.0, 15.0), (46.0, 45.0), (3000.0, 2985.0)])
def test_processor_time_after_the_last_look_of_snakemake_is_counted_too(wall, last_look):
    share = 0.8  # of a core
    row = {"s": str(wall), "cpu_time": str(share * last_look)}
    assert sweep_summary.processor_seconds(row) == pytest.approx(share * wall)


def test_the_converged_share_is_by_network_and_failures_count_as_not_converged(results):
    table = sweep_summary.convergence(sweep_summary.read(results)[0])
    shares = {(row.dataset, row.network): row.share for row in table.itertuples()}
    assert shares == {("rosenbrock-d2", "r4"): 1.0, ("rosenbrock-d2", "r16"): pytest.approx(4 / 6), ("rosenbrock-d8", "r4"): 1.0}


def test_the_converged_share_by_size_has_a_place_for_each_width_and_dimension(results):
    table = sweep_summary.means_by_size(sweep_summary.read(results)[0], "channels", "converged")
    assert table.loc["4"].tolist() == [1.0, 1.0] and table.loc["16", 2] == pytest.approx(4 / 6) and np.isnan(table.loc["16", 8])


def test_the_longest_run_of_a_network_is_compared_with_its_median(results):
    runs = sweep_summary.read(results)[0].assign(seconds=1.0)
    runs.loc[(runs["dataset"] == "rosenbrock-d8") & (runs["seed"] == 6), "seconds"] = 12.0
    ratios = {(row.dataset, row.network): (row.median, row.longest, row.ratio) for row in sweep_summary.durations(runs).itertuples()}
    assert ratios == {("rosenbrock-d2", "r4"): (1, 1, 1), ("rosenbrock-d2", "r16"): (1, 1, 1), ("rosenbrock-d8", "r4"): (1, 12, 12)}


def test_calls_restarts_and_failures_are_counted_in_the_logs(results):
    assert sweep_summary.calls(sweep_summary.logs_beside(results)) == {
        "calls of snakemake": 2, "jobs restarted": 2, "failures of rule runs": 1
    }  # fmt: skip


def test_the_text_names_failures_networks_that_did_not_converge_and_damaged_records(results):
    next((results / "runs").rglob("r4/seeds-1-3.npz")).write_bytes(b"PK\x03\x04 half a file")
    said = sweep_summary.describe(results)
    assert said.startswith("15 runs in 6 records, 1 of which cannot be used\n") and "has no seal" in said
    assert "channels/rosenbrock-d2/softplus/r16 seed 4: LinAlgError: planted" in said
    assert "1 of 3 networks below 99.5%" in said and "At a limit: 1. Failed: 1" in said
    assert "TIME_LIMIT" in said and "jobs restarted: 2" in said
    assert "above 0.01, for which the original drops a run: 5\n" in said  # of each record that can be used one


def test_an_empty_folder_has_nothing_yet(tmp_path):
    assert "0 runs in 0 records" in sweep_summary.describe(tmp_path)


def test_a_block_that_was_made_anew_with_more_seeds_counts_once(results):
    before = len(sweep_summary.read(results)[0])
    meta = synthetic.meta(8, (4,), "softplus", True, sweep="channels", dataset="rosenbrock-d8", spec=SPEC)
    parameters = Layout(inputs=8, widths=(4,), bias=True).parameters
    place = names.record_place("channels", "rosenbrock-d8", "softplus", (4,), True, 4, 8)
    run_records.write_runs(results / place, meta, [synthetic.run(seed, parameters) for seed in range(4, 9)])
    runs = sweep_summary.read(results)[0]
    assert len(runs) == before + 2 and not runs.duplicated(["dataset", "widths", "seed"]).any()
    assert f"{before + 2} runs in 6 records, 0 of which" in sweep_summary.describe(results)
