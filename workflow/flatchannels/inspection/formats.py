"""Models from files, and nothing executed: `.npz`, `.safetensors`, a torch `state_dict`.

Layers are found by name, shape and order (that of the file; in `.safetensors`, which keeps none, of the names): a matrix `W1` or
`fc.weight` with its vector `b1` or `fc.bias`, and the next one whose inputs are its outputs. What is no part of
such a chain of at least two is skipped, and named.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from itertools import cycle
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.files import ZIP
from flatchannels.inspection.model import Dense, Model

MODEL_SUFFIXES = (".npz", ".safetensors", ".pt", ".pth", ".ckpt", ".bin")
STATE_DICTS = ("state_dict", "model_state_dict", "model_state", "model")  # where checkpoints with an optimiser keep the weights
STATISTICS = ("running_mean", "running_var")  # of a normalisation
LARGEST_FILE = 4 * 2**30  # bytes of a file, and of the arrays in it
SINGLE_ARRAY = b"\x93NUMPY"  # how the file of one begins
LONGEST_MESSAGE = 200  # characters of another library's message that are passed on
SAFETENSORS_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
MATRIX = re.compile(r"^(?P<stem>(?:.*\.)?)(?P<key>weight|W)(?P<number>\d*)$")


class ModelError(ValueError):
    """A file or arrays that are no model: one line with what was given and what is allowed."""


def load(path: str | PathLike[str], activation: str | None = None, layers: Sequence[str] = ()) -> list[Model]:
    """The chains of fully connected layers in a file, in its order.

    Parameters
    ----------
    path : path
        Of the file.
    activation : str, optional
        Between the layers, if known.
    layers : sequence of str
        Names of the matrices to take, from the inputs to the outputs; all by default.

    Returns
    -------
    list of Model

    Raises
    ------
    ModelError
        A file that is not there, is damaged, would have to execute code to be read, or holds no two layers that fit.
    """
    path = Path(path)
    if path.suffix not in MODEL_SUFFIXES:
        raise ModelError(f"{path}: the name must end with {', '.join(MODEL_SUFFIXES)}")
    try:
        if not path.is_file():
            raise ModelError(f"{path}: there is no such file")
        _check_size(path.stat().st_size)
        reader = {".npz": _npz, ".safetensors": _safetensors}.get(path.suffix, _torch)
        return chains(reader(path), activation, layers)
    except ModelError as error:
        raise ModelError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None


def _npz(path: Path) -> dict[str, NDArray]:
    with path.open("rb") as file:
        if not file.read(len(SINGLE_ARRAY)).startswith((*ZIP, SINGLE_ARRAY)):  # which numpy takes for pickled objects
            raise ModelError("is no npz, such as numpy.savez(file, W1=W1, b1=b1, …) writes")
    try:
        with np.load(path, allow_pickle=False) as archive:
            _check_size(sum(info.file_size for info in archive.zip.infolist()))
            return {key: archive[key] for key in archive.files}
    except (ModelError, OSError):
        raise
    except AttributeError:  # a single array has no zip
        raise ModelError("is no npz but a single array; it must hold W1, b1, W2, …") from None
    except Exception as error:  # whatever a damaged zip or header makes numpy stumble over; nothing of it is executed
        raise ModelError(f"is no npz of plain arrays: {_one_line(error)}") from None


def _safetensors(path: Path) -> dict[str, NDArray]:
    from safetensors import deserialize

    try:
        # Writers sort by type and name, and the reader hands them out in no order: that of the names is the best there is.
        entries = sorted(deserialize(path.read_bytes()), key=lambda named: _module_key(named[0]))
        return {name: _from_bytes(entry["dtype"], entry["shape"], entry["data"]) for name, entry in entries}
    except (ModelError, OSError):
        raise
    except Exception as error:  # the same of a damaged header
        raise ModelError(f"is no safetensors file that NumPy can hold: {_one_line(error)}") from None


def _from_bytes(dtype: str, shape: Sequence[int], data: bytes | bytearray) -> NDArray:
    """An array of the types that safetensors names; the 16 bits of a bfloat16 are the upper half of a float32."""
    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    if dtype not in SAFETENSORS_TYPES:
        raise ModelError(f"holds numbers of type {dtype}; the inspector reads BF16, {', '.join(SAFETENSORS_TYPES)}")
    return np.frombuffer(data, SAFETENSORS_TYPES[dtype]).reshape(shape)


def _module_key(name: str) -> tuple[str | int, ...]:
    """Sorting key of a path of modules: net.0.2 before net.0.10, dots being no decimal points."""
    return tuple(int(part) if number else part for number, part in zip(cycle([False, True]), re.split(r"([0-9]+)", name)))


def _check_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise ModelError(f"has {size / 2**30:.1f} GiB, unpacked; the inspector reads up to {LARGEST_FILE // 2**30}")


def _one_line(error: Exception) -> str:
    return " ".join(f"{error or type(error).__name__}".split())[:LONGEST_MESSAGE]


def _torch(path: Path) -> dict[str, NDArray]:
    try:
        import torch
    except ModuleNotFoundError:
        raise ModelError("needs torch: pip install torch; or save the weights as .npz or .safetensors") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols, sparse and quantised tensors: what matters is told below
            found = _state_dict(torch.load(path, map_location="cpu", weights_only=True))
            tensors = {str(key): value for key, value in found.items() if isinstance(value, torch.Tensor) and not value.is_complex()}
            _check_size(sum(8 * value.numel() for value in tensors.values()))  # expanded and sparse tensors are small in the file
            return {key: _from_tensor(value) for key, value in tensors.items()}
    except ModelError:
        raise
    except Exception as error:  # whatever a foreign pickle makes torch stumble over; nothing of it is executed
        raise ModelError(f"holds no plain tensors ({type(error).__name__}), and nothing was executed; save module.state_dict()") from None


def _state_dict(found: Any) -> Mapping[Any, Any]:
    """What a file holds, or in a checkpoint what stands beside its optimiser."""
    if not isinstance(found, Mapping):
        raise ModelError(f"holds a {type(found).__name__}; it must hold a state_dict")
    inner = next((found[key] for key in STATE_DICTS if isinstance(found.get(key), Mapping)), None)
    return found if inner is None else _state_dict(inner)


def _from_tensor(value: Any) -> NDArray:
    value = value.detach()
    if str(value.layout) != "torch.strided":
        value = value.to_dense()
    return (value.dequantize() if value.is_quantized else value).double().numpy()


def chains(arrays: Mapping[str, NDArray], activation: str | None = None, layers: Sequence[str] = ()) -> list[Model]:
    """The chains of fully connected layers among named arrays.

    Parameters
    ----------
    arrays : mapping
        Name → array.
    activation : str, optional
        Between the layers, if known.
    layers : sequence of str
        Names of the matrices to take, from the inputs to the outputs; all by default.

    Returns
    -------
    list of Model

    Raises
    ------
    ModelError
        There is none, or a named one does not fit.
    """
    dense, skipped = _dense_layers(arrays, layers)
    found: list[list[Dense]] = []
    for layer in dense:
        if found and layer.W.shape[1] == len(found[-1][-1].W):
            found[-1].append(layer)
        elif layers and found:
            below = found[-1][-1]
            raise ModelError(f"{layer.name} takes {layer.W.shape[1]} inputs; {below.name} below it has {len(below.W)} neurons")
        else:
            found.append([layer])
    skipped += [f"{chain[0].name}: no layer above or below it fits" for chain in found if len(chain) == 1]
    models = [
        Model(tuple(chain), activation, tuple(skipped) if n == 0 else (), _unread(arrays, chain, named=bool(layers)))
        for n, chain in enumerate(chain for chain in found if len(chain) > 1)
    ]
    if not models:
        shapes = ", ".join(f"{layer.name} {layer.W.shape}" for layer in dense[:4]) or "no matrix named W1 or ….weight"
        raise ModelError(f"no two fully connected layers follow one another: {shapes}")
    return models


def _unread(arrays: Mapping[str, NDArray], chain: Sequence[Dense], named: bool) -> tuple[str, ...]:
    """The arrays that by their shapes may act between the layers of a chain, such as a normalisation or a skip connection.

    Where the user has named the layers, and so said that they are all, only what torch calls a gain or a statistic.
    """
    sizes = {chain[0].W.shape[1], *(len(layer.W) for layer in chain)}
    taken = {layer.name for layer in chain}
    biases = {_bias_name(name) for name, array in arrays.items() if MATRIX.match(name) and np.ndim(array) > 1}

    def may_act(name: str, shape: tuple[int, ...]) -> bool:
        if name in taken | biases or not shape:
            return False
        gain = MATRIX.match(name) is not None and len(shape) == 1
        if named and not gain and not name.endswith(STATISTICS):
            return False
        return sizes.issuperset(shape) or (gain and shape == (1,))  # one slope of all neurons, of a PReLU

    return tuple(name for name, array in arrays.items() if may_act(name, np.shape(array)))


def _dense_layers(arrays: Mapping[str, NDArray], layers: Sequence[str]) -> tuple[list[Dense], list[str]]:
    """Every matrix with its bias, in order, and what is left out with the reason."""
    for name in layers:
        if name not in arrays:
            raise ModelError(f"there is no array {name!r}; it has {', '.join(list(arrays)[:12])}")
    found, used, skipped = [], set(), []
    names = list(layers) if layers else _in_order([name for name in arrays if MATRIX.match(name)])
    for name in names:
        array = np.asarray(arrays[name])
        if array.ndim != 2 or not array.size:
            if layers:
                raise ModelError(f"{name} has shape {array.shape}; a fully connected layer has (out, in)")
            skipped.append(f"{name}: {array.ndim} axes, not a fully connected layer")
            continue
        bias_name = _bias_name(name)
        bias = arrays.get(bias_name) if bias_name else None
        if bias is not None and np.shape(bias) != (len(array),):
            raise ModelError(f"{bias_name} has shape {np.shape(bias)}; it must be ({len(array)},), one for each row of {name}")
        found.append(Dense(name, _finite(name, array), None if bias is None else _finite(bias_name, np.asarray(bias))))
        used |= {name, bias_name}
    if not layers:
        told = {line.split(":")[0] for line in skipped}
        skipped += [f"{name}: not the weight or bias of a layer" for name in arrays if name not in used | told]
    return found, skipped


def _in_order(names: list[str]) -> list[str]:
    """W1, W2, …, W10 by their numbers, others as they stand in the file."""
    if all(match and match["key"] == "W" and match["number"] for match in map(MATRIX.match, names)):
        return sorted(names, key=lambda name: int(re.findall(r"\d+$", name)[0]))
    return names


def _bias_name(name: str) -> str | None:
    match = MATRIX.match(name)
    return match and f"{match['stem']}{'bias' if match['key'] == 'weight' else 'b'}{match['number']}"


def _finite(name: str | None, array: NDArray) -> NDArray[np.float64]:
    if array.dtype.kind not in "biuf":
        raise ModelError(f"{name} has type {array.dtype}; it must hold real numbers")
    values = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(values).all():
        raise ModelError(f"{name} holds {np.count_nonzero(~np.isfinite(values))} values that are not finite")
    return values
