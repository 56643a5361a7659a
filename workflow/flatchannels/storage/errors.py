"""The error of every reader and writer of files."""

from os import PathLike


class RecordError(Exception):
    """A file that cannot be used: one line with its path and what is wrong.

    Parameters
    ----------
    path : path
    problem : str
    """

    def __init__(self, path: str | PathLike[str], problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class WriteError(RecordError):
    """A file that cannot be written: a full disk, a folder without permission."""
