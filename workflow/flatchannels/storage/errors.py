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
        super().__init__(path, problem)  # both, so that it can be sent from one process to another

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class WriteError(RecordError):
    """A file that cannot be written: a full disk, a folder without permission."""
