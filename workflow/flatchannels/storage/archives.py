"""Archives: sealed npz files with metadata in JSON, under which all arrays of this package are kept.

Equal content gives equal bytes (fixed zip times, sorted JSON), so results of two machines compare with `cmp`, but for
the wall times in run records: the `sha256` in the metadata covers every array except `seconds_*`.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.storage.atomic import write_bytes
from flatchannels.storage.errors import RecordError
from flatchannels.storage.seals import EMPTY_SEAL, read_sealed, seal

VERSION = 1  # of all formats, archives and tables
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that zip can express
MAGIC = b"PK\x03\x04"


def write_archive(path: str | PathLike[str], form: str, meta: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
    """Write a compressed, sealed npz; the metadata becomes the member `meta`, a JSON string.

    Parameters
    ----------
    path
        Of the file.
    form
        The name of its format, "flatchannels runs".
    meta
        JSON types.
    arrays
        Name → array, without objects.

    Raises
    ------
    RecordError
        It cannot be written.
    """
    write_bytes(path, archive_bytes({**meta, "format": form, "version": VERSION}, arrays))


def archive_bytes(meta: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> bytes:
    """The bytes of an archive, sealed.

    Parameters
    ----------
    meta : mapping
        Metadata, JSON types.
    arrays : mapping
        Name → array.

    Returns
    -------
    bytes
    """
    told = json.dumps(meta, sort_keys=True, allow_nan=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, array in {"meta": np.array(told), **arrays}.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
            info = zipfile.ZipInfo(f"{key}.npy", ZIP_EPOCH)
            # Level 1: trajectories are noise to a compressor, and the higher levels cost seconds for a few per cent.
            archive.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
        archive.comment = EMPTY_SEAL
    return seal(buffer.getvalue())


def read_archive(path: str | PathLike[str], form: str, keys: Collection[str] | None = None) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Metadata and arrays of an archive.

    Parameters
    ----------
    path
        Of the file.
    form
        The name that its format must have.
    keys
        Names of the arrays to return; all by default. The seal is verified over the whole file in any case.

    Returns
    -------
    meta : dict
    arrays : dict

    Raises
    ------
    RecordError
        The file is missing, damaged, or of another format or version.
    """
    data = read_sealed(path, MAGIC, "an npz file")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            meta = json.loads(str(_member(archive, "meta")))
            if meta["format"] != form:
                raise RecordError(path, f"holds {meta['format']!r}, not {form!r}")
            if meta["version"] != VERSION:
                raise RecordError(path, f"has version {meta['version']!r} of the format; this code reads version {VERSION}")
            present = [name.removesuffix(".npy") for name in archive.namelist() if name != "meta.npy"]
            return meta, {key: _member(archive, key) for key in (present if keys is None else keys)}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:  # sealed, yet not of this format
        raise RecordError(path, f"is not a record of {form!r}: {error}") from error


def check_seal(path: str | PathLike[str]) -> None:
    """Check that the bytes of an archive are those that were written.

    Parameters
    ----------
    path : path
        Of the file.

    Raises
    ------
    RecordError
        They are not.
    """
    read_sealed(path, MAGIC, "an npz file")


def read_meta(path: str | PathLike[str]) -> dict[str, Any]:
    """The metadata of an archive alone, fast: neither the rest nor the seal is looked at.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    dict

    Raises
    ------
    RecordError
        The file has none.
    """
    return peek(path)[0]


def peek(path: str | PathLike[str], keys: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """The metadata of an archive and some of its arrays; the seal is not looked at.

    Parameters
    ----------
    path : path
        Of the file.
    keys
        Names of the arrays, of which those are returned that it has.

    Returns
    -------
    meta : dict
    arrays : dict

    Raises
    ------
    RecordError
        The file has no metadata.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = archive.namelist()
            return json.loads(str(_member(archive, "meta"))), {key: _member(archive, key) for key in keys if f"{key}.npy" in present}
    except OSError as error:
        raise RecordError(path, error.strerror or str(error)) from error
    except KeyError as error:
        raise RecordError(path, "has no metadata: it is no record of flatchannels") from error
    except (ValueError, zipfile.BadZipFile) as error:
        raise RecordError(path, f"has no metadata: {error}") from error


def _member(archive: zipfile.ZipFile, key: str) -> NDArray:
    return np.lib.format.read_array(io.BytesIO(archive.read(f"{key}.npy")), allow_pickle=False)


def content_digest(arrays: Mapping[str, NDArray]) -> str:
    """SHA-256 of names, dtypes, shapes and bytes of the arrays, wall times (`seconds_*`) left out.

    Equal digests mean equal results, whichever machine and however fast.

    Parameters
    ----------
    arrays : mapping
        Name → array.

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    for key in sorted(key for key in arrays if not key.startswith("seconds_")):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {arrays[key].shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
