"""Which source files a script depends on, and a fingerprint of their content.

Snakemake and numba each look at one file, not at what it imports. The fingerprint takes the place of both: rules carry it
as a parameter, and the folder of compiled kernels is named after it. It depends on content alone, not on file times.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
REGISTRIES = {"FUNCTIONS", "ACTIVATIONS"}  # in the two modules that hold all activations
OF_ACTIVATIONS = {PACKAGE / "networks" / "scalars.py", PACKAGE / "networks" / "activations.py"}
# Statements of import, wherever they stand: (source or nothing, names). To parse each file whole would take half a second of
# every call of snakemake. It needs one statement per line; a test compares with what Python's own parser finds.
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?import[ \t]+(\([^)]*\)|[^\n]+)", re.MULTILINE)
NAME = re.compile(r"(?:^|[(,])\s*([\w.]+)")
COMMENT = re.compile(r"#.*")


def fingerprint(scripts: Iterable, activation: str | None = None) -> str:
    """Digest of the content of some Python files and of all files of this project that they import, directly or not.

    Parameters
    ----------
    scripts : iterable of path
    activation : str, optional
        The only one that counts, of those in scalars.py and activations.py; all by default.

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    # A script may have the name of a module.
    for path in sorted(imported(scripts), key=lambda path: (path.name, path.parent.name)):
        content = path.read_bytes()
        if activation and path in OF_ACTIVATIONS:
            content = of_one_activation(content, activation).encode()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def of_one_activation(content: bytes, name: str) -> str:
    """scalars.py or activations.py without the lines of the other activations: functions, branches of `activate`, entries.

    A function stays where something else uses it.

    Parameters
    ----------
    content : bytes
        Of either file.
    name : str
        Of the activation.

    Returns
    -------
    str
    """
    body = ast.parse(content).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    registry = next(node for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in REGISTRIES)
    assert isinstance(registry.value, ast.Dict)
    entries = [(ast.literal_eval(key), key, entry) for key, entry in zip(registry.value.keys, registry.value.values) if key]
    others = _names(entry for key, _, entry in entries if key != name) & functions.keys()
    rest: list[ast.AST] = [node for node in body if node not in (functions.get("activate"), registry)]
    rest += [entry for key, _, entry in entries if key == name]
    while used := others & _names(node for node in rest if getattr(node, "name", None) not in others):
        others -= used
    branches = [node for node in ast.walk(functions["activate"]) if isinstance(node, ast.If)] if "activate" in functions else []
    dropped: list[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]] = []  # first and last node of what goes
    dropped += [(node, node.body[-1]) for node in branches if name not in _names(node.body)]
    dropped += [(node, entry) for key, node, entry in entries if key != name]
    for function in map(functions.__getitem__, others):
        dropped.append((function.decorator_list[0] if function.decorator_list else function, function))
    numbers = {number for first, last in dropped for number in range(first.lineno, (last.end_lineno or last.lineno) + 1)}
    lines = enumerate(content.decode().splitlines(), 1)
    return "\n".join(line for number, line in lines if line.strip() and number not in numbers)


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def imported(scripts: Iterable) -> set[Path]:
    """The given files and those of this project that they import, directly or not; `left_out` apart, and what only such import.

    Parameters
    ----------
    scripts : iterable of path

    Returns
    -------
    set of Path
    """
    found, waiting = set(), [Path(script) for script in scripts]
    while waiting:
        path = waiting.pop()
        if path not in found and not left_out(path):
            found.add(path)
            waiting.extend(_direct_imports(path))
    return found


def left_out(path: Path) -> bool:
    """Whether results do not depend on a file: the one exception to the rule that an edit reruns whatever imports it.

    `storage` says how a result lies on disk. A format has a version of its own, and a file is checked when it is read: to train all
    networks again for an edit there would help nobody. Its schemas, the columns of tables, count. `pipeline` says how jobs run.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    if not str(path).startswith(f"{PACKAGE}{os.sep}"):
        return False
    room, _, rest = str(path).removeprefix(f"{PACKAGE}{os.sep}").partition(os.sep)
    return room == "pipeline" or room == "storage" and not rest.startswith(f"schemas{os.sep}")


@cache
def _direct_imports(path: Path) -> tuple[Path, ...]:
    modules = []
    for source, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        names = NAME.findall(COMMENT.sub("", names))
        modules += [source, *(f"{source}.{name}" for name in names)] if source else names
    found = (file for module in dict.fromkeys(modules) for file in _files_of(module, path.parent))
    return tuple(map(Path, dict.fromkeys(found)))


def _files_of(module: str, beside: Path) -> list[str]:
    """The file of a module of the package, or of a script beside the one that imports it, with those of the packages around it.

    In texts and with each folder listed once: a call of snakemake asks for a thousand modules, and half of its own time went here.
    """
    parts = module.split(".")
    folder, found = str(PACKAGE.parent if parts[0] == PACKAGE.name else beside), []
    for part in parts:
        if f"{part}.py" in _listed(folder):
            found.append(f"{folder}{os.sep}{part}.py")
        folder = f"{folder}{os.sep}{part}"
        if "__init__.py" in _listed(folder):
            found.append(f"{folder}{os.sep}__init__.py")
    return found


@cache
def _listed(folder: str) -> frozenset[str]:
    """What is in a folder; nothing where there is none."""
    return frozenset(os.listdir(folder)) if os.path.isdir(folder) else frozenset()
