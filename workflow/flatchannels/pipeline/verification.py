"""Makes a random sample of published runs afresh: python -m flatchannels.pipeline.verification FOLDER, or `make verify`.

Each run starts from its dataset, drawn anew, and its initial point. Compared are loss, stop reason and, at the norm wall, the route.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flatchannels.data import gaussian_process
from flatchannels.pipeline import config as settings
from flatchannels.pipeline import environment, expansion, places, publication, published, sources
from flatchannels.reasons import Stop
from flatchannels.reporting.identity import place_columns
from flatchannels.storage import run_records, table_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.columns import PROTOCOL_COLUMNS
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.storage.schemas.runs import ENDS

LOSS_TOLERANCE = 1e-9  # relative difference of two losses that are the same
NETWORK_KEY = ["sweep", "dataset", "activation", "widths", "bias", *PROTOCOL_COLUMNS]  # of a network on its dataset
RUN_KEY = [*NETWORK_KEY, "seed"]  # of a run
NO_ROUTE = ""  # of a run within the wall
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """A published run beside the one made afresh.

    Parameters
    ----------
    name : str
        Of the run.
    loss, stop, route : bool
        Whether they agree.
    difference : float
        |L' − L| / L of the losses, 0 for two exact fits.
    wall : bool
        Whether the published run rests at the norm wall, so that it has a route.
    told : str
        Both, in words.
    """

    name: str
    loss: bool
    stop: bool
    route: bool
    difference: float
    wall: bool
    told: str

    @property
    def agrees(self) -> bool:
        """Whether loss, stop and route are all the same."""
        return self.loss and self.stop and self.route


def repeatable(ends: pd.DataFrame, drawn: Iterable[str]) -> pd.DataFrame:
    """The rows of runs that can be made afresh here.

    A run that its time limit ended depends on the speed of the machine. Others need a dataset that cannot be drawn.

    Parameters
    ----------
    ends : DataFrame
        Table of ends.
    drawn : iterable of str
        The datasets that can be made here.

    Returns
    -------
    DataFrame
    """
    return ends[(ends["stop"] != Stop.TIME_LIMIT.name) & ends["dataset"].isin(set(drawn))]


def picked(ends: pd.DataFrame, runs: int, seed: int) -> pd.DataFrame:
    """A random sample of some rows, without repetition; all rows where there are no more. Equal seeds pick equal rows.

    Parameters
    ----------
    ends : DataFrame
        The table of ends.
    runs : int
        How many.
    seed : int

    Returns
    -------
    DataFrame
    """
    rows = np.random.default_rng(seed).choice(len(ends), size=min(runs, len(ends)), replace=False)
    return ends.iloc[np.sort(rows)]


def compare(name: str, row: Mapping[str, Any], fresh: Mapping[str, Any], route: str, fresh_route: str) -> Comparison:
    """A published run against the one made afresh.

    Parameters
    ----------
    name : str
        Of the run, for people.
    row, fresh : mapping
        Of the table of ends.
    route, fresh_route : str
        "pair, certified", NO_ROUTE within the wall.

    Returns
    -------
    Comparison
    """
    both_exact = row["stop"] == fresh["stop"] == Stop.EXACT.name
    both_failed = row["stop"] == fresh["stop"] == Stop.FAILED.name
    gap = abs(fresh["loss"] - row["loss"])
    difference = 0.0 if both_exact or both_failed or gap == 0 else float(gap / abs(row["loss"])) if row["loss"] else np.inf
    told = "; ".join(
        f"{each['stop']} with loss {each['loss']:.15g}" + (f", {way}" if way else "") for each, way in [(row, route), (fresh, fresh_route)]
    )
    return Comparison(
        name,
        loss=bool(difference <= LOSS_TOLERANCE), stop=row["stop"] == fresh["stop"], route=route == fresh_route, difference=difference,
        wall=bool(route), told=told,
    )  # fmt: skip


def summary(compared: list[Comparison]) -> str:
    """How many agree, in what, and those that do not, one a line.

    Parameters
    ----------
    compared : list of Comparison

    Returns
    -------
    str
    """
    walls = [each for each in compared if each.wall]
    lines = [
        f"{sum(each.agrees for each in compared)} of {len(compared)} runs agree in everything: "
        f"loss {sum(each.loss for each in compared)} (to {LOSS_TOLERANCE:g}; largest difference of these "
        f"{max((each.difference for each in compared if each.loss), default=0):.1g}), stop reason {sum(each.stop for each in compared)}, "
        f"route {sum(each.route for each in walls)} of {len(walls)} at the norm wall"
    ]
    return "\n".join(lines + [f"differs: {each.name}: {each.told}" for each in compared if not each.agrees])


# --------------------------------------------------------------------------------------------------- making runs afresh


class Workshop:
    """A temporary folder in which datasets and runs are made, by the scripts of the workflow."""

    def __init__(self, place: Path, configuration: Mapping[str, Any]) -> None:
        self.place, self.configuration = place, dict(configuration)
        self.scripts = places.home() / "workflow" / "scripts"
        self.environment = os.environ | environment.of_jobs(places.home() / "workflow", os.environ)
        kernels = sources.fingerprint([self.scripts / "compile.py"])
        self.environment["NUMBA_CACHE_DIR"] = os.path.abspath(f"{settings.RESULTS}/{environment.KERNEL_CACHE}/{kernels}")
        self.datasets = expansion.datasets(self.configuration)
        self.blocks = {self.key(self._columns(block)): block for block in expansion.blocks(self.configuration)}

    def _columns(self, block: expansion.Block) -> dict[str, Any]:
        """What tables say of the runs of a block."""
        return place_columns(vars(block) | {"inputs": block.dimension, "training": self.configuration["training"]})

    @staticmethod
    def key(row: Mapping[str, Any]) -> tuple:
        """By which the network of a row is known.

        Parameters
        ----------
        row : mapping
            Of the table of ends.

        Returns
        -------
        tuple
        """
        return tuple(row[name] for name in NETWORK_KEY)

    def call(self, script: str, *words: str) -> None:
        """Run a script of the workflow.

        Parameters
        ----------
        script : str
        *words : str
            Its arguments.

        Raises
        ------
        RuntimeError
            It fails; the text is its last line.
        """
        done = subprocess.run([sys.executable, self.scripts / script, *words], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(((done.stderr or done.stdout).strip() or f"{script} failed").splitlines()[-1])

    def compile(self) -> None:
        """Fill the cache of kernels, unless it is full."""
        self.call("compile.py", str(self.place / "compiled.txt"))

    def dataset(self, name: str) -> str:
        """Make a dataset.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
            Its path.
        """
        path = self.place / "datasets" / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        self.call("dataset.py", str(path), json.dumps(self.datasets[name] | {"seed": self.configuration["seed"]}))
        return str(path)

    def run(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Make a run of the table of ends afresh.

        Parameters
        ----------
        row : mapping
            Of the table of ends.

        Returns
        -------
        dict
            What that table says of it.
        str
            Its route.
        """
        block = self.blocks[self.key(row)]
        block = replace(block, first=int(row["seed"]), last=int(row["seed"]))
        record, routes = self.place / block.record, self.place / "routes" / f"{block.record}.parquet"
        for path in (record, routes):
            path.parent.mkdir(parents=True, exist_ok=True)
        job = expansion.run_job(self.configuration, block)
        data = str(self.place / "datasets" / f"{block.dataset}.npz")
        self.call("again.py", data, str(record), str(routes), json.dumps(job), json.dumps(settings.origin(self.configuration)))
        meta, arrays = run_records.read_runs(record, ["loss", "stop"])
        names = {code: name for name, code in meta["stop_codes"].items()}
        table = table_files.read_table(routes, ROUTES)
        return {"loss": float(arrays["loss"][0]), "stop": names[int(arrays["stop"][0])]}, route_name(table)


def route_name(rows: pd.DataFrame) -> str:
    """The route and verdict of the only row, if there is one.

    Parameters
    ----------
    rows : DataFrame

    Returns
    -------
    str
    """
    return f"{rows['route'].iloc[0]}, {rows['verdict'].iloc[0]}" if len(rows) else NO_ROUTE


def verify(folder: Path, runs: int, seed: int, cores: int, say: Progress) -> list[Comparison]:
    """Make a sample of the published runs of a folder afresh, and compare.

    Parameters
    ----------
    folder : Path
    runs : int
        How many.
    seed : int
        Of the sample.
    cores : int
    say : function
        Told of the progress.

    Returns
    -------
    list of Comparison

    Raises
    ------
    ConfigError, RecordError
        The folder is no published one, or damaged.
    RuntimeError
        A dataset or run cannot be made.
    """
    place = published.folder(str(folder), places.home())
    configuration = published.configuration(place, None, ())
    ends = table_files.read_table(f"{place}/statistics/ends.parquet", ENDS)
    routes = table_files.read_table(f"{place}/statistics/routes.parquet", ROUTES)
    datasets = expansion.datasets(configuration)
    draws = {name for name, job in datasets.items() if job["spec"]["target"] == "gaussian-process"}
    can_draw = find_spec("gpytorch") or (places.home() / gaussian_process.ENVIRONMENT).exists()
    pool = repeatable(ends, datasets if can_draw else datasets.keys() - draws)
    if len(pool) < len(ends):
        say(f"{len(ends) - len(pool)} of {len(ends)} runs cannot be picked: their time was up, or they need torch (make gp-environment)")
    rows = [dict(zip(pool.columns, values)) for values in picked(pool, runs, seed).itertuples(index=False, name=None)]
    rows.sort(key=lambda row: -len(row["theta"]))  # long ones first
    say(f"{len(rows)} of {len(pool)} runs picked by seed {seed}; they are made on {cores} cores")
    known = {key: route_name(group) for key, group in routes.groupby(RUN_KEY)}
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(cores) as workers:
        workshop = Workshop(Path(temporary), configuration)
        workshop.compile()
        list(workers.map(workshop.dataset, sorted({row["dataset"] for row in rows})))
        compared = []
        for row, (fresh, route) in zip(rows, workers.map(workshop.run, rows)):
            name = f"{workshop.blocks[workshop.key(row)].folder} seed {row['seed']}"
            compared.append(compare(name, row, fresh, known.get(tuple(row[key] for key in RUN_KEY), NO_ROUTE), route))
            say(f"{len(compared)} of {len(rows)}: {compared[-1].name}: {'agrees' if compared[-1].agrees else 'differs'}")
    return compared


def cores(text: str) -> int:
    """A number of cores; "all" are those of the machine.

    Parameters
    ----------
    text : str

    Returns
    -------
    int
    """
    return (os.cpu_count() or 1) if text == "all" else int(text)


def main() -> None:
    """Make a random sample of published runs afresh, and say how many agree. Exit code 1 where more differ than allowed."""
    parser = argparse.ArgumentParser(prog="python -m flatchannels.pipeline.verification", description=main.__doc__)
    parser.add_argument("folder", nargs="?", default="docs/reproduction", help="with the published tables (%(default)s)")
    parser.add_argument("--runs", type=int, default=50, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the sample: another one picks others (%(default)s)")
    parser.add_argument("--cores", type=cores, default="all", metavar="N", help="runs at a time (%(default)s)")
    parser.add_argument("--allow", type=int, default=0, metavar="N", help="how many may differ (%(default)s)")
    given = parser.parse_args()
    for name, least in [("runs", 1), ("seed", 0), ("cores", 1), ("allow", 0)]:
        if getattr(given, name) < least:
            parser.error(f"--{name} is {getattr(given, name)}; it must be at least {least}")
    begin = time.monotonic()
    try:
        altered = publication.changed(Path(published.folder(given.folder, places.home())))
        compared = verify(Path(given.folder), given.runs, given.seed, given.cores, lambda line: print(line, flush=True))
    except (settings.ConfigError, RecordError, RuntimeError) as error:
        sys.exit(str(error))
    print(summary(compared))
    print(f"published files that are missing or changed: {', '.join(altered) or 'none'}; {time.monotonic() - begin:.0f} s")
    sys.exit(bool(altered) or sum(not each.agrees for each in compared) > given.allow)


if __name__ == "__main__":
    main()
