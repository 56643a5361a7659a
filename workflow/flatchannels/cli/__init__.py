"""The command `flatchannels`: what people do with networks of their own.

A mistake ends in one line on standard error and exit code 2.
"""

import argparse
import io
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

import flatchannels
from flatchannels.cli.words import Parser
from flatchannels.runs.interruptions import Terminated, raising_terminated
from flatchannels.runs.processes import ProcessDied
from flatchannels.storage.errors import RecordError

COMMANDS = ("inspect", "train", "figure", "workflow")  # modules of this package
BY_SIGNAL = 128  # exit code of a command that a signal ended, less the number of the signal, as shells have it
CLEAR_LINE = "\r\033[K"  # of a terminal, on which a bar of progress may stand


def parser() -> argparse.ArgumentParser:
    """The command line.

    Returns
    -------
    argparse.ArgumentParser
    """
    top = Parser(prog="flatchannels", description="Flat channels to infinity in the loss landscapes of neural networks.")
    top.add_argument("--version", action="version", version=flatchannels.__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:  # imported here, within `main`: it takes a second
        import_module(f"flatchannels.cli.{command}").add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # of an encoding that may lack θ
                stream.reconfigure(errors="replace")
        given = parser().parse_args(arguments)
        with raising_terminated():  # not before: an import that an exception interrupts may say so in lines of its own
            code = given.function(given) or 0
            if sys.stdout:  # there is none where the caller has closed it
                sys.stdout.flush()
            return code
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        return 1
    except (ValueError, MemoryError, RecordError) as error:
        return _said(str(error) or "there is not enough memory", 2)
    except OSError as error:
        return _said(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
    except ProcessDied as error:
        return _said(_noted("a process has died: it was killed, perhaps for want of memory; what was finished before is kept", error), 1)
    except Terminated as error:
        return _said(_noted(str(error), error), BY_SIGNAL + error.number)
    except KeyboardInterrupt as error:
        return _said(_noted("interrupted", error), BY_SIGNAL + signal.SIGINT)


def _noted(text: str, error: BaseException) -> str:
    """With what the command has noted about how it leaves things."""
    return "; ".join([text, *getattr(error, "__notes__", [])])


def _said(text: str, code: int) -> int:
    """One line on standard error, if there still is one; returns the exit code."""
    with suppress(OSError):
        print(CLEAR_LINE * sys.stderr.isatty() + f"flatchannels: {' '.join(text.split())}", file=sys.stderr)
    return code
