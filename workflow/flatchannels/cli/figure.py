"""`flatchannels figure`: a figure of the paper, made by the workflow of a checkout."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flatchannels.names import natural_key

SUFFIXES_OF_FIGURES = (".pdf", ".svg", ".png")
FIGURE = """Make a figure of the paper, from nothing: data, runs, statistics, picture. It calls snakemake in a checkout of the project,
the folder that you are in, one above it, or that of this package; what has been made before is not made again. Without a name it lists
the figures."""
FIGURE_EXAMPLES = """examples:
  flatchannels figure                      which there are
  flatchannels figure fig6 --cores 2       the toy: two minutes
  flatchannels figure fig4 --dry-run       what would run

exit codes: 0 made; 2 no such figure, or no checkout; otherwise that of snakemake"""


def add_to(commands: Any) -> None:
    """Add the command to the sub-parsers.

    Parameters
    ----------
    commands : argparse sub-parsers
    """
    parser = commands.add_parser(
        "figure", help="a figure of the paper, in a checkout", description=FIGURE, epilog=FIGURE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", nargs="?", metavar="NAME", help="fig1, fig2, …, figB13; without it all are listed")
    parser.add_argument("--cores", default="all", metavar="N", help="processes at a time (all)")
    parser.add_argument("--config", default="config/config.yaml", metavar="FILE", help="preset, from the checkout (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="say what would run")
    parser.add_argument("--json", action="store_true", help="print JSON: the files; snakemake's own words go to standard error")
    parser.set_defaults(function=run)


def run(given: argparse.Namespace) -> int:
    """Make a figure, or list them.

    Parameters
    ----------
    given : argparse.Namespace

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ValueError
        There is no such figure, or no checkout.
    """
    from flatchannels.pipeline import config as settings  # which needs the files of the workflow, as other commands do not

    checkout = find_checkout(Path.cwd())
    names = figure_names(checkout)
    if given.name is None:
        print(json.dumps({"checkout": str(checkout), "figures": names}) if given.json else "\n".join(names))
        return 0
    if given.name not in names:
        raise ValueError(f"figure is {given.name}; it must be one of {', '.join(names)}")
    if not (checkout / given.config).is_file():
        raise ValueError(f"config is {given.config}; there is no such file in {checkout}")
    if find_spec("snakemake") is None:
        raise ValueError("snakemake is missing: pip install snakemake, or `make figures` in the checkout, which installs everything")
    results = checkout / settings.validate(settings.load(checkout / given.config), given.config)["results_dir"]
    command = [sys.executable, "-m", "snakemake", "--cores", given.cores, "--configfile", given.config]
    command += ["--dry-run"] * given.dry_run + ["--", given.name]
    code = _finished(subprocess.Popen(command, cwd=checkout, stdout=sys.stderr if given.json else None, start_new_session=True))
    files = [path for suffix in SUFFIXES_OF_FIGURES if (path := results / "figures" / f"{given.name}{suffix}").exists()]
    if given.json:
        print(json.dumps({"figure": given.name, "exit_code": code, "files": list(map(str, files))}))
    elif code == 0 and not given.dry_run:
        print("\n".join(map(str, files)))
    return code


def _finished(snakemake: subprocess.Popen) -> int:
    """Its exit code; an interruption is handed on to it and its jobs, and waits until it has put away its locks."""
    interruption: KeyboardInterrupt | None = None
    while snakemake.returncode is None:
        try:
            snakemake.wait()
        except KeyboardInterrupt as error:
            interruption = interruption or error
            with suppress(ProcessLookupError):
                os.killpg(snakemake.pid, signal.SIGINT)
    if interruption:
        raise interruption
    return snakemake.returncode


def find_checkout(start: Path) -> Path:
    """The checkout that holds a folder, or the one that this package was imported from.

    Parameters
    ----------
    start : Path

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        There is none.
    """
    for folder in (start, *start.parents, Path(__file__).parents[3]):
        if (folder / "workflow" / "rules").is_dir() and (folder / "config").is_dir():
            return folder
    raise ValueError(f"{start} is in no checkout of flatchannels, whose workflow makes the figures: git clone it, and call this in it")


def figure_names(checkout: Path) -> list[str]:
    """The figures that the workflow of a checkout can make: those of the paper's text, then those of its appendices.

    Parameters
    ----------
    checkout : Path

    Returns
    -------
    list of str
    """
    table = (checkout / "workflow" / "rules" / "figures.smk").read_text()
    return sorted(re.findall(r"Figure\(\s*\"(fig\w+)\"", table), key=natural_key)
