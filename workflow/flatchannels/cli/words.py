"""What stands on the command line: numbers, and wrong words that end in one line like every other mistake."""

import argparse
from contextlib import suppress
from typing import NoReturn

LARGEST_EXACT = 2.0**53  # up to which a whole number in floating point is the one that was written


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line, where others first say in a dozen how the command is used."""

    def error(self, message: str) -> NoReturn:
        """Refuse the words that were given, with exit code 2.

        Parameters
        ----------
        message : str

        Returns
        -------
        NoReturn
        """
        self.exit(2, f"flatchannels: {' '.join(message.split())}; {self.prog} --help says more\n")


def number(text: str) -> float:
    """A number of the command line.

    Parameters
    ----------
    text : str

    Returns
    -------
    float

    Raises
    ------
    argparse.ArgumentTypeError
        It is none.
    """
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number, such as 0.001 or 1e-3") from None


def whole(text: str) -> int:
    """A whole number of the command line, which may be written as 1e5.

    Parameters
    ----------
    text : str

    Returns
    -------
    int

    Raises
    ------
    argparse.ArgumentTypeError
        It is none.
    """
    try:
        return int(text)
    except ValueError:
        with suppress(ValueError):
            if (value := float(text)).is_integer() and abs(value) < LARGEST_EXACT:
                return int(value)
    raise argparse.ArgumentTypeError(f"{text} is no whole number, such as 1000 or 1e3")
