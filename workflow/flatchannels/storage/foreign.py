"""Files that somebody else may have made, or an accident: whatever is in them ends in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from flatchannels.storage.errors import RecordError

LONGEST_MESSAGE = 200  # characters


@contextmanager
def foreign(path: str | PathLike[str]) -> Iterator[None]:
    """Around code that reads a record: what its content makes a reader stumble over becomes a `RecordError`.

    A seal tells damage, not malice: metadata may be any JSON, nested too deeply to be read, and headers of arrays may be anything.

    Parameters
    ----------
    path : str or PathLike
        Of the file.

    Raises
    ------
    RecordError
        In the place of any error but itself.
    """
    try:
        yield
    except RecordError:
        raise
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_MESSAGE]
        raise RecordError(path, f"is no record of this package: {told}") from error
