"""Public functions say in numpydoc sections what they take, return and raise, so that the reference shows it.

What a section holds cannot be tested, but whether each parameter is named, and whether results and errors have a section, can.
"""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "workflow" / "flatchannels"
# Modules in which some functions lack sections. Whoever completes one takes it out.
UNFINISHED = {
    "dynamics/implicit.py",
    "infinity/kernels.py",
    "networks/rows.py",
    "networks/second_derivatives.py",
    "networks/vectors.py",
    "networks/workspace.py",
}
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def sections(docstring):
    """Title → lines of each numpydoc section."""
    found, title = {}, None
    lines = docstring.splitlines()
    for line, following in zip(lines, [*lines[1:], ""]):
        if re.fullmatch(r"-{3,}", following.strip()):
            title = line.strip()
            found[title] = []
        elif title and not re.fullmatch(r"-{3,}", line.strip()):
            found[title].append(line)
    return found


def public_functions(body):
    """The public functions and methods among some statements, but for properties."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
                yield node


def parameters(function):
    """The names of a function's parameters, without self and cls."""
    taken = function.args
    every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *filter(None, [taken.vararg, taken.kwarg])]
    return [argument.arg for argument in every if argument.arg not in ("self", "cls")]


def raised(function):
    """The names of the exceptions that a function raises itself, wherever it does not hand one on."""
    errors = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and node.exc is not None]
    return {ast.unparse(error.func if isinstance(error, ast.Call) else error) for error in errors}


def missing(function):
    """What the docstring of a function does not say."""
    told = sections(ast.get_docstring(function) or "")
    named = {
        name.strip().lstrip("*")
        for line in told.get("Parameters", [])
        if line and not line.startswith(" ")
        for name in line.split(" : ")[0].split(",")
    }
    lacks = [name for name in parameters(function) if name not in named]
    returned = ast.unparse(function.returns) if function.returns else "None"
    context = any("contextmanager" in ast.unparse(decorator) for decorator in function.decorator_list)
    if returned != "None" and not context and not {"Returns", "Yields"} & told.keys():
        lacks.append("Returns")
    if raised(function) and "Raises" not in told:
        lacks.append("Raises")
    return lacks


def unsaid(module):
    """Function → what its docstring lacks, of a module."""
    body = ast.parse((PACKAGE / module).read_text(encoding="utf-8")).body
    return {function.name: lacks for function in public_functions(body) if (lacks := missing(function))}


@pytest.mark.parametrize("module", [module for module in MODULES if module not in UNFINISHED])
def test_public_functions_name_parameters_results_and_errors(module):
    assert unsaid(module) == {}


BARE = '''
def f(a, *b, c=1) -> int:
    """F.

    Parameters
    ----------
    a, b : int
    """
    raise ValueError("no")
'''
WHOLE = BARE.replace("a, b : int", "a, b : int\n    c : int\n\n    Returns\n    -------\n    int\n\n    Raises\n    ------\n    ValueError")


@pytest.mark.parametrize("code, lacks", [(BARE, ["c", "Returns", "Raises"]), (WHOLE, [])])
def test_what_a_docstring_lacks_is_found(code, lacks):
    [function] = ast.parse(code).body
    assert missing(function) == lacks
