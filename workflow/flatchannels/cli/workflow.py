"""`flatchannels workflow`: the Snakemake workflow of the paper, laid out in a folder of one's own."""

import argparse
from pathlib import Path
from typing import Any

DESCRIPTION = """Copy the Snakemake workflow that makes the paper's figures to a new folder: Snakefile, rules, scripts, presets, profiles
and the package itself, ready to run and to change."""
EXAMPLES = """examples:
  flatchannels workflow --copy my-study
  cd my-study && snakemake --cores 2 --configfile config/smoke.yaml

exit codes: 0 laid out; 2 the folder has something in it, or cannot be written"""


def add_to(commands: Any) -> None:
    """Add the command to the sub-parsers.

    Parameters
    ----------
    commands : argparse sub-parsers
    """
    parser = commands.add_parser(
        "workflow", help="lay out the Snakemake workflow in a folder", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--copy", metavar="DIR", type=Path, help="where to; a new or an empty folder. Without it: print where the files lie"
    )
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> None:
    """Lay it out, and say how to go on.

    Parameters
    ----------
    given : argparse.Namespace

    Raises
    ------
    OSError
        The folder is not empty, or cannot be written.
    ValueError
        It lies in one that would be copied.
    """
    from flatchannels.pipeline import places

    if given.copy is None:
        print(places.home())
        return
    places.lay_out(given.copy)
    print(f"The workflow lies in {given.copy}. Next: cd {given.copy} && snakemake --cores 2 --configfile config/smoke.yaml")
