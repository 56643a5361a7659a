"""Draws of Gaussian processes: the kernel, the statistics of the draws, and the datasets made of them.

What needs torch is done by the interpreter of its own environment, and skipped where there is none.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist
from scipy.special import gamma, kv

from flatchannels.data import datasets, gaussian_process
from flatchannels.data.seeds import generator
from flatchannels.pipeline import config, expansion
from flatchannels.storage import dataset_files

ROOT = Path(__file__).parents[2]
SCALES = [0.1, 0.5, 2, 10]
DIMENSIONS = [2, 4, 8, 16]
DRAWS = 4000
DRAWN_ELSEWHERE = """
import sys
import numpy as np
from flatchannels.data import gaussian_process
given = np.load(sys.argv[1])
count = len(given.files) // 3
np.savez(sys.argv[2], *(gaussian_process.draw(given[f"x{k}"], given[f"scale{k}"], given[f"normals{k}"]) for k in range(count)))
"""


@pytest.fixture(scope="module")
def torch_python():
    """An interpreter with torch."""
    python = Path(sys.executable) if find_spec("gpytorch") else ROOT / gaussian_process.ENVIRONMENT / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no torch here: {gaussian_process.MISSING}")
    return python


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment(), timeout=600)


def drawn(python, folder, cases):
    """What `gaussian_process.draw` returns for each (x, scale, normals), all in one process, which loads torch once."""
    arrays = {}
    for k, case in enumerate(cases):
        arrays |= {f"{name}{k}": value for name, value in zip(["x", "scale", "normals"], case, strict=True)}
    np.savez(folder / "given.npz", **arrays)
    done = run(python, "-c", DRAWN_ELSEWHERE, folder / "given.npz", folder / "drawn.npz")
    assert done.returncode == 0, done.stderr
    with np.load(folder / "drawn.npz") as found:
        return [found[f"arr_{k}"] for k in range(len(cases))]


def points(dimension, scale):
    """Normal points, and some at distances 0.001 … 3, in units of the length scale, from the first."""
    x = np.random.default_rng(dimension).normal(size=(20, dimension))
    steps = np.array([0.001, 0.01, 0.1, 0.3, 1.0, 3.0]) / scale
    return np.concatenate([x, x[0] + steps[:, None] * np.eye(dimension)[0]])


# The kernel


@pytest.mark.parametrize("scale", SCALES)
def test_the_kernel_is_matern_with_nu_three_halves_and_length_scale_one_over_s(scale):
    distance = np.geomspace(1e-3, 30, 50) / scale
    z = np.sqrt(3) * scale * distance
    general = 2 ** (1 - 1.5) / gamma(1.5) * z**1.5 * kv(1.5, z)
    assert gaussian_process.covariance(distance, scale) == pytest.approx(general, rel=1e-12)
    assert gaussian_process.covariance(0.0, scale) == 1


def test_the_process_has_a_derivative_of_variance_three_s_squared():
    for scale in SCALES:
        step = 1e-4 / scale
        assert 2 * (1 - gaussian_process.covariance(step, scale)) / step**2 == pytest.approx(3 * scale**2, rel=1e-3)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_kernel_matrices_are_positive_definite(dimension):
    for scale in SCALES:
        x = points(dimension, scale)
        assert np.linalg.eigvalsh(gaussian_process.covariance(cdist(x, x), scale)).min() > 0


# The draws


@pytest.fixture(scope="module")
def many_draws(torch_python, tmp_path_factory):
    """(dimension, scale) → points (N, d) and normals and draws (N, DRAWS)."""
    keys = [(dimension, scale) for dimension in DIMENSIONS for scale in SCALES]
    cases = []
    for number, (dimension, scale) in enumerate(keys):
        x = points(dimension, scale)
        cases.append((x, float(scale), np.random.default_rng([7, number]).normal(size=(len(x), DRAWS))))
    values = drawn(torch_python, tmp_path_factory.mktemp("draws"), cases)
    return {key: (case[0], case[2], y) for key, case, y in zip(keys, cases, values, strict=True)}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_variance_and_covariance_of_many_draws_are_those_of_the_theory(many_draws, dimension, scale):
    x, _, y = many_draws[dimension, scale]
    theory = gaussian_process.covariance(cdist(x, x), scale)
    sample = y @ y.T / DRAWS
    error = np.sqrt((theory**2 + np.outer(theory.diagonal(), theory.diagonal())) / DRAWS)
    deviation = ((sample - theory) / error)[np.triu_indices(len(x))]
    assert abs(deviation).max() < 5
    assert abs(y.mean(axis=1)).max() < 5 / np.sqrt(DRAWS)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_roughness_of_many_draws_is_that_of_the_theory(many_draws, dimension, scale):
    """Mean squared increments over 0.001 … 3 length scales; over short ones, 3 s² r²."""
    x, _, y = many_draws[dimension, scale]
    increments = np.mean((y[-6:] - y[0]) ** 2, axis=1)
    distance = np.linalg.norm(x[-6:] - x[0], axis=1)
    theory = 2 * (1 - gaussian_process.covariance(distance, scale))
    assert increments == pytest.approx(theory, rel=5 * np.sqrt(2 / DRAWS))
    assert increments[0] == pytest.approx(3 * scale**2 * distance[0] ** 2, rel=5 * np.sqrt(2 / DRAWS) + 0.01)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_draw_is_that_of_scipy_from_the_same_normals(torch_python, many_draws, tmp_path, dimension, scale):
    x, normals, y = many_draws[dimension, scale]
    factor = cholesky(gaussian_process.covariance(cdist(x[:20], x[:20]), scale), lower=True)
    assert abs(factor @ normals[:20] - y[:20]).max() < 1e-10


def test_a_larger_draw_is_that_of_scipy_and_later_points_leave_it_as_it_is(torch_python, tmp_path):
    random = np.random.default_rng(3)
    x, normals = random.normal(size=(900, 4)), random.normal(size=900)
    short, long = drawn(torch_python, tmp_path, [(x[:600], 0.5, normals[:600]), (x, 0.5, normals)])
    factor = cholesky(gaussian_process.covariance(cdist(x, x), 0.5), lower=True)
    assert abs(factor @ normals - long).max() < 1e-10
    assert abs(long[:600] - short).max() < 1e-10


def test_a_draw_as_large_as_the_datasets_has_the_variance_of_the_process(torch_python, tmp_path):
    """At d = 16 and s = 2 values are nearly independent. (GPyTorch's own sampling has a standard deviation of 0.10 here.)"""
    random = np.random.default_rng(4)
    x = random.normal(size=(10000, 16))
    (y,) = drawn(torch_python, tmp_path, [(x, 2.0, random.normal(size=10000))])
    covariances = gaussian_process.covariance(cdist(x[:1000], x[1000:2000]), 2.0)
    assert covariances.max() < 0.05 and (covariances**2).mean() < 1e-7
    assert np.std(y) == pytest.approx(1, abs=5 / np.sqrt(2 * len(y)))


def test_equal_points_are_refused(torch_python):
    code = "import numpy, flatchannels.data.gaussian_process as g; g.draw(numpy.ones((3, 2)), 1.0, numpy.ones(3))"
    done = run(torch_python, "-c", code)
    assert "ValueError: the kernel matrix of 3 points with scale 1.0 is singular" in done.stderr


@pytest.mark.parametrize("x, scale, normals", [(np.ones(3), 1.0, np.ones(3)), (np.ones((3, 1)), 1.0, np.ones(2)),
                                                (np.ones((3, 1)), 0.0, np.ones(3)), (np.ones((3, 1)), -1.0, np.ones(3))])  # fmt: skip
def test_what_cannot_be_drawn_is_refused(x, scale, normals):
    with pytest.raises(ValueError):
        gaussian_process.draw(x, scale, normals)


@pytest.mark.skipif(find_spec("gpytorch") is not None, reason="torch is here")
def test_without_torch_the_message_says_how_to_get_it():
    with pytest.raises(ModuleNotFoundError, match="make gp-environment"):
        gaussian_process.draw(np.ones((3, 2)), 1.0, np.ones(3))


# The datasets

SPEC = {"target": "gaussian-process", "inputs": "normal", "scale": 0.5, "samples": 40}


@pytest.fixture
def with_scipy(monkeypatch):
    """Draws without torch: the same up to rounding, as is tested above."""

    def draw(x, scale, normals):
        return cholesky(gaussian_process.covariance(cdist(x, x), scale), lower=True) @ normals

    monkeypatch.setattr(gaussian_process, "draw", draw)


def test_draws_belong_to_the_product_and_the_root_seed(with_scipy):
    first = datasets.make(SPEC, 4, 1, "gp-s0.5-d4-r8-softplus")
    again = datasets.make(SPEC, 4, 1, "gp-s0.5-d4-r8-softplus")
    assert np.array_equal(first.x, again.x) and np.array_equal(first.y, again.y)
    for root, name in [(1, "gp-s0.5-d4-r4-softplus"), (2, "gp-s0.5-d4-r8-softplus")]:
        assert not np.allclose(datasets.make(SPEC, 4, root, name).y, first.y)


@pytest.mark.parametrize("spec", [SPEC, SPEC | {"standardise": True}, {"target": "rosenbrock", "inputs": "normal", "samples": 40}])
def test_test_points_share_the_target_and_leave_the_others_as_they_are(with_scipy, spec):
    alone = datasets.make(spec, 3, 1, "name")
    train, test = datasets.make_with_test(spec | {"test_samples": 15}, 3, 1, "name")
    assert np.array_equal(train.x, alone.x) and np.allclose(train.y, alone.y, atol=1e-12)
    assert test.x.shape == (15, 3) and not np.isin(test.x, train.x).any()


def test_test_points_are_drawn_jointly(with_scipy):
    """A test point next to a training point has nearly its value."""
    spec = SPEC | {"scale": 0.01}
    train, test = datasets.make_with_test(spec | {"test_samples": 15}, 2, 1, "name")
    nearest = cdist(test.x, train.x).argmin(axis=1)
    assert np.mean((test.y - train.y[nearest]) ** 2) < 1e-3


def test_draws_are_standardised_only_when_asked_for(with_scipy):
    y = datasets.make(SPEC | {"standardise": True}, 2, 1, "name").y
    assert y.mean() == pytest.approx(0, abs=1e-12) and y.std() == pytest.approx(1)
    raw = datasets.make(SPEC, 2, 1, "name").y
    assert np.allclose((raw - raw.mean()) / raw.std(), y) and abs(raw.std() - 1) > 1e-3


def test_the_script_hands_over_to_the_environment_with_torch(torch_python, tmp_path):
    job = {"name": "gp-s0.5-d4-r8-softplus", "dimension": 4, "spec": SPEC | {"test_samples": 15}, "seed": 1}
    done = run(sys.executable, ROOT / "workflow" / "scripts" / "dataset.py", tmp_path / "gp.npz", json.dumps(job))
    assert done.returncode == 0, done.stderr
    data, meta = dataset_files.read_dataset_arrays(tmp_path / "gp.npz")
    assert data["x"].shape == (40, 4) and data["x_test"].shape == (15, 4) and meta["spec"] == job["spec"]
    x, y = (np.concatenate([data[key], data[f"{key}_test"]]) for key in "xy")  # drawn jointly
    normals = generator(1, "target", job["name"]).normal(size=55)
    assert abs(cholesky(gaussian_process.covariance(cdist(x, x), 0.5), lower=True) @ normals - y).max() < 1e-10


@pytest.mark.skipif(find_spec("gpytorch") is not None, reason="torch is here")
def test_without_the_environment_the_script_ends_in_one_line(tmp_path):
    for folder in ["scripts", "flatchannels"]:
        (tmp_path / "workflow" / folder).mkdir(parents=True)
        for path in (ROOT / "workflow" / folder).glob("*.py"):
            (tmp_path / "workflow" / folder / path.name).write_bytes(path.read_bytes())
    job = {"name": "gp", "dimension": 4, "spec": SPEC, "seed": 1}
    done = run(sys.executable, tmp_path / "workflow" / "scripts" / "dataset.py", tmp_path / "gp.npz", json.dumps(job))
    assert done.returncode == 1 and done.stderr == f"gp cannot be made. {gaussian_process.MISSING}\n"


def test_datasets_are_drawn_without_the_numerical_engine():
    modules = "flatchannels.data.datasets, flatchannels.storage.run_records, flatchannels.storage.dataset_files"
    code = f"import sys, {modules}; print({{'numba', 'torch', 'pandas'}} & set(sys.modules))"
    assert run(sys.executable, "-c", code).stdout.strip() == "set()"


# The configuration


def blocks(**spec):
    entry = {"dataset": "gp", "dimension": [2, 4], "activation": ["softplus", "erf"], "bias": True, "widths": [[8], [4, 4]], "seeds": 3}
    given = {"datasets": {"gp": SPEC | spec}, "sweeps": {"levels": {"seeds_per_job": 2, "entries": [entry]}}}
    given = config.validate(given)
    return expansion.blocks(given), expansion.datasets(given)


def test_every_network_has_a_draw_of_its_own():
    found, products = blocks()
    assert set(products) == {f"gp-d{d}-r{r}-{activation}" for d in [2, 4] for r in ["8", "4x4"] for activation in ["softplus", "erf"]}
    assert products["gp-d4-r8-erf"] == {"name": "gp-d4-r8-erf", "dimension": 4, "spec": SPEC}
    record = "runs/levels/gp-d2-r4x4-softplus/softplus/r4x4/seeds-3-3.npz"
    assert len(found) == 16 and record in {block.record for block in found}


def test_every_run_can_have_a_draw_of_its_own():
    found, products = blocks(redraw="run")
    assert len(found) == len(products) == 24 and all(block.first == block.last for block in found)
    assert {f"gp-d2-r8-erf-seed{seed}" for seed in [1, 2, 3]} < set(products)


@pytest.mark.parametrize(
    "spec, expected",
    [
        ({"target": "gaussian-process"}, "datasets.gp lacks the key scale, which target gaussian-process needs"),
        ({"target": "gaussian-process", "scale": -1}, "datasets.gp.scale is -1; it must be a positive number"),
        ({"target": "rosenbrock", "scale": 1}, "datasets.gp.scale is 1; that key goes with target gaussian-process, not with rosenbrock"),
        ({"target": "rosenbrock", "redraw": "run"}, 'datasets.gp.redraw is "run"; that key goes with target gaussian-process'),
    ],
)
def test_mistakes_get_a_line(spec, expected):
    entry = {"dataset": "gp", "dimension": 2, "activation": "erf", "bias": True, "widths": [[2]], "seeds": 1}
    given = {"datasets": {"gp": {"inputs": "normal", "samples": 9} | spec}, "sweeps": {"levels": {"entries": [entry]}}}
    with pytest.raises(config.ConfigError) as error:
        config.validate(given)
    assert expected in str(error.value)


def test_pip_and_conda_install_the_same_versions():
    lines = (ROOT / "requirements-gp.txt").read_text().splitlines()
    pip = dict(line.split("==") for line in lines if not line.startswith("#"))
    conda = dict(pin.split("=") for pin in yaml.safe_load((ROOT / "envs" / "gp.yaml").read_text())["dependencies"])
    assert pip["torch"] == conda["pytorch"] and pip["gpytorch"] == conda["gpytorch"] and pip["numpy"] == conda["numpy"]
