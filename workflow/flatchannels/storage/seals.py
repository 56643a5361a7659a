"""Sealed files: each carries the SHA-256 of its own bytes, so that one pass over them finds any damage.

The digits stand in the zip comment or in the Parquet key-value metadata, both of which sit at the end of a file. The digest is that
of the file with zeros in their place. A truncation or a flipped bit is found before a zip or Parquet parser sees it, and
without decompressing what the reader does not need. Sealed files remain ordinary files: `numpy.load` and
`pandas.read_parquet` open them.
"""

import hashlib
from os import PathLike
from pathlib import Path

from flatchannels.storage.errors import RecordError

SEAL = b"flatchannels sha256 "
DIGITS = 64  # of a SHA-256 in hexadecimal
EMPTY_SEAL = SEAL + b"0" * DIGITS


def seal(data: bytes) -> bytes:
    """Data with the digits of their last, empty seal filled in.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    bytes
    """
    start = data.rfind(SEAL) + len(SEAL)
    return data[:start] + _digest(data, start) + data[start + DIGITS :]


def read_sealed(path: str | PathLike[str], magic: bytes, kind: str) -> bytes:
    """The bytes of a sealed file, verified.

    Parameters
    ----------
    path
        Of the file.
    magic
        The bytes with which it begins.
    kind
        What it is then, for the message: "an npz file".

    Returns
    -------
    bytes

    Raises
    ------
    RecordError
        The file is missing, empty, of another kind, or not the one that was written.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise RecordError(path, error.strerror or str(error)) from error
    if not data:
        raise RecordError(path, "is empty")
    if not data.startswith(magic):
        raise RecordError(path, f"is not {kind} (its first bytes are wrong)")
    start = data.rfind(SEAL) + len(SEAL)
    if start < len(SEAL):
        raise RecordError(path, "has no seal: truncated, or not written by flatchannels")
    if data[start : start + DIGITS] != _digest(data, start):
        raise RecordError(path, "does not match its seal: its bytes changed after it was written")
    return data


def _digest(data: bytes, start: int) -> bytes:
    """SHA-256 of `data` with the seal's digits, which begin at `start`, taken as zeros."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:start])
    digest.update(b"0" * DIGITS)
    digest.update(view[start + DIGITS :])
    return digest.hexdigest().encode()
