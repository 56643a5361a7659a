"""Models are read from files by shape and order; whatever is no model gets one line, and no code is executed."""

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from flatchannels.cli import main
from flatchannels.inspection import telling
from flatchannels.inspection.formats import ModelError, chains, load

ROOT = Path(__file__).parents[2]


def layers(*sizes, seed=0):
    random = np.random.default_rng(seed)
    return {f"{key}{n}": random.normal(size=(out, below) if key == "W" else out)
            for n, (below, out) in enumerate(zip(sizes, sizes[1:]), 1) for key in "Wb"}  # fmt: skip


def test_an_npz_gives_its_layers_in_the_order_of_their_numbers(tmp_path):
    arrays = layers(*range(3, 15))
    np.savez(tmp_path / "model.npz", **dict(sorted(arrays.items(), reverse=True)))
    (model,) = load(tmp_path / "model.npz")
    assert model.widths == tuple(range(4, 14)) and np.array_equal(model.layers[9].W, arrays["W10"])
    assert np.array_equal(model.at(model.theta).theta, model.theta)


def test_a_state_dict_of_other_things_gives_its_fully_connected_chains_and_names_the_rest():
    arrays = {
        "conv.weight": np.ones((4, 3, 3, 3)), "conv.bias": np.ones(4), "norm.running_mean": np.ones(4),
        "block.0.fc_in.weight": np.ones((8, 4)), "block.0.fc_in.bias": np.ones(8), "block.0.fc_out.weight": np.ones((4, 8)),
        "proj.weight": np.ones((7, 9)), "head.weight": np.ones((5, 7)), "head.bias": np.ones(5),
    }  # fmt: skip
    first, second = chains(arrays)
    assert [layer.name for layer in first.layers] == ["block.0.fc_in.weight", "block.0.fc_out.weight"]
    assert [layer.name for layer in second.layers] == ["proj.weight", "head.weight"] and second.layers[0].b is None
    assert any(line.startswith("conv.weight: 4 axes") for line in first.skipped)
    (named,) = chains(arrays, layers=["proj.weight", "head.weight"])
    assert named.widths == (7,)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def broken(folder):
    """Name → a file that is no model."""
    np.savez(folder / "shapes.npz", **layers(3, 4) | {"W2": np.ones((1, 5))})
    np.savez(folder / "bias.npz", W1=np.ones((4, 3)), b1=np.ones(3), W2=np.ones((1, 4)))
    np.savez(folder / "nan.npz", W1=np.full((4, 3), np.nan), W2=np.ones((1, 4)))
    np.savez(folder / "texts.npz", W1=np.array([["a"]]), W2=np.ones((1, 1)))
    np.savez(folder / "complex.npz", W1=np.ones((2, 2), dtype=complex), W2=np.ones((1, 2)))
    np.savez(folder / "empty.npz")
    np.savez(folder / "one.npz", W1=np.ones((2, 2)))
    np.savez(folder / "objects.npz", W1=np.array([Bomb()], dtype=object))
    (folder / "pickle.npz").write_bytes(pickle.dumps(Bomb()))
    (folder / "pickle.pt").write_bytes(pickle.dumps(Bomb()))
    (folder / "zip.npz").write_bytes(b"PK\x03\x04" + bytes(100))
    (folder / "nothing.npz").write_bytes(b"")
    (folder / "huge.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    (folder / "nothing.safetensors").write_bytes(b"")
    (folder / "model.txt").write_text("W1")
    np.save(folder / "single.npy", np.ones((3, 2)))
    (folder / "single.npy").rename(folder / "single.npz")
    whole = io.BytesIO()
    np.savez_compressed(whole, **layers(3, 4, 1))
    for length in (1, 30, 100, len(whole.getvalue()) // 2, len(whole.getvalue()) - 1):
        (folder / f"truncated{length}.npz").write_bytes(whole.getvalue()[:length])
    for name, header in [
        ("giant", "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000)}"),
        ("negative", "{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 4)}"),
        ("overflow", f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30}, 4)}}"),
        ("code", "__import__('pathlib').Path('exploded').touch()"),
        ("deep", "(" * 5000),
    ]:
        with zipfile.ZipFile(folder / f"{name}.npz", "w") as archive:
            archive.writestr("W1.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(96))
    (folder / "folder.npz").mkdir()
    return [*sorted(path.name for path in folder.iterdir()), "missing.npz"]


def test_files_that_are_no_models_get_one_line_and_nothing_is_executed(tmp_path, monkeypatch, capsys):
    names = broken(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in names:
        with pytest.raises(ModelError) as caught:
            load(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 400
        assert main(["inspect", name]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not Path("exploded").exists()


def test_damaged_bytes_anywhere_give_a_model_or_one_line(tmp_path):
    """Flipped bytes in the three formats: what is read is finite and fits together, else there is one line; nothing else is raised."""
    arrays, random = layers(3, 4, 1), np.random.default_rng(0)
    np.savez(tmp_path / "model.npz", **arrays)
    save_file(arrays, tmp_path / "model.safetensors")
    refused = 0
    for name in ("model.npz", "model.safetensors"):
        good = (tmp_path / name).read_bytes()
        for _ in range(300):
            data = bytearray(good)
            for place in random.integers(0, len(data), size=random.integers(1, 4)):
                data[place] = random.integers(0, 256)
            path = tmp_path / f"damaged{Path(name).suffix}"
            path.write_bytes(data[: random.integers(1, len(data) + 1)] if random.random() < 0.3 else data)
            try:
                (model,) = load(path)
                assert np.isfinite(model.theta).all()
            except ModelError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 600
    assert refused > 100


@pytest.mark.parametrize("kind, bits", [("BF16", 8), ("F16", 11), ("F32", 24), ("F64", 53)])
def test_safetensors_of_every_precision_are_read(tmp_path, kind, bits):
    W1, W2 = np.random.default_rng(0).normal(size=(4, 3)), np.random.default_rng(1).normal(size=(1, 4))

    def packed(values):
        if kind == "BF16":
            return (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        return values.astype({"F16": "<f2", "F32": "<f4", "F64": "<f8"}[kind]).tobytes()

    header, data = {}, b""
    for name, values in {"a.weight": W1, "b.weight": W2}.items():
        start, data = len(data), data + packed(values)
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [start, len(data)]}
    told = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + data)
    (model,) = load(tmp_path / "model.safetensors")
    assert np.allclose(model.theta, np.concatenate([W1.ravel(), W2.ravel()]), rtol=2.0 ** (1 - bits), atol=0)


def test_layers_of_safetensors_stand_in_the_order_of_their_names(tmp_path):
    random = np.random.default_rng(0)
    arrays = {f"net.0.{n}.weight": random.normal(size=(3, 3)) for n in (10, 2, 1, 0)}
    for _ in range(5):
        save_file(arrays, tmp_path / "model.safetensors")
        (model,) = load(tmp_path / "model.safetensors")
        assert [layer.name for layer in model.layers] == [f"net.0.{n}.weight" for n in (0, 1, 2, 10)]


def test_json_is_json_also_where_there_is_no_number():
    told = telling.finite({"a": [1.0, float("nan"), {"b": float("inf")}], "c": "text", "d": None})
    assert json.loads(json.dumps(told, allow_nan=False)) == {"a": [1.0, None, {"b": None}], "c": "text", "d": None}


def test_what_unpacks_to_more_than_the_limit_is_not_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", W1=np.zeros((3000, 300)), W2=np.zeros((1, 3000)))
    assert (tmp_path / "bomb.npz").stat().st_size < 2**20
    monkeypatch.setattr("flatchannels.inspection.formats.LARGEST_FILE", 2**20)
    with pytest.raises(ModelError, match="unpacked"):
        load(tmp_path / "bomb.npz")


def test_the_command_prints_json_that_names_the_groups(tmp_path):
    arrays = layers(3, 6, 1)
    arrays["W1"][4], arrays["b1"][4] = arrays["W1"][2] + 1e-5, arrays["b1"][2]
    arrays["W2"][0, [2, 4]] = 1e4, -1e4 + 1
    np.savez(tmp_path / "model.npz", **arrays)
    command = [sys.executable, "-m", "flatchannels", "inspect", tmp_path / "model.npz", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "workflow")})
    assert done.returncode == 0, done.stderr
    (layer,) = json.loads(done.stdout)["layers"]
    assert layer["layer"] == 1 and [group["neurons"] for group in layer["groups"]] == [[2, 4]]
    assert layer["groups"][0]["sum"] == pytest.approx(1.0) and layer["groups"][0]["epsilon"] == pytest.approx(1e-5 * np.sqrt(3) / 2)


def test_every_command_has_a_help_and_wrong_words_exit_with_2(capsys):
    for words, code in [(["--help"], 0), (["inspect", "--help"], 0), (["--version"], 0), ([], 2), (["dance"], 2)]:
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == code
    assert "examples:" in capsys.readouterr().out
