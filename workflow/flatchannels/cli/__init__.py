"""The command `flatchannels`: what people do with networks of their own.

A mistake ends in one line on standard error and exit code 2, as wrong words do in argparse.
"""

import argparse
import sys
from collections.abc import Sequence

import flatchannels
from flatchannels.cli import figure, inspect, train, workflow
from flatchannels.storage.errors import RecordError

COMMANDS = (inspect, train, figure, workflow)
INTERRUPTED = 130  # exit code of a command that was interrupted: 128 + SIGINT, as shells have it


def parser() -> argparse.ArgumentParser:
    """The command line.

    Returns
    -------
    argparse.ArgumentParser
    """
    top = argparse.ArgumentParser(prog="flatchannels", description="Flat channels to infinity in the loss landscapes of neural networks.")
    top.add_argument("--version", action="version", version=flatchannels.__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
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
    given = parser().parse_args(arguments)
    try:
        return given.function(given) or 0
    except (ValueError, MemoryError, RecordError) as error:
        print(f"flatchannels: {' '.join(str(error).split()) or 'there is not enough memory'}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("flatchannels: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        return 1
