"""A name in capitals has one value in the whole package."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "workflow" / "flatchannels"


def assigned(path):
    """(name, expression) of all that a module assigns at its top level, tuples taken apart."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) and node.value else []
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from ((name.id, value) for name, value in zip(target.elts, node.value.elts))


def clashes(folder):
    """Name → {expression: files}, of every constant that modules give different values."""
    found = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.rglob("*.py")):
        for name, value in assigned(path):
            if name.isupper():
                found[name][ast.unparse(value)].append(path.relative_to(folder).as_posix())
    return {name: dict(values) for name, values in found.items() if len(values) > 1}


def test_no_two_modules_give_a_constant_different_values():
    assert clashes(PACKAGE) == {}


def test_a_constant_with_two_values_is_found(tmp_path):
    (tmp_path / "a.py").write_text("SAME = 1\nPARALLEL, FAR = 1e-3, 2\n")
    (tmp_path / "b.py").write_text("SAME = 1\nPARALLEL: float = 0.9\n")
    assert clashes(tmp_path) == {"PARALLEL": {"0.001": ["a.py"], "0.9": ["b.py"]}}
