"""Any configuration that validates plans, and some are run to the end: random datasets, sweeps and networks, all tiny.

Some datasets are made from files of the user's own, which `write_files` puts beside the configuration.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkouts import ROOT, forked, snakemake
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from interruptions import empty

from flatchannels.pipeline import config

PLANNED = max(1, settings.default.max_examples // 20)  # 10, thorough 250
RUN = max(1, settings.default.max_examples // 250)  # 1, thorough 20
TOY = {"samples": 32, "random_starts": 1, "epochs": 2, "batch": 8, "gd_steps": 200, "gd_rates": [0.316, 0.237]}  # of whole.yaml

names = st.text("abcxyz019.-", min_size=1, max_size=8).filter(lambda name: name[0] not in ".-")
few = st.integers(1, 3)


def write_files(directory):
    """Data of each dimension, as a table and, with weights and test samples, as arrays; and a function."""
    random = np.random.default_rng(1)
    for dimension in (1, 2, 3):
        x, y = random.normal(size=(20, dimension)), random.normal(size=20)
        test = {"x_test": random.normal(size=(5, dimension)), "y_test": random.normal(size=5)}
        np.savez(directory / f"data{dimension}.npz", x=x, y=y, weights=random.uniform(0, 2, 20), **test)
        np.savetxt(directory / f"data {dimension}.csv", np.column_stack([y, x]), delimiter=",", comments="",
                   header=",".join(["level", *"abc"[:dimension]]))  # fmt: skip
    (directory / "my.py").write_text("import numpy as np\n\ndef wave(x):\n    return np.sin(x.sum(axis=1))\n")


@st.composite
def files(draw):
    """A dataset from a file, and its dimension."""
    dimension = draw(few)
    spec = draw(st.sampled_from([
        {"file": f"data{dimension}.npz"},
        {"file": f"data {dimension}.csv", "target_column": "level"},
        {"file": f"data {dimension}.csv", "target_column": "level", "test_samples": 8},
    ]))  # fmt: skip
    return {"target": "file", "standardise": draw(st.booleans()), **spec}, [dimension]


@st.composite
def datasets(draw):
    """A dataset, and the dimensions in which it can be."""
    target = draw(st.sampled_from(["rosenbrock", "teacher", "sinusoids", "my.py:wave", "file"]))
    if target == "file":
        return draw(files())
    spec = {"target": target, "inputs": draw(st.sampled_from(["grid", "normal", "uniform", "sphere"]))}
    spec |= {"points": draw(st.integers(3, 5))} if spec["inputs"] == "grid" else {"samples": draw(st.integers(12, 30))}
    if spec["inputs"] != "grid" and draw(st.booleans()):
        spec["test_samples"] = draw(st.integers(1, 9))
    if target == "teacher":
        spec |= {"widths": draw(st.lists(few, min_size=1, max_size=2)), "activation": draw(activations)}
    if target == "sinusoids":
        spec |= {"terms": draw(few), "frequency": draw(st.sampled_from([0.3, 1, 2.5]))}
    if target == "my.py:wave":
        spec["standardise"] = draw(st.booleans())
    if spec["inputs"] == "normal" and draw(st.booleans()):
        return spec | {"covariance": [[2, 0.9], [0.9, 1]]}, [2]
    return spec, [2] if spec["inputs"] == "grid" else [2, 3] if target == "rosenbrock" else [1, 2, 3]


activations = st.sampled_from(["g", "softplus", "erf", "relu", "sigmoid", "tanh", "gelu", "silu"])


def some(items, most=2):
    """One of them, or a list of some."""
    return st.one_of(items, st.lists(items, min_size=1, max_size=most, unique=True))


@st.composite
def protocols(draw):
    """Keys of an entry that say how its runs are trained; none in half of the cases."""
    if draw(st.booleans()):
        return {}
    optimiser = draw(st.sampled_from(["flow", "gd", "sgd", "adam"]))
    entry = {"optimiser": draw(st.sampled_from([optimiser, ["flow", optimiser]])) if optimiser != "flow" else "flow"}
    if optimiser != "flow":
        entry |= {"rate": draw(some(st.sampled_from([0.01, 0.1, 1e4]))), "budget": draw(st.sampled_from([1, 40]))}
    if optimiser == "sgd":
        entry["batch"] = draw(st.integers(1, 9))
    entry |= {
        "initial_scale": draw(some(st.sampled_from([1, 0.1, 3.0]))),
        "scheme": draw(some(st.sampled_from(["glorot_normal", "he_uniform"]))),
    }
    return entry | ({"maxnorm": draw(some(st.sampled_from([0.5, 1000])))} if draw(st.booleans()) else {})


@st.composite
def configurations(draw):
    """A configuration that validates."""
    known = draw(st.dictionaries(names, datasets(), min_size=1, max_size=2))
    sweeps = {}
    for sweep in draw(st.lists(st.sampled_from(["levels", "channels", "saddles"]) | names, min_size=1, max_size=3, unique=True)):
        name = draw(st.sampled_from(sorted(known)))
        networks = st.lists(st.lists(few, min_size=1, max_size=2), min_size=1, max_size=2, unique_by=tuple)
        entry = {"dataset": name, "dimension": draw(some(st.sampled_from(known[name][1]), 1)), "activation": draw(some(activations)),
                 "bias": draw(some(st.booleans())), "widths": draw(networks), "seeds": draw(few)} | draw(protocols())  # fmt: skip
        sweeps[sweep] = {"seeds_per_job": draw(few), "entries": [entry]}
    saddles = {"plateau": {"width": draw(few)}, "channel": draw(st.sampled_from([{}, {"seed": 1}, {"seed": 999}]))}
    if draw(st.booleans()):
        saddles["plateau"]["neuron"] = draw(st.integers(0, saddles["plateau"]["width"] - 1))
    training = {"rtol": draw(st.sampled_from([1e-2, 1e-3])), "max_steps": draw(st.sampled_from([1, 7, 150]))}
    training |= {
        "maxnorm": draw(st.sampled_from([0.5, 3, 1000])),
        "trajectory_samples": draw(st.integers(2, 9)),
        "spectrum_samples": draw(few),
    }
    figures = draw(st.dictionaries(st.sampled_from(["levels", "channels", "saddles"]), st.sampled_from(sorted(sweeps)), max_size=2))
    return {"figures": figures, "seed": draw(st.integers(0, 9)), "sweeps": sweeps, "saddles": saddles, "toy": TOY, "training": training,
            "datasets": {name: spec for name, (spec, _) in known.items()}, "results_dir": "results/whole"}  # fmt: skip


# What has failed once, or would easily, and stands for its kind.
KNOWN = {
    "files with weights and a function of one's own, with correlated inputs": {
        "datasets": {"table": {"target": "file", "file": "data2.npz", "standardise": True},
                     "wave": {"target": "my.py:wave", "inputs": "normal", "samples": 20, "covariance": [[2, 0.9], [0.9, 1]]}},
        "sweeps": {"mine": {"entries": [
            {"dataset": name, "dimension": 2, "activation": "tanh", "bias": True, "widths": [[1]], "seeds": 1}
            for name in ("table", "wave")]}},
        "toy": TOY, "training": {"max_steps": 7, "trajectory_samples": 3, "spectrum_samples": 1}, "results_dir": "results/whole",
    },
    "sweeps of their own names, with protocols, one of them for figures of the paper": {
        "datasets": {"mine": {"target": "teacher", "inputs": "normal", "samples": 20, "widths": [2], "activation": "tanh"}},
        "sweeps": {
            "my-study.1": {"seeds_per_job": 2, "entries": [
                {"dataset": "mine", "dimension": 1, "activation": "softplus", "bias": [True, False], "widths": [[1], [2]], "seeds": 2,
                 "initial_scale": [0.1, 1], "optimiser": ["flow", "gd"], "rate": 0.1, "budget": 20}]},
            "tables": {"seeds_per_job": 2, "entries": [
                {"dataset": "mine", "dimension": 1, "activation": "relu", "bias": True, "widths": [[2]], "seeds": 2,
                 "optimiser": ["flow", "adam"], "rate": [0.1, 1e6], "budget": 20, "maxnorm": [3, 1000]}]}},
        "figures": {"levels": "my-study.1", "channels": "my-study.1"},
        "toy": TOY, "training": {"max_steps": 40, "trajectory_samples": 5, "spectrum_samples": 1}, "results_dir": "results/whole",
    },
    "levels on a dataset of another name, not on a grid": {
        "datasets": {"mine": {"target": "teacher", "inputs": "normal", "samples": 20, "widths": [2], "activation": "tanh"}},
        "sweeps": {"levels": {"entries": [
            {"dataset": "mine", "dimension": 1, "activation": "tanh", "bias": True, "widths": [[1], [2, 1]], "seeds": 2}]}},
        "toy": TOY, "training": {"max_steps": 7, "trajectory_samples": 3, "spectrum_samples": 1}, "results_dir": "results/whole",
    },
    "saddles alone": {
        "datasets": {"mine": {"target": "sinusoids", "inputs": "uniform", "samples": 20, "terms": 2, "frequency": 1}},
        "sweeps": {"saddles": {"entries": [
            {"dataset": "mine", "dimension": 2, "activation": ["relu", "erf"], "bias": False, "widths": [[1], [2, 2]], "seeds": 1}]}},
        "toy": TOY, "training": {"max_steps": 7, "trajectory_samples": 3, "spectrum_samples": 1}, "results_dir": "results/whole",
    },
}  # fmt: skip


def plan(content):
    """Exit code and words of a dry run of everything and of every figure."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "mine.yaml").write_text(yaml.safe_dump(content))
        write_files(Path(directory))
        arguments = ["--snakefile", ROOT / "Snakefile", "--cores", "1", "--dry-run", "--configfile", "mine.yaml", "--"]
        figures = [path.stem for path in (ROOT / "workflow" / "report").glob("fig*.rst")]
        figures += [f"summary_{sweep}" for sweep in content["sweeps"]]
        return forked(directory, *arguments, "all", *figures)


def check_plan(content):
    config.validate(json.loads(json.dumps(content)))
    code, said = plan(content)
    assert code == 0, said
    assert "scorecard" in said and "figB11" in said


@settings(max_examples=PLANNED, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(configurations())
def test_any_configuration_that_validates_plans(content):
    event(" and ".join(sorted(content["sweeps"])))
    check_plan(content)


@pytest.mark.parametrize("name", KNOWN)
def test_so_do_those_that_once_did_not(name):
    check_plan(KNOWN[name])


def run_to_the_end(whole, content):
    """All figures and the scorecard of a configuration. The products of the toy, which is always the same, are there already."""
    with tempfile.TemporaryDirectory() as folder:
        directory = empty(Path(folder) / "any")
        for path in ["results/compiled.txt", "results/whole/toy", *_tables_of_the_toy(whole)]:
            copy = shutil.copytree if (whole / path).is_dir() else shutil.copyfile
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            copy(whole / path, directory / path)
        write_files(directory)
        (directory / "mine.yaml").write_text(
            yaml.safe_dump(content | {"seed": config.validate(config.load(ROOT / "tests/whole.yaml"))["seed"]})
        )
        done = snakemake(directory, "--configfile", "mine.yaml", checkout=ROOT)
        assert done.returncode == 0, f"{yaml.safe_dump(content)}\n{done.stdout}{done.stderr}"
        assert (directory / "results/whole/scorecard.txt").exists()


def _tables_of_the_toy(whole):
    return [str(path.relative_to(whole)) for path in (whole / "results/whole/statistics").glob("toy_*.parquet")]


@settings(max_examples=RUN, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
@given(content=configurations())
def test_any_configuration_that_validates_ends(whole, content):
    run_to_the_end(whole[0], content)


@pytest.mark.parametrize("name", KNOWN)
def test_so_do_those_that_once_failed(whole, name):
    run_to_the_end(whole[0], KNOWN[name])
