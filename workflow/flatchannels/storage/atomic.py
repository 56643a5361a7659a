"""Files that are there whole or not at all: written under another name, then renamed."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from flatchannels.storage.errors import WriteError


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file under a temporary name in its folder, then rename it: no reader ever sees half a file.

    Parameters
    ----------
    path : path
        Of the file.
    data : bytes

    Raises
    ------
    WriteError
        It cannot be written: a full disk, a folder without permission.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that `write_bytes` would work, for those who would otherwise hear of it after hours: makes its folder, and leaves no file.

    Parameters
    ----------
    path : path
        Of the file.

    Raises
    ------
    WriteError
        It cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file as `write_bytes` does, UTF-8 with Unix line ends.

    Parameters
    ----------
    path : path
        Of the file.
    text : str
    """
    write_bytes(path, text.encode("utf-8"))


def _temporary(path: Path) -> Path:
    """Another name in the same folder, which nobody else uses."""
    return path.with_name(f".{path.name}.{uuid4().hex}.part")


def _not_written(path: Path, error: OSError) -> WriteError:
    problem = f"{path.parent} is a file" if isinstance(error, FileExistsError) else error.strerror  # mkdir says that it exists
    return WriteError(path, f"cannot be written: {problem}")
