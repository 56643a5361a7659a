"""Which source files a script depends on, and a fingerprint of their content.

Snakemake and numba each look at one file, not at what it imports. The fingerprint takes the place of both: rules carry it
as a parameter, and the folder of compiled kernels is named after it. It depends on content alone, not on file times.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def fingerprint(scripts: Iterable, without: Iterable[str] = ()) -> str:
    """Digest of the content of some Python files and of all files of this project that they import, directly or not.

    Parameters
    ----------
    scripts : paths of Python files.
    without : names of modules, such as "records", to leave out along with what only they import.
    """
    digest = hashlib.sha256()
    for path in sorted(imported(scripts, without), key=lambda path: path.name):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def imported(scripts: Iterable, without: Iterable[str] = ()) -> set[Path]:
    """The given files and those of this project that they import, directly or not."""
    found, waiting, without = set(), [Path(script) for script in scripts], set(without)
    while waiting:
        path = waiting.pop()
        if path not in found and path.stem not in without:
            found.add(path)
            waiting.extend(_direct_imports(path))
    return found


@cache
def _direct_imports(path: Path) -> tuple[Path, ...]:
    found = []
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = f"{PACKAGE.name}.{node.module or ''}".strip(".") if node.level else node.module
            modules = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            package, _, name = module.rpartition(".")
            if module == PACKAGE.name:
                candidate = PACKAGE / "__init__.py"
            else:
                candidate = (PACKAGE if package == PACKAGE.name else path.parent) / f"{name}.py"
            if package in ("", PACKAGE.name) and candidate.exists():
                found.append(candidate)
    return tuple(found)
