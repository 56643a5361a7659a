"""Files that are there whole or not at all: written under another name, then renamed."""

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
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror}") from error
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
