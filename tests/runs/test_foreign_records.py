"""Records that somebody else has sealed: whatever is in them ends in one line, and nothing is executed."""

import io
import json
import zipfile

import numpy as np
import pytest

from flatchannels import Dataset, Network, Run, train
from flatchannels.cli import main
from flatchannels.storage.errors import RecordError
from flatchannels.storage.seals import EMPTY_SEAL, seal


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Metadata and members of a record."""
    path = tmp_path_factory.mktemp("good") / "run.npz"
    x = np.random.default_rng(0).normal(size=(40, 2))
    train(Network(2, (2,), "tanh"), Dataset(x, np.sin(x).sum(axis=1)), seed=1, max_steps=8).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(str(np.lib.format.read_array(io.BytesIO(members.pop("meta.npy")))))
    return meta, members


def write(path, told, members):
    """An archive with a valid seal around any metadata (a text) and any members."""
    buffer, meta = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array(meta, np.array(told))
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {"meta.npy": meta.getvalue(), **members}.items():
            archive.writestr(name, content)
        archive.comment = EMPTY_SEAL
    path.write_bytes(seal(buffer.getvalue()))


def refused(path, capsys):
    """`Run.load` refuses a file in one line; so does each command, unless it does without what is wrong in it."""
    with pytest.raises((RecordError, ValueError)) as caught:
        Run.load(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value) and len(str(caught.value)) < 500
    for words in (["inspect", path, "--run", 1], ["inspect", path, "--run", 1, "--history"], ["continue", path]):
        code, told = main(list(map(str, words))), capsys.readouterr()
        assert code == 2 and told.err.count("\n") == 1 and told.out == "" or code == 0 and words[0] == "inspect" and told.err == "", words


@pytest.mark.parametrize("told", ["[" * 100_000, "[]", "3", "NaN", '"text"', "", "{}", "null"])
def test_metadata_that_are_none_get_one_line(parts, tmp_path, capsys, told):
    write(tmp_path / "evil.npz", told, parts[1])
    refused(tmp_path / "evil.npz", capsys)


@pytest.mark.parametrize("changed", [
    {"widths": [10**9] * 3}, {"widths": "x"}, {"inputs": 10**30}, {"activation": "__import__('os')"}, {"training": {}},
    {"training": {"trajectory_samples": 10**12, "spectrum_samples": 5, "maxnorm": 1}}, {"first_seed": -(10**18)}, {"stop_codes": {"A": []}},
    {"finish_codes": {}}, {"version": None}, {"format": ["flatchannels runs"]},
    {"sweep": "train", "asked_seeds": "ab", "spec": {"file": 3}}, {"sweep": "train", "asked_seeds": [1], "spec": {"file": "no.csv"}},
])  # fmt: skip
def test_metadata_of_wrong_kinds_get_one_line(parts, tmp_path, capsys, changed):
    write(tmp_path / "evil.npz", json.dumps(parts[0] | changed), parts[1])
    if "sweep" in changed:  # these concern `continue` alone
        assert main(["continue", str(tmp_path / "evil.npz")]) == 2 and capsys.readouterr().err.count("\n") == 1
    else:
        refused(tmp_path / "evil.npz", capsys)


HEADERS = [b"", b"\x93NUMPY\x01\x00\x10\x00((((((((((((((((", b"\x93NUMPY\x01\x00\x2c\x00__import__('pathlib').Path('exploded').touch()"]


@pytest.mark.parametrize("content", HEADERS)
def test_headers_of_arrays_that_are_none_get_one_line(parts, tmp_path, capsys, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "evil.npz", json.dumps(parts[0]), parts[1] | {"theta.npy": content, "trajectory_theta.npy": content})
    refused(tmp_path / "evil.npz", capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["evil.npz"]
