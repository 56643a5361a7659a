"""Run the worked examples.

    python docs/examples/execute.py                        in place, with their full sizes: what the site shows
    python docs/examples/execute.py --small                as the tests do: small sizes, nothing is written
    python docs/examples/execute.py teacher-student        one of them

It runs in the environment of `make notebooks-environment`. Each notebook has a folder of its own to work in, which is removed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

EXAMPLES = Path(__file__).parent
# Values of the cell tagged "parameters", with which a notebook takes seconds once the kernels are compiled.
SMALL = {
    "adam-diabetes": {"seeds": 2, "steps": 200, "every": 100},
    "teacher-student": {"seeds": 2, "widths": (4, 5)},
    "toy": {"flow_time": 1e12},
}
CELL_SECONDS = 3600


def execute(path: Path, values: dict) -> nbformat.NotebookNode:
    """The notebook with its outputs.  CellExecutionError where a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    for number, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", []):
            given = nbformat.v4.new_code_cell("\n".join(f"{name} = {value!r}" for name, value in values.items()), id="given")
            notebook.cells.insert(number + 1, given)
            break
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=CELL_SECONDS, record_timing=False, resources={"metadata": {"path": folder}})
        client.execute()
    notebook.cells = [cell for cell in notebook.cells if cell.id != "given"]
    notebook.metadata["language_info"] = {"name": "python"}  # and not the version of whoever ran it last
    return notebook


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--small", action="store_true", help="small sizes, nothing written")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = str(EXAMPLES.parents[1] / "workflow")
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    # Compiled before, the kernels have nothing to say in a notebook.
    subprocess.run([sys.executable, "-c", "from flatchannels.dynamics.training import compile_kernels; compile_kernels()"], check=True)
    for name in given.names or sorted(SMALL):
        path = EXAMPLES / f"{name}.ipynb"
        try:
            notebook = execute(path, SMALL[name] if given.small else {})
        except CellExecutionError as error:
            sys.exit(f"{path}: {error}")
        if not given.small:
            nbformat.write(notebook, path)
        print(f"{name}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells ran", flush=True)


if __name__ == "__main__":
    main()
