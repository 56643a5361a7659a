"""Where the files of the workflow lie that are no Python modules: Snakefile, rules, scripts, schema, presets, profiles."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
INSTALLED = ("share", "flatchannels", "Snakefile")  # where `data-files` in pyproject.toml puts the Snakefile
# What a workflow laid out somewhere consists of, besides the package.
FILES = ("Snakefile", "Makefile", "LICENSE", "requirements.lock", "requirements-gp.txt", "workflow/Snakefile")
FOLDERS = ("config", "envs", "profiles", "workflow/rules", "workflow/scripts", "workflow/report", "workflow/schemas")
LEFT_OUT = shutil.ignore_patterns("__pycache__")


def home() -> Path:
    """The folder with Snakefile, workflow, config, envs and profiles: the checkout, or where the wheel put them.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        Neither is there.
    """
    if PACKAGE.parent.name == "workflow" and (PACKAGE.parent / "schemas").is_dir():
        return PACKAGE.parents[1]
    try:
        files = metadata.files("flatchannels") or []
    except metadata.PackageNotFoundError:  # the folder of the package was copied by hand
        files = []
    listed = [Path(str(file.locate())) for file in files if file.parts[-3:] == INSTALLED]
    for file in [*listed, PACKAGE.parent.joinpath(*INSTALLED)]:  # the second is where `pip install --target` puts it
        if file.exists():
            return file.resolve().parent
    raise FileNotFoundError("the files of the workflow were not installed with flatchannels; install it anew, from a wheel or a checkout")


def lay_out(target: Path) -> None:
    """Copy the workflow to a new or empty folder: what a checkout holds, without tests and docs.

    Parameters
    ----------
    target : Path

    Raises
    ------
    FileExistsError
        It is a file, or has something in it.
    ValueError
        It lies in a folder that would be copied.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is there already, and not an empty folder")
    source = home()
    for folder in (*(source / name for name in FOLDERS), PACKAGE):
        if target.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{target} lies in {folder}, which would be copied into itself; give a folder elsewhere")
    (target / "workflow").mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(source / name, target / name)
    for name in FOLDERS:
        shutil.copytree(source / name, target / name, ignore=LEFT_OUT)
    shutil.copytree(PACKAGE, target / "workflow" / "flatchannels", ignore=LEFT_OUT)
