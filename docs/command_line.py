"""The page docs/command-line.md, from the parsers of `flatchannels` and the head of the Makefile.

python docs/command_line.py          the page anew
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from flatchannels.cli import parser  # noqa: E402
from flatchannels.storage.schemas.document import table  # noqa: E402

PAGE = ROOT / "docs" / "command-line.md"
HEAD = """# Command line

`flatchannels` comes with the package: `pip install .` in a checkout, or a wheel. In a checkout without it the same command is
`PYTHONPATH=workflow python -m flatchannels`. This page is made by `make command-line` from what `--help` says; a test fails when it is
out of date.
"""
ENDS = """A mistake ends in one line on standard error, which says what was given and what is allowed. With `--json`, where a command
has it, standard output is one line of JSON. `flatchannels --version` prints the version.

| exit code | of every command |
|---|---|
| 0 | done |
| 1 | whoever read the output has gone, such as `head`, or a process of `--workers` was killed |
| 2 | a file or word that makes no sense, or a file that cannot be read or written |
| 129, 130, 143 | ended by SIGHUP, interrupted by Ctrl-C, ended by SIGTERM |
"""
MAKE = """## make

In a checkout `make` installs what a target needs, in environments of their own, and then makes it. The same work in Snakemake's own words:
[the paper's figures](how-to/figures.md), [a study of one's own](how-to/studies.md), [clusters](clusters.md).
"""


def page() -> str:
    """The text of docs/command-line.md."""
    top = parser()
    [commands] = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    summaries = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    listed = table(["command", "is for"], [[f"[`{name}`](#flatchannels-{name})", text] for name, text in summaries.items()])
    parts = [HEAD, listed, ENDS, *(section(commands.choices[name]) for name in summaries)]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return "\n".join([*parts, MAKE, fenced("text", targets(makefile))])


def section(command: argparse.ArgumentParser) -> str:
    """One command: how it is called, its arguments and options, examples, exit codes."""
    actions = [action for action in command._actions if not isinstance(action, argparse._HelpAction)]
    examples, codes = (command.epilog or "").split("exit codes: ")
    parts = [
        f"## {command.prog}\n",
        fenced("sh", synopsis(command.prog, actions)),
        f"{command.description}\n",
        table(["argument", "meaning"], [[f"`{spelt(action)}`", meaning(command, action)] for action in actions]),
        fenced("sh", commented(unindented(examples.removeprefix("examples:\n")))),
        f"Exit codes: {codes}.\n",
    ]
    return "\n".join(parts)


def synopsis(prog: str, actions: list[argparse.Action]) -> str:
    """The call with what must be there, and a place for the rest."""
    words = [f"[{spelt(action)}]" if action.nargs == "?" else spelt(action) for action in actions if not action.option_strings]
    words += [spelt(action) for action in actions if action.option_strings and action.required]
    optional = any(action.option_strings and not action.required for action in actions)
    return " ".join([prog, *words, *["[options]"] * optional])


def spelt(action: argparse.Action) -> str:
    """An option with the word for its value; of an argument the word."""
    value = action.metavar or action.dest.upper()
    if not action.option_strings:
        return str(value)
    several = {"+": f" {value} …"}.get(str(action.nargs), f" {value}")
    return f"{action.option_strings[-1]}{'' if action.nargs == 0 else several}"


def meaning(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    """What --help says about it, and what it may be."""
    told = command._get_formatter()._expand_help(action) if action.help else ""
    if action.required and action.option_strings:
        told += "; must be given"
    return told + (f". One of {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else "")


def targets(makefile: str) -> str:
    """What the head of the Makefile says of its targets."""
    lines = [line for line in makefile.splitlines() if line.startswith("#  ")]
    return unindented("\n".join(line.removeprefix("#") for line in lines))


def commented(examples: str) -> str:
    """Lines that a shell takes: what is said behind a call, after two spaces or more, is a comment."""
    return re.sub(r"^(\S.*?\S {2,})(?=\S)", r"\1# ", examples, flags=re.MULTILINE)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```\n"


def unindented(text: str) -> str:
    """Lines without the two or three spaces that all of them begin with, and without those at the end."""
    return re.sub(r"^ {2,3}(?=\S)", "", text.rstrip(), flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
