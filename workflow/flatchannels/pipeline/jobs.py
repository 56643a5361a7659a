"""How a rule's script runs: what it prints goes into the log of the rule, and a file that cannot be used gets one line there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flatchannels.storage.errors import RecordError, WriteError
from flatchannels.storage.origins import check_origins

REPAIR = (
    "`make repair`, with CONFIG=… where the configuration is not config/config.yaml, finds and removes all such files, and makes them again"
)


def run(main: Callable[[Any], None], snakemake: Any) -> None:
    """Run the main function of a script of a rule (`script:`), which takes Snakemake's object of that name.

    Parameters
    ----------
    main : function
    snakemake
        Input, output, params, log of the job. Where params has `asked` (`config.origin`), the inputs must have been made so.
    """
    into_the_log(snakemake.log[0])
    with mistakes_in_one_line():
        if "asked" in snakemake.params.keys():
            check_origins(snakemake.input, snakemake.params.asked)
        main(snakemake)


def into_the_log(path: str) -> None:
    """Send what this process prints from now on, and what its libraries and children do, to a file.

    Parameters
    ----------
    path : path
        Of the log.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, "w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


@contextmanager
def mistakes_in_one_line() -> Iterator[None]:
    """A file that cannot be used ends the process with one line, which names it and says what to do, in place of a traceback."""
    try:
        yield
    except WriteError as error:
        sys.exit(str(error))
    except RecordError as error:
        sys.exit(f"{error}. {REPAIR}.")
