"""Configurations: every mistake gets one line, every sweep becomes exactly the runs that it asks for."""

import ast
import copy
import json
import math
import os
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flatchannels import names
from flatchannels.pipeline import config, consistency, expansion, repair, sources

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "config").glob("*.yaml"))


def default():
    return config.load(ROOT / "config" / "config.yaml")


def changed(path, value):
    """The default configuration with one value changed; DELETE takes the key away."""
    changed = default()
    *parents, last = path
    place = changed
    for key in parents:
        place = place[key]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return changed


DELETE = object()
OWN = {"target": "mine.py:f", "inputs": "normal", "samples": 9}
ENTRY = ("sweeps", "levels", "entries", 0)
GRID = ("datasets", "rosenbrock-grid")


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_are_valid_and_comment_every_line(path):
    config.validate(config.load(path))
    bare = [line for line in path.read_text().splitlines() if line.strip() and "#" not in line]
    assert not bare


def test_presets_have_the_same_keys():
    def keys(value):
        return {key: keys(item) for key, item in value.items()} if isinstance(value, dict) else None

    assert len({str(keys(config.load(path))) for path in PRESETS}) == 1


def test_paper_preset_has_fifty_times_two_to_the_r_seeds_without_and_with_bias():
    runs = {}
    for block in expansion.blocks(config.validate(config.load(ROOT / "config" / "paper.yaml"))):
        if block.sweep == "levels":
            runs[block.widths, block.bias] = runs.get((block.widths, block.bias), 0) + block.runs
    assert runs == {((r,), bias): 50 * 2**r for r in range(1, 6) for bias in [False, True]}


def test_paper_preset_has_fifty_seeds_of_every_network_of_figure_4():
    runs = Counter()
    for block in expansion.blocks(config.validate(config.load(ROOT / "config" / "paper.yaml"))):
        if block.sweep == "channels":
            runs[block.dataset.split("-d")[0], block.dimension, block.activation, block.widths] += block.runs
    sizes, gps = [2, 4, 8, 16], [f"gp-s{scale}" for scale in ["0.1", "0.5", "2", "10"]]
    expected = {(name, d, "softplus", (r,)) for name in ["rosenbrock", *gps] for d in sizes for r in sizes}
    expected |= {("rosenbrock", d, activation, (r,)) for activation in ["erf", "sigmoid", "relu"] for d in sizes for r in sizes}
    expected |= {("rosenbrock", d, "softplus", (4,) * depth) for d in sizes for depth in [2, 3]}
    assert runs == dict.fromkeys(expected, 50)


# One line for each mistake: what was given, what is allowed, where to change it.
MISTAKES = {
    "unknown key": (("sead",), 1, "sead is not a known key; did you mean seed? it can be preset, results_dir,"),
    "a preset that is no folder": (("preset",), "my preset", 'preset is "my preset"; a folder has its name, of at most 60 small'),
    "a preset among results": (("preset",), "runs", 'preset is "runs", which other results have for a name; choose another, or name'),
    "a folder outside of names": (("results_dir",), "{results}", 'results_dir is "{results}"; it must be a path of small and capital'),
    "a folder not as short as can be": (("results_dir",), "./results/../mine", 'results_dir is "./results/../mine"; it must be a path'),
    "unknown key in an entry": ((*ENTRY, "widht"), 1, "sweeps.levels.entries[0].widht is not a known key; did you mean widths?"),
    "a sweep that is no folder": (("sweeps", "my sweep"), {"entries": []}, "sweeps.my sweep must have a name of at most 60 small letters"),
    "figures of no sweep": (("figures",), {"levels": "levles"}, 'figures.levels is "levles", which is not in sweeps; did you mean levels?'),
    "figures of nothing": (("figures",), {"panels": "levels"}, "figures.panels is not a known key; did you mean channels?"),
    "missing key": ((*ENTRY, "seeds"), DELETE, "sweeps.levels.entries[0] lacks the key seeds"),
    "missing section": (("sweeps",), DELETE, "the configuration lacks the key sweeps"),
    "negative root seed": (("seed",), -1, "seed is -1; it must be an integer that is not negative"),
    "negative seeds": ((*ENTRY, "seeds"), -3, "sweeps.levels.entries[0].seeds is -3; it must be a positive integer"),
    "no seeds": ((*ENTRY, "seeds"), 0, "seeds is 0; it must be a positive integer"),
    "fractional seeds": ((*ENTRY, "seeds"), 20.0, "seeds is 20.0; it must be a positive integer"),
    "seeds as a text": ((*ENTRY, "seeds"), "20", 'seeds is "20"; it must be a positive integer'),
    "seeds left empty": ((*ENTRY, "seeds"), None, "seeds is empty; it must be a positive integer"),
    "bool for an integer": ((*ENTRY, "dimension"), True, "dimension is true; it must be a positive integer, at most 1000, or"),
    "integer for a bool": ((*ENTRY, "bias"), 1, "bias is 1; it must be true or false, or a list of such"),
    "width 0": ((*ENTRY, "widths"), [[0]], "sweeps.levels.entries[0].widths[0][0] is 0; it must be a positive integer"),
    "a width, not a list": ((*ENTRY, "widths"), 4, "widths is 4; it must be a list, such as [[4], [4, 4]]"),
    "widths not nested": ((*ENTRY, "widths"), [4], "widths[0] is 4; it must be a list, such as [4, 4]"),
    "no widths": ((*ENTRY, "widths"), [], "widths is empty; it must have at least one item"),
    "no layer": ((*ENTRY, "widths"), [[]], "widths[0] is empty; it must have at least one item"),
    "a width twice": ((*ENTRY, "widths"), [[2], [2]], "widths is [[2], [2]]; nothing may be listed twice"),
    "unknown activation": ((*ENTRY, "activation"), "sofplus", 'activation is "sofplus"; did you mean softplus? it can be g, softplus,'),
    "unknown activation in a list": ((*ENTRY, "activation"), ["g", "Tanh"], 'activation[1] is "Tanh"; did you mean tanh?'),
    "unknown dataset": ((*ENTRY, "dataset"), "rosenbrok", 'dataset is "rosenbrok", which is not in datasets; did you mean'),
    "unknown target": ((*GRID, "target"), "rosenbrok", 'datasets.rosenbrock-grid.target is "rosenbrok"; did you mean rosenbrock?'),
    "no entries": (("sweeps", "levels", "entries"), [], "sweeps.levels.entries is empty; it must have at least one item"),
    "no sweeps": (("sweeps",), {}, "sweeps is empty; it must have at least one item"),
    "the same runs twice": ((*ENTRY, "widths"), [[1], [3]], "entries[1] asks again for runs of entries[0]: levels/rosenbrock-grid/g/r3"),
    "runs without end": ((*ENTRY, "seeds"), 1_000_000, "sweeps asks for 400"),
    "an integer without end": (("seed",), 10**99, "seed is 1000000000000"),
    "twenty-one layers": ((*ENTRY, "widths"), [[1] * 21], "widths[0] has 21 items; it can have at most 20"),
    "a name without end": (("datasets", "a" * 61), {}, "must have a name of at most 60 small letters"),
    "a name of two lines": (("datasets", "a\n"), {}, r"datasets.a\x0a must have a name"),
    "a block of 0": (("sweeps", "levels", "seeds_per_job"), 0, "seeds_per_job is 0; it must be a positive integer"),
    "NaN": (("training", "rtol"), math.nan, "training.rtol is nan; it must be a positive number, at most 0.01"),
    "infinity": (("training", "max_t"), math.inf, "training.max_t is inf; it must be a positive number"),
    "negative time": (("training", "max_seconds"), -1, "training.max_seconds is -1; it must be a positive number"),
    "YAML's 1e-5": (("training", "rtol"), "1e-5", "takes it for a text without a point: 1.0e-5"),
    "a grid of dimension 4": ((*ENTRY, "dimension"), [2, 4], "dimension is 4; rosenbrock-grid has inputs grid, which are of dimension 2"),
    "a grid without points": ((*GRID, "points"), DELETE, "datasets.rosenbrock-grid lacks the key points, which inputs grid needs"),
    "a grid with samples": ((*GRID, "samples"), 9, "datasets.rosenbrock-grid.samples is 9; that key goes with inputs normal"),
    "a Rosenbrock function of one input": ((*ENTRY, "dimension"), 1, "is 1; rosenbrock-grid has inputs grid"),
    "a teacher without widths": ((*GRID, "target"), "teacher", "datasets.rosenbrock-grid lacks the key widths, which target teacher needs"),
    "a file with inputs": ((*GRID, "target"), "file", 'datasets.rosenbrock-grid.inputs is "grid"; that key goes with target rosenbrock'),
    "no inputs": ((*GRID, "inputs"), DELETE, "datasets.rosenbrock-grid lacks the key inputs, which target rosenbrock needs"),
    "a function without a name": ((*GRID, "target"), "mine.py:", 'datasets.rosenbrock-grid.target is "mine.py:"; it can be rosenbrock'),
    "a name that is no text": (("datasets", 1), {}, "datasets[1] is a key of the wrong type; put it in quotes"),
    "a name that is no file name": (("datasets", "a/b"), {"target": "rosenbrock", "inputs": "normal"}, "a/b must have a name"),
    "a section that is a list": (("training",), [], "training is []; it must be a mapping"),
    "a file with braces": (("datasets", "own"), {"target": "file", "file": "my data {1}.csv"},
                           'datasets.own.file is "my data {1}.csv"; the name of a file cannot have braces: rename it'),
    "a file without a name": (("datasets", "own"), {"target": "file", "file": ""}, "own.file is empty; it must be the name of a file"),
    "a function in a file with braces": (("datasets", "own"), OWN | {"target": "{my}.py:f"}, 'own.target is "{my}.py:f"; the name of'),
    "a covariance with a row missing": (("datasets", "own"), OWN | {"covariance": [[1, 0]]},
                                        "datasets.own.covariance[0] has 2 numbers; it must have as many as there are rows, 1"),
    "a ragged covariance": (("datasets", "own"), OWN | {"covariance": [[1, 0], [0]]}, "datasets.own.covariance[1] has 1 numbers; it must"),
    "an asymmetric covariance": (("datasets", "own"), OWN | {"covariance": [[1, 0.5], [0.4, 1]]},
                                 "datasets.own.covariance has 0.5 at [0][1] and 0.4 at [1][0]; it must be symmetric"),
    "an indefinite covariance": (("datasets", "own"), OWN | {"covariance": [[1, 2], [2, 1]]},
                                 "datasets.own.covariance is [[1, 2], [2, 1]]; it must be positive definite"),
    "a singular covariance": (("datasets", "own"), OWN | {"covariance": [[1, 1], [1, 1]]}, "is [[1, 1], [1, 1]]; it must be positive"),
    "a toy with a larger batch than data": (("toy", "batch"), 5000, "toy.batch is 5000; toy.samples is 4096, and no batch can be larger"),
    "a third neuron of two": (("saddles", "plateau", "neuron"), 2, "saddles.plateau.neuron is 2; it counts from 0, and a network of"),
    "a seed that is not run": (("saddles", "plateau", "seed"), 999, "saddles.plateau.seed is 999; the seeds of the sweep levels go to "),
    "a covariance without end": (("datasets", "own"), OWN | {"covariance": [[10**400]]}, "covariance[0][0] is 10000"),
}  # fmt: skip


@pytest.mark.parametrize("path, value, expected", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_a_line_with_the_value_the_remedy_and_the_file(path, value, expected):
    with pytest.raises(config.ConfigError) as error:
        config.validate(changed(path, value), "my.yaml")
    lines = str(error.value).splitlines()
    assert any(expected in line for line in lines), lines
    assert all(line.endswith(" (my.yaml)") for line in lines)


def test_a_dataset_that_lacks_inputs_hears_of_it_once():
    with pytest.raises(config.ConfigError) as error:
        config.validate(changed(("datasets", "own"), {"target": "mine.py:f", "samples": 9, "test_samples": 3}))
    assert str(error.value).splitlines() == [
        "datasets.own lacks the key inputs, which target my_targets.py:function needs (config/config.yaml)"
    ]


def test_a_file_has_no_use_for_samples():
    with pytest.raises(config.ConfigError, match="inputs normal, uniform, sphere, not with file"):
        config.validate(changed(("datasets", "own"), {"target": "file", "file": "data.csv", "samples": 9}))


@pytest.mark.parametrize("dimension, wrong", [(3, [3]), ([2, 3, 4], [3, 4]), (2, [])])
def test_a_covariance_is_for_one_dimension(dimension, wrong):
    given = changed(("datasets", "own"), OWN | {"covariance": [[2, 1], [1, 2.0]]})
    given["sweeps"]["levels"]["entries"] = [given["sweeps"]["levels"]["entries"][0] | {"dataset": "own", "dimension": dimension}]
    lines = []
    try:
        config.validate(given)
    except config.ConfigError as error:
        lines = str(error).splitlines()
    assert lines == [
        f"sweeps.levels.entries[0].dimension is {d}; datasets.own.covariance has 2 rows, one for each input (config/config.yaml)"
        for d in wrong
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_a_covariance_is_taken_where_its_eigenvalues_are_positive(size, negative, seed):
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(size, size)))[0]
    values = random.uniform(0.1, 2, size) * np.where(np.arange(size) < negative, -1, 1)
    matrix = basis * values @ basis.T
    own = changed(("datasets", "own"), OWN | {"covariance": ((matrix + matrix.T) / 2).tolist()})
    if negative:
        with pytest.raises(config.ConfigError, match="must be positive definite"):
            config.validate(own)
    else:
        config.validate(own)


@pytest.mark.parametrize("text", ["x: &a [1, *a]", "seed: &a {b: [1, *a]}", "datasets: &a {b: {c: *a}}"])
def test_an_alias_of_what_it_lies_in_gets_one_line(tmp_path, text):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(config.ConfigError, match=r"^\w+[.\w]*(\[1\])? is an alias of what it lies in; write it out \(my.yaml\)$"):
        config.validate(config.load(tmp_path / "my.yaml"), "my.yaml")


def test_an_alias_may_stand_in_two_places():
    entry = default()["sweeps"]["levels"]["entries"][0]
    given = default()
    given["sweeps"] = {"levels": {"entries": [entry]}, "mine": {"entries": [entry]}}
    config.validate(given)


@pytest.mark.parametrize("place, file", [("README.md", "README.md"), ("README.md/below/it", "README.md"), ("a/b", "a/b")])
def test_results_do_not_go_where_a_file_is(tmp_path, monkeypatch, place, file):
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path(file).write_text("text")
    with pytest.raises(config.ConfigError) as error:
        config.validate(default() | {"results_dir": place})
    assert str(error.value) == (
        f'results_dir is "{place}", but "{file}" is a file; name another folder, or move that file (config/config.yaml)'
    )


def test_repair_says_a_mistake_in_one_line(tmp_path):
    (tmp_path / "bad.yaml").write_text("sead: 1\n")
    command = [sys.executable, "-m", "flatchannels.pipeline.repair", "none.yaml"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    for name, lines in [("none.yaml", 1), ("bad.yaml", 3)]:  # which lacks datasets and sweeps as well
        command[-1] = name
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == lines and "Traceback" not in done.stderr


def test_each_mistake_has_a_line_of_its_own():
    two = changed((*ENTRY, "seeds"), -1)
    two["seed"] = -1
    with pytest.raises(config.ConfigError) as error:
        config.validate(two)
    assert len(str(error.value).splitlines()) == 2


def test_two_datasets_with_one_file_name_are_a_mistake():
    both = default()
    grid = both["datasets"]["rosenbrock-grid"]
    both["datasets"] |= {"a": {"target": "rosenbrock", "inputs": "normal", "samples": 9}, "a-d2": grid}
    entry = both["sweeps"]["levels"]["entries"][0]
    both["sweeps"]["levels"]["entries"] = [entry | {"dataset": "a"}, entry | {"dataset": "a-d2"}]
    with pytest.raises(config.ConfigError, match=r"datasets.a-d2 in dimension 2 has the same file name, a-d2.npz, as datasets.a "):
        config.validate(both)


@pytest.mark.parametrize(
    "text, expected",
    {
        "a: 1\nb: [1\nc: 2\n": "my.yaml, line 3, column 2: expected",
        "a: 1\n\tb: 2\n": "my.yaml, line 2, column 1: found character",
        "seed: 1\nseed: 2\n": "my.yaml, line 2, column 1: the key seed stands twice",
        "a: {b: 1, b: 2}\n": "the key b stands twice",
        "? [a]\n: 1\n": "my.yaml, line 1",
        "": "my.yaml must hold keys and values",
        "- a\n": "my.yaml must hold keys and values",
        "a: \x00\n": "my.yaml",
        "a: *b\n": "my.yaml, line 1, column 4: found undefined alias",
        "a: !!int ''\n": "my.yaml is not YAML that can be read: ",
        "seed: " + "9" * 5000: "my.yaml is not YAML that can be read: ",
        "a: " + "[" * 5000: "my.yaml is not YAML that can be read: ",
    }.items(),
    ids=lambda text: repr(text)[:30],
)
def test_a_file_that_is_no_configuration_gets_one_line(tmp_path, monkeypatch, text, expected):
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(text)
    with pytest.raises(config.ConfigError) as error:
        config.load("my.yaml")
    assert expected in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_gets_one_line(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    for path in [tmp_path / "none.yaml", tmp_path, tmp_path / "latin.yaml"]:
        with pytest.raises(config.ConfigError, match="^[^\n]*$"):
            config.load(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda item: st.lists(item, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), item, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """All paths into a nested configuration."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


@given(st.sampled_from([path for path in places(default()) if path]), json_values)
def test_whatever_stands_anywhere_is_valid_or_a_clear_mistake(path, value):
    given = changed(path, value)
    before = copy.deepcopy(given)
    try:
        blocks = expansion.blocks(config.validate(given))
    except config.ConfigError as error:
        assert str(error) and all(line.endswith(")") for line in str(error).splitlines())
    else:
        assert blocks
    assert repr(given) == repr(before)


entries = st.fixed_dictionaries(
    {
        "dataset": st.just("data"),
        "dimension": st.lists(st.integers(2, 9), min_size=1, max_size=3, unique=True) | st.integers(2, 9),
        "activation": st.lists(st.sampled_from(["g", "erf", "tanh"]), min_size=1, unique=True) | st.just("relu"),
        "bias": st.sampled_from([True, False, [True], [False, True]]),
        "widths": st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=3), min_size=1, max_size=3, unique_by=tuple),
        "seeds": st.integers(1, 12),
    }
)


@settings(max_examples=60, deadline=None)
@given(entries, st.integers(1, 15))
def test_an_entry_becomes_each_of_its_runs_once(entry, seeds_per_job):
    given = {
        "datasets": {"data": {"target": "rosenbrock", "inputs": "normal", "samples": 9}},
        "sweeps": {"levels": {"seeds_per_job": seeds_per_job, "entries": [entry]}},
    }
    given = config.validate(given)
    blocks = expansion.blocks(given)
    runs = [(b.dimension, b.activation, b.bias, b.widths, seed) for b in blocks for seed in range(b.first, b.last + 1)]
    listed = {key: value if isinstance(value, list) else [value] for key, value in entry.items()}
    seeds = range(1, entry["seeds"] + 1)
    asked = product(listed["dimension"], listed["activation"], listed["bias"], map(tuple, entry["widths"]), seeds)
    assert sorted(runs) == sorted(asked)
    assert len({block.record for block in blocks}) == len(blocks)
    assert all(1 <= block.runs <= seeds_per_job for block in blocks)
    assert {block.dataset for block in blocks} == set(expansion.datasets(given)) == {f"data-d{d}" for d in listed["dimension"]}


def test_more_seeds_keep_the_records_that_exist():
    few = expansion.blocks(config.validate(default()))
    more = default()
    for entry in more["sweeps"]["levels"]["entries"]:
        entry["seeds"] += 5
    assert {block.record for block in few} < {block.record for block in expansion.blocks(config.validate(more))}


def test_values_from_the_command_line_have_the_types_of_a_file():
    assert config.typed({"a": {"b": "3", "c": ["1.0e-5", "true"], "d": "g", "e": "[", "f": 2}, "g": "x"}) == {
        "a": {"b": 3, "c": [1e-5, True], "d": "g", "e": "[", "f": 2}, "g": "x",
    }  # fmt: skip


def test_products_have_the_names_that_people_expect():
    block = expansion.Block("channels", "rosenbrock-d4", 4, "softplus", (4, 4, 4), False, 1, 20)
    assert block.record == "runs/channels/rosenbrock-d4/softplus/r4x4x4-nobias/seeds-1-20.npz"


def test_defaults_are_filled_in_and_those_of_the_default_preset():
    bare = default()
    written = bare.pop("training")
    assert config.validate(bare)["training"] == written


def test_the_order_of_keys_does_not_matter():
    def backwards(value):
        return {key: backwards(item) for key, item in reversed(value.items())} if isinstance(value, dict) else value

    one, other = config.validate(default()), config.validate(backwards(default()))
    for section in set(one) - {"datasets", "sweeps"}:
        assert json.dumps(one[section]) == json.dumps(other[section])
    assert all(json.dumps(one["datasets"][name]) == json.dumps(other["datasets"][name]) for name in one["datasets"])


def test_schema_knows_the_names_of_the_registries():
    from flatchannels.data.inputs import INPUTS
    from flatchannels.data.targets import TARGETS
    from flatchannels.networks.activations import ACTIVATIONS

    schema = yaml.safe_load(config.SCHEMA.read_text())
    assert schema["$defs"]["activation"]["enum"] == list(ACTIVATIONS)
    keys = schema["$defs"]["dataset"]["properties"]
    assert sorted(keys["target"]["x-names"]) == sorted([*TARGETS, "file"]) and keys["inputs"]["enum"] == list(INPUTS)
    assert {"target", *consistency.BELONGS} == set(keys)


def test_every_key_of_the_schema_is_explained():
    schema = yaml.safe_load(config.SCHEMA.read_text())
    handbook = (ROOT / "config" / "README.md").read_text()

    def keys(rule):
        for name, item in rule.get("properties", {}).items():
            assert "description" in item, name
            yield name
            yield from keys(item)

    names = [name for rule in [schema, *schema["$defs"].values()] for name in keys(rule)]
    assert [name for name in names if f"`{name}`" not in handbook] == []


def test_reading_a_configuration_imports_no_numerical_package():
    """Every cluster job parses the Snakefile anew, which imports this."""
    code = "import sys; from flatchannels.pipeline import config, sources; print({'numpy', 'numba', 'scipy', 'pandas'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "workflow")})
    assert shown.stdout.strip() == "set()", shown.stderr


def test_fingerprint_follows_imports_and_content_but_not_times(tmp_path):
    (tmp_path / "a.py").write_text("import b\nfrom flatchannels import names\n")
    (tmp_path / "b.py").write_text("def late():\n    from c import x\n")
    (tmp_path / "c.py").write_text("x = 1\n")
    (tmp_path / "other.py").write_text("")
    script = tmp_path / "a.py"
    assert sources.PACKAGE / "names.py" in sources.imported([script])
    first = sources.fingerprint([script])
    (tmp_path / "c.py").touch()
    (tmp_path / "other.py").write_text("y = 1\n")
    assert sources.fingerprint([script]) == first
    (tmp_path / "c.py").write_text("x = 2\n")
    assert sources.fingerprint([script]) != first


def test_runs_depend_on_the_engine_and_tables_and_figures_do_not():
    def names(script):
        return {path.stem for path in sources.imported([ROOT / "workflow" / "scripts" / script])}

    engine = {"kernels", "scalars", "network", "flow", "polish", "training"}
    assert engine <= names("runs.py") and {"statistics", "config", "sources"}.isdisjoint(names("runs.py"))
    figures = [f"figures/{path.name}" for path in (ROOT / "workflow" / "scripts" / "figures").glob("*.py")]
    for script in ["runs_table.py", "table.py", "channels_table.py", "scorecard.py", *figures]:
        assert engine.isdisjoint(names(script)), script


def test_imports_are_those_that_the_parser_of_python_finds():
    for path in ROOT.glob("workflow/**/*.py"):
        modules = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports name the package"
                modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        expected = {Path(found) for module in modules for found in sources._files_of(module, path.parent)}
        assert set(sources._direct_imports(path)) == expected, path


@pytest.mark.parametrize(
    "file, old, new, concerned",
    [
        ("scalars", "LN2_LOW = 1", "LN2_LOW = 2", "all"),
        ("scalars", "t1 = 1.0 - t * t", "t1 = 1.0 - 2.0 * t * t", {"tanh"}),
        ("scalars", "gauss = _exp_of_negative(-0.5 * z * z)", "gauss = g(z, smoothing)[0]", {"erf", "gelu"}),
        ("scalars", "below = 0.5 * (1.0 + value)", "below = 0.5 + 0.5 * value", {"gelu"}),
        ("scalars", "h[n], d1[n], d2[n], _ = tanh(h[n], smoothing)", "h[n], d1[n], d2[n], _ = tanh(h[n], 0.0)", {"tanh"}),
        (
            "scalars",
            "@njit(**SCALAR)\ndef tanh(",
            "@njit(**SCALAR)\ndef step(z, smoothing):\n    return z\n\n\n@njit(**SCALAR)\ndef tanh(",
            "all",
        ),
        ("activations", '"erf": Activation(2, erf_derivatives, ODD)', '"erf": Activation(2, erf_derivatives)', {"erf"}),
        ("activations", "decay = np.exp(-np.minimum", "decay = np.exp(-1 * np.minimum", "all"),
        ("activations", "t, first = np.tanh(z), 4", "t, first = np.tanh(z), 4.0", {"tanh"}),
    ],
)
def test_fingerprint_of_one_activation_follows_its_own_code_alone(file, old, new, concerned):
    content = (sources.PACKAGE / "networks" / f"{file}.py").read_bytes()
    assert content.count(old.encode()) == 1
    edited, names = content.replace(old.encode(), new.encode()), _schema_names()
    found = {name for name in names if sources.of_one_activation(edited, name) != sources.of_one_activation(content, name)}
    assert found == (names if concerned == "all" else concerned)


@pytest.mark.parametrize(
    "file, entry, place, function",
    [
        ("scalars", '    "step": step,\n', "@njit(**LOOP)\ndef activate(", "step"),
        ("activations", '    "step": Activation(8, step_derivatives),\n', "@dataclass(frozen=True)\nclass Reflection", "step_derivatives"),
    ],
)
def test_a_new_activation_concerns_no_other(file, entry, place, function):
    content = (sources.PACKAGE / "networks" / f"{file}.py").read_text()
    edited = content.replace('    "silu": ', entry + '    "silu": ').replace(place, f"def {function}(z):\n    return z\n\n\n{place}")
    assert edited.count("step") >= 3 and content.count(place) == 1
    for name in _schema_names():
        assert sources.of_one_activation(edited.encode(), name) == sources.of_one_activation(content.encode(), name)


def _schema_names():
    return set(yaml.safe_load(config.SCHEMA.read_text())["$defs"]["activation"]["enum"])


def test_configurations_can_be_checked_alone(tmp_path):
    def check(path):
        return subprocess.run(
            [sys.executable, "-m", "flatchannels.pipeline.config", path], capture_output=True, text=True, cwd=ROOT / "workflow"
        )

    assert "13300 runs in 727 jobs" in check(ROOT / "config" / "paper.yaml").stdout
    wrong = check(tmp_path / "none.yaml")
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "cannot be read" in wrong.stderr


def test_files_of_data_that_are_missing_are_told_where_a_configuration_is_checked_alone(tmp_path):
    own = {
        "table": {"target": "file", "file": "none.csv"},
        "grown": {"target": "my_targets.py:f", "inputs": "normal", "samples": 50},
    }
    entry = {"activation": "g", "widths": [[2]], "bias": True, "seeds": 1, "dimension": 2}
    sweep = {"seeds_per_job": 1, "entries": [{"dataset": name} | entry for name in own]}
    given = {"preset": "mine", "seed": 1, "datasets": own, "sweeps": {"mine": sweep}, "training": {}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    command = [sys.executable, "-m", "flatchannels.pipeline.config", path]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert said.returncode == 1 and said.stderr.splitlines() == [
        f'datasets.table.file needs the file "none.csv"; there is none in {tmp_path} ({path})',
        f'datasets.grown.target needs the file "my_targets.py"; there is none in {tmp_path} ({path})',
    ]
    for name in ("none.csv", "my_targets.py"):
        (tmp_path / name).touch()
    assert subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment).returncode == 0


def test_presets_have_folders_of_their_own():
    places = [config.validate(config.load(ROOT / "config" / f"{name}.yaml"))["results_dir"] for name in ["config", "paper", "smoke"]]
    assert places == ["results", "results/paper", "results/smoke"]
    given = config.load(ROOT / "config" / "config.yaml")
    assert config.validate(given | {"results_dir": "/scratch/mine"})["results_dir"] == "/scratch/mine"
    assert config.validate({key: value for key, value in given.items() if key != "preset"})["results_dir"] == "results/custom"
    folders = {path.split("/")[0] for path in [names.RECORD, *(repair.FOLDERS_OF_RESULTS), "published", "report"]}
    assert folders <= consistency.TAKEN
