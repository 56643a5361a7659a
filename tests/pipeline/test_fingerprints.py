"""An edit reruns exactly the rules whose scripts import what was edited, directly or not: found here by Python's own means."""

import ast
import re
import shutil
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from checkouts import ROOT

from flatchannels.pipeline import sources

SCRIPTS = [path.relative_to(ROOT / "workflow" / "scripts") for path in sorted((ROOT / "workflow" / "scripts").rglob("*.py"))]
# Without a rule: what several figures import.
LIBRARIES = [path for path in SCRIPTS if path.parent.name and "snakemake" not in (ROOT / "workflow" / "scripts" / path).read_text()]


def is_left_out(module):
    """The one documented exception: how results lie on disk, and how jobs run. Columns of tables count."""
    room, *rest = module.parts
    return room == "pipeline" or (room == "storage" and rest[:1] != ["schemas"])


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the code, of which fingerprints are taken."""
    unwanted = shutil.ignore_patterns("__pycache__")
    workflow = shutil.copytree(ROOT / "workflow", tmp_path / "workflow", symlinks=True, ignore=unwanted)
    monkeypatch.setattr(sources, "PACKAGE", Path(workflow) / "flatchannels")
    sources._direct_imports.cache_clear()
    yield Path(workflow)
    sources._direct_imports.cache_clear()


def reached(workflow, script):
    """The files of this project that a script reaches, by the bytecode of all imports in them, wherever they stand."""
    path = workflow / "scripts" / script
    finder = ModuleFinder([str(workflow), str(path.parent)])
    finder.run_script(str(path))
    return {Path(module.__file__) for module in finder.modules.values() if module.__file__}


def reached_without_the_exception(workflow):
    """Script → files, where what is left out imports nothing."""
    package = workflow / "flatchannels"
    kept = {}
    for path in package.rglob("*.py"):
        if is_left_out(path.relative_to(package)):
            kept[path] = path.read_text()
            path.write_text("")
    found = {script: {path for path in reached(workflow, script) if path not in kept} for script in SCRIPTS}
    for path, content in kept.items():
        path.write_text(content)
    return found


def edited(content):
    """A module with another first line in its first function, or with another constant where it has none."""
    functions = [node for node in ast.walk(ast.parse(content)) if isinstance(node, ast.FunctionDef)]
    if not functions:
        return content + "\nEDITED = 1\n"
    first = min(functions, key=lambda node: node.lineno).body[0]
    lines = content.split("\n")
    lines.insert(first.lineno - 1, " " * first.col_offset + "edited = 1")
    return "\n".join(lines)


def fingerprints(workflow):
    return {script: sources.fingerprint([workflow / "scripts" / script]) for script in SCRIPTS}


def test_an_edit_in_any_module_concerns_exactly_the_scripts_that_reach_it(copy):
    package, expected, before = copy / "flatchannels", reached_without_the_exception(copy), fingerprints(copy)
    for path in [*package.rglob("*.py"), *(copy / "scripts").rglob("*.py")]:
        content = path.read_text()
        path.write_text(edited(content))
        ast.parse(path.read_text())
        after = fingerprints(copy)
        path.write_text(content)
        concerned = {str(script) for script in SCRIPTS if after[script] != before[script]}
        assert concerned == {str(script) for script in SCRIPTS if path in expected[script]}, path


def test_the_exception_is_as_small_as_it_says(copy):
    left_out = {path.relative_to(copy / "flatchannels") for path in (copy / "flatchannels").rglob("*.py") if sources.left_out(path)}
    assert {path.parts[0] for path in left_out} == {"storage", "pipeline"}
    assert Path("storage/table_files.py") in left_out and not any("schemas" in path.parts for path in left_out)


def test_every_rule_has_the_fingerprint_of_the_script_that_it_runs():
    seen = set()
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            runs = re.findall(r'"\$SCRIPTS/(\w+\.py)"|"\.\./scripts/([\w/]+\.py)"', rule)
            scripts = {first or second for first, second in runs}
            marked = set(re.findall(r'\bcode\("([\w/]+\.py)"', rule)) or ({"runs.py"} if "RUN_CODE" in rule else set())
            if scripts != {"compile.py"}:  # whose products are compiled code, named after the fingerprint
                assert scripts == marked, rule
            seen |= scripts
    figures = (ROOT / "workflow" / "rules" / "figures.smk").read_text()
    seen |= {f"figures/{name}" for name in re.findall(r'"(\w+\.py)"', figures)} | {"figures/nothing.py"}
    assert {str(script) for script in SCRIPTS} == seen | set(map(str, LIBRARIES)) | {"again.py"}  # of `make verify`, no rule
