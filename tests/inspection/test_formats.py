"""Models are read from files by shape and order; whatever is no model gets one line, and no code is executed."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flatchannels.cli import main
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
