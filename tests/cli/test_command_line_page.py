"""docs/command-line.md is in step with the parsers, and what it shows can be called."""

import runpy
import shlex
from pathlib import Path

import pytest

from flatchannels.cli import parser

ROOT = Path(__file__).parents[2]
MADE = runpy.run_path(str(ROOT / "docs" / "command_line.py"), run_name="page")
CODE = [line for block in MADE["page"]().split("```sh\n")[1:] for line in block.split("\n```")[0].splitlines()]
CALLS = [line for line in CODE if line.startswith("flatchannels ")]


def test_the_page_is_what_the_parsers_give():
    assert MADE["PAGE"].read_text(encoding="utf-8") == MADE["page"](), "make command-line"


@pytest.mark.parametrize("call", [call for call in CALLS if "[" not in call])
def test_every_example_can_be_called(call):
    _, command, *words = shlex.split(call, comments=True)
    assert parser().parse_args([command, *words]).command == command


@pytest.mark.parametrize("call", [call for call in CALLS if "[options]" in call])
def test_a_call_needs_what_stands_outside_brackets_and_nothing_else(call):
    _, command, *words = [word for word in call.split() if not word.startswith("[")]
    assert parser().parse_args([command, *words]).command == command
    for left_out in range(len(words)):
        with pytest.raises(SystemExit):
            parser().parse_args([command, *words[:left_out], *words[left_out + 1 :]])


def test_what_is_said_behind_a_call_is_a_comment():
    assert MADE["commented"]("a --b c   why, and  how\nd") == "a --b c   # why, and  how\nd"
