"""Protocols in a configuration: axes of a sweep like any other, with names of their own, and clear lines for mistakes."""

import copy
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatchannels import names
from flatchannels.data.dataset import Dataset
from flatchannels.pipeline import config, expansion, protocols
from flatchannels.storage import dataset_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.origins import check_origin

ROOT = Path(__file__).parents[2]
ENTRY = {"dataset": "data", "dimension": 2, "activation": "tanh", "bias": True, "widths": [[2]], "seeds": 3}


def configured(*entries, **more):
    return {
        "datasets": {"data": {"target": "rosenbrock", "inputs": "normal", "samples": 20}},
        "sweeps": {"levels": {"seeds_per_job": 2, "entries": [ENTRY | entry for entry in entries]}},
        **more,
    }


def blocks(*entries, **more):
    return expansion.blocks(config.validate(configured(*entries, **more)))


def test_without_a_protocol_names_and_jobs_are_what_they_were():
    plain, said = blocks({}), blocks({"initial_scale": 1, "scheme": "glorot_normal", "optimiser": ["flow"], "maxnorm": 1000})
    assert plain == said
    assert [block.record for block in plain] == [f"runs/levels/data-d2/tanh/r2/seeds-{seeds}.npz" for seeds in ("1-2", "3-3")]
    assert plain[0].job == {"sweep": "levels", "dataset": "data-d2", "dimension": 2, "activation": "tanh", "widths": (2,), "bias": True,
                            "first": 1, "last": 2}  # fmt: skip


def test_a_list_is_an_axis():
    found = blocks({"initial_scale": [1, 0.1, 1.0e-3], "scheme": ["glorot_normal", "he_uniform"]})
    folders = ["r2", "r2-he_uniform", "r2-scale0.1", "r2-scale0.1-he_uniform", "r2-scale0.001", "r2-scale0.001-he_uniform"]
    assert [block.network for block in found if block.first == 1] == folders
    assert found[-1].job["protocol"] == {"initial_scale": 0.001, "scheme": "he_uniform"}


def test_optimisers_share_what_they_have():
    entry = {"optimiser": ["flow", "gd", "sgd", "adam"], "rate": [0.1, 1.0e-5], "batch": 4, "budget": 1000}
    found = [names.protocol_name(protocol) for protocol in protocols.protocols(entry, 1000)]
    assert found == [
        "", "gd-rate0.1-steps1000", "gd-rate1e-05-steps1000", "sgd-rate0.1-batch4-steps1000", "sgd-rate1e-05-batch4-steps1000",
        "adam-rate0.1-batch4-steps1000", "adam-rate1e-05-batch4-steps1000",
    ]  # fmt: skip


def test_a_wall_of_the_entry_is_one_unless_it_is_that_of_all():
    assert [block.network for block in blocks({"maxnorm": [10, 1000], "seeds": 1})] == ["r2-maxnorm10", "r2"]
    assert [block.network for block in blocks({"maxnorm": [10, 1000], "seeds": 1}, training={"maxnorm": 10})] == ["r2", "r2-maxnorm1000"]


MISTAKES = {
    "a scale of 0": ({"initial_scale": 0}, "initial_scale is 0; it must be a positive number, at most 1000000, or a list of such"),
    "a scale in a list": ({"initial_scale": [1, -1]}, "initial_scale[1] is -1; it must be a positive number"),
    "a scale that is a text": ({"initial_scale": "1e-3"}, "takes it for a text without a point: 1.0e-5"),
    "an unknown scheme": ({"scheme": "he_norml"}, 'scheme is "he_norml"; did you mean he_normal? it can be glorot_normal,'),
    "an unknown optimiser": ({"optimiser": "adm"}, 'optimiser is "adm"; did you mean adam? it can be flow, gd, sgd, adam'),
    "sgd without a rate": ({"optimiser": "sgd", "batch": 2, "budget": 9}, "entries[0] lacks the key rate, which optimiser sgd needs"),
    "sgd without a batch": ({"optimiser": ["gd", "sgd"], "rate": 1, "budget": 9}, "lacks the key batch, which optimiser sgd needs"),
    "gd without an end": ({"optimiser": "gd", "rate": 1}, "lacks the key budget, which optimiser gd needs"),
    "gd with a batch": (
        {"optimiser": "gd", "rate": 1, "budget": 9, "batch": 3}, "batch is 3; that key goes with optimiser sgd, adam, not with gd"
    ),
    "a rate of a flow": ({"rate": 0.1}, "entries[0].rate is 0.1; that key goes with optimiser gd, sgd, adam, not with flow"),
    "half a step": ({"optimiser": "gd", "rate": 1, "budget": 0.5}, "budget is 0.5; it must be a positive integer"),
    "a batch too large": (
        {"optimiser": "adam", "rate": 1, "budget": 9, "batch": [2, 21]}, "entries[0].batch is 21; data has 20 samples"
    ),
    "no wall": ({"maxnorm": []}, "maxnorm is empty; it must have at least one item"),
    "a scale twice": ({"initial_scale": [0.1, 0.1]}, "initial_scale is [0.1, 0.1]; nothing may be listed twice"),
}  # fmt: skip


@pytest.mark.parametrize("entry, expected", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_one_line(entry, expected):
    with pytest.raises(config.ConfigError) as error:
        config.validate(configured(entry), "my.yaml")
    assert expected in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_batch_larger_than_a_dataset_from_a_file_ends_the_job_before_its_runs(tmp_path):
    data = {"name": "data", "spec": {"target": "file", "file": "data.csv"}}
    dataset_files.write_dataset(tmp_path / "data.npz", Dataset(np.ones((20, 2)), np.ones(20)), data)
    job = {"sweep": "levels", "dataset": "data", "dimension": 2, "activation": "g", "widths": [1], "bias": True, "first": 1, "last": 1,
           "seed": 1, "training": {}, "protocol": {"optimiser": "sgd", "rate": 0.1, "batch": 21, "budget": 9}}  # fmt: skip
    command = [sys.executable, ROOT / "workflow" / "scripts" / "runs.py", "data.npz", "record.npz", json.dumps(job), "null"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and not (tmp_path / "record.npz").exists()
    assert done.stderr == "batch is 21; data has 20 samples, and no batch can be larger (sweeps.levels in the configuration)\n"


def test_the_same_runs_in_two_entries_are_a_mistake():
    with pytest.raises(config.ConfigError, match="entries.1. asks again for runs of entries.0.: levels/data-d2/tanh/r2-scale0.1"):
        config.validate(configured({"initial_scale": [0.1, 1]}, {"initial_scale": 0.1}))


axes = st.fixed_dictionaries(
    {},
    optional={
        "initial_scale": st.lists(st.sampled_from([1, 1.0e-3, 0.5, 2]), min_size=1, unique=True),
        "scheme": st.lists(st.sampled_from(["glorot_normal", "he_normal", "lecun_uniform"]), min_size=1, unique=True),
        "maxnorm": st.lists(st.sampled_from([1000, 10, 0.5]), min_size=1, unique=True),
    },
)


@given(axes)
def test_every_combination_is_there_once(entry):
    found = protocols.protocols(entry, 1000)
    filled = [protocols.DEFAULTS | {"maxnorm": 1000} | protocol for protocol in found]
    expected = [dict(zip(entry, values)) for values in product(*entry.values())]
    assert len(filled) == len(expected) == len({names.protocol_name(protocol) for protocol in found})
    assert all(any(asked.items() <= protocol.items() for protocol in filled) for asked in expected)


def test_a_record_of_a_protocol_is_asked_for_its_own_wall_alone():
    given = config.validate(configured({"maxnorm": 10}))
    meta = {"seed": given["seed"], "training": dict(given["training"]), "protocol": {"maxnorm": 10.0}, "dataset": "data-d2", "inputs": 2,
            "spec": given["datasets"]["data"]}  # fmt: skip
    meta["training"]["maxnorm"] = 10.0
    check_origin("mine.npz", meta, config.origin(given))
    other = copy.deepcopy(meta) | {"protocol": {}}
    with pytest.raises(RecordError, match="training.maxnorm 10.0; the configuration says 1000"):
        check_origin("mine.npz", other, config.origin(given))


def test_the_schema_knows_the_names_of_the_registries():
    from flatchannels.dynamics.optimisers import METHODS
    from flatchannels.networks.initialisation import SCHEMES

    schema = config._schema()["$defs"]
    assert schema["scheme"]["enum"] == list(SCHEMES) and schema["optimiser"]["enum"] == ["flow", *METHODS] == list(protocols.KEYS)
    assert set(names.PROTOCOL) <= set(schema["entry"]["properties"])


def test_the_presets_have_no_protocol():
    root = Path(__file__).parents[2]
    for name in ("config", "paper", "smoke"):
        given = config.validate(config.load(root / "config" / f"{name}.yaml"))
        assert all(not block.protocol and json.dumps(block.job) for block in expansion.blocks(given))
