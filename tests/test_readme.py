"""README and CONTRIBUTING are true: what they name is there, and what they count is so many."""

import re
import tomllib
from pathlib import Path

import pytest

from flatchannels import cli
from flatchannels.pipeline import config, expansion

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workflow" / "flatchannels"
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LISTED = ("networks", "data", "dynamics", "landscape", "infinity", "studies")  # rooms whose modules the tree names one by one


def tree():
    """(indent, path, what is said about it) of each entry of the tree."""
    [block] = re.findall(r"## What is where\n+```\n(.*?)```", README, re.DOTALL)
    entries = []
    for line in block.splitlines():
        if re.match(r" {20,}", line):
            entries[-1][2] += f" {line.strip()}"
        else:
            place, said = re.split(r" {2,}", line.strip(), maxsplit=1) if "  " in line.strip() else (line.strip(), "")
            entries.append([len(line) - len(line.lstrip()), place, said])
    return entries


def first_column(cell):
    """The rules of the figures in a cell such as "2c, d, A2, A4"."""
    names = [re.sub(r"\s*\(.*\)", "", name.strip()) for name in cell.split(",")]
    return {f"fig{name}" for name in names}


def figures():
    """The names of the rules of figures.smk."""
    return set(re.findall(r'Figure\(\s*"(\w+)"', (ROOT / "workflow" / "rules" / "figures.smk").read_text(encoding="utf-8")))


def table(header):
    """The rows of the table of README with that header, each a list of cells."""
    rows = README[README.index(header) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_tree_names_what_is_there():
    for indent, place, said in tree():
        for path in re.split(r" +", place):
            assert ((PACKAGE if indent else ROOT) / path).exists(), path
        if place.rstrip("/") in LISTED and indent:
            for item in re.split(r", | and ", re.sub(r"\([^)]*\)|of [^,(]*", "", said)):
                if re.fullmatch(r"[a-z_]+", item.strip()):
                    assert (PACKAGE / place / f"{item.strip()}.py").exists(), f"{place}: {item}"


def test_the_tree_has_every_folder_of_the_package_in_the_order_of_the_dependency_rule():
    places = [re.sub(r"\.py$|/$", "", place) for indent, place, _ in tree() if indent]
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(places)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    height = {room.strip().removeprefix("flatchannels."): -level for level, layer in enumerate(layers) for room in layer.split("|")}
    heights = [height[place] for place in places]
    assert heights == sorted(heights)


def test_the_table_of_figures_has_every_figure_with_its_command():
    rows = table("| figure | shows | command |")
    commands = {name for row in rows for name in re.findall(r"\bfig\w+", row[2])}
    assert commands == figures()
    for row in rows:
        there, named = set(re.findall(r"\bfig\w+", row[2])), first_column(row[0])
        # Figure 2 has its panels in two files: "2a, b" is fig2, and "2c, d" is fig2cd.
        named = {{"fig2a": "fig2", "figb": "fig2", "fig2c": "fig2cd", "figd": "fig2cd"}.get(name, name) for name in named}
        assert named == there, row[0]


def test_figures_have_captions():
    assert {path.stem for path in (ROOT / "workflow" / "report").glob("fig*.rst")} == figures()


@pytest.mark.parametrize("row", table("| preset | runs | two cores |"), ids=lambda row: row[0])
def test_presets_ask_for_as_many_runs_as_the_readme_says(row):
    path = re.findall(r"`([\w/.]+)`", row[0])[0]
    given = config.validate(config.load(ROOT / path))
    blocks = expansion.blocks(given)
    draws = sum(job["spec"]["target"] == "gaussian-process" for job in expansion.datasets(given).values())
    runs, jobs, *rest = [int(number.replace(" ", "")) for number in re.findall(r"\d[\d ]*", row[1])]
    assert (runs, jobs) == (sum(block.runs for block in blocks), len(blocks))
    if rest:
        assert rest == [draws]


def test_sweeps_of_the_default_preset_have_as_many_runs_as_the_table_of_figures_says():
    blocks = expansion.blocks(config.validate(config.load(ROOT / "config" / "config.yaml")))
    told = re.findall(r"the (\d+) runs of the sweep `(\w+)`", README)
    assert told
    for count, sweep in told:
        assert int(count) == sum(block.runs for block in blocks if block.sweep == sweep), sweep


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_targets_of_make_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for text in (README, CONTRIBUTING):
        for target in re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE):
            assert target in targets, target


def test_contributing_says_where_things_are():
    rows = CONTRIBUTING[CONTRIBUTING.index("| what | where |") :].split("\n\n")[0].splitlines()[2:]
    for row in rows:
        named = [name for name in re.findall(r"`([\w/.-]+(?:\.py|\.md|\.smk|\.yaml|/))`", row.split("|")[2])]
        folder = PACKAGE
        for name in named:
            places = [ROOT / name, PACKAGE / name, folder / name]
            assert any(place.exists() for place in places), f"{row}: {name}"
            folder = next(place for place in places if place.exists()).parent


def test_commands_of_the_readme_are_there():
    shown = cli.parser().format_help()
    commands = set(re.findall(r"^(?:\.venv/bin/)?flatchannels ([a-z]+)", README, re.MULTILINE))
    assert commands
    for command in commands:
        assert re.search(rf"\b{command}\b", shown), command
