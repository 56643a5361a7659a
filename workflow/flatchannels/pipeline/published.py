"""A folder of published results, as `flatchannels.publication.export` writes it, in place of the tables of one's own runs.

`snakemake fig4 --config from_tables=FOLDER` draws from it alone: the configuration in the folder takes the place of all keys but
`results_dir`. The Snakefile imports this module each time that it is parsed.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from flatchannels.pipeline import config as settings

SWITCH = "from_tables"
CONFIGURATION_FILE = "config.yaml"  # in the folder
ORIGIN_FILE = "origin.json"  # in the folder: how it came about
OWN_KEYS = {SWITCH, "results_dir"}  # of the one who draws from it
DRAWN_RESULTS = f"{settings.RESULTS}/{SWITCH}"  # where the figures go by default


def folder(name: str, checkout: Path) -> str:
    """The folder of that name, from where the pipeline runs or else in the checkout.

    Parameters
    ----------
    name : str
    checkout : Path

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        There is none, nothing was published in it, or its origin is damaged.
    """
    place = next((path for path in (Path(name), checkout / name) if path.is_dir()), None)
    if place is None:
        raise settings.ConfigError(f"{SWITCH} is {name}; there is no such folder (docs/reproduction has the published tables)")
    for file in (CONFIGURATION_FILE, ORIGIN_FILE):
        if not (place / file).exists():
            raise settings.ConfigError(f"{SWITCH} is {name}; that folder has no {file}, so nothing was published in it (`make publish`)")
    origin(place)
    return str(place)


def configuration(place: str, results: str | None, given: Collection[str]) -> dict[str, Any]:
    """The configuration by which published results were made, validated, with the folder where figures go.

    Parameters
    ----------
    place : str
        The folder.
    results : str or None
        `results_dir`, if it was given.
    given : collection of str
        The keys of the command line.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        Keys that have no effect here, or a damaged configuration.
    """
    idle = sorted(set(given) - OWN_KEYS)
    if idle:
        raise settings.ConfigError(f"{', '.join(idle)}: has no effect with {SWITCH}, beside which only results_dir counts (--config)")
    path = f"{place}/{CONFIGURATION_FILE}"
    return settings.validate(settings.load(path) | {"results_dir": results or DRAWN_RESULTS}, path)


def left_out(place: str) -> set[str]:
    """Datasets whose runs are not among the published ones, because they could not be drawn.

    Parameters
    ----------
    place : str
        The folder.

    Returns
    -------
    set of str
    """
    return set(origin(Path(place))["left_out"])


def origin(folder: Path) -> dict[str, Any]:
    """What a folder of published results says of where they come from.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        The file is missing, or damaged.
    """
    path = folder / ORIGIN_FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise settings.ConfigError(f"{path} cannot be read: {error}; put back the file that was published") from None
    if not isinstance(told, dict) or not {"files", "left_out", "runs"} <= told.keys():
        raise settings.ConfigError(f"{path} does not say what was published; put back the file that was published")
    return told
