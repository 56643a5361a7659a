"""More initialisations for published results: python -m flatchannels.pipeline.growth, or `make grow`.

`plan` writes the configuration of further seeds of the sweep that `figures.channels` names. Once their tables are made, `join` adds
their rows to the published ones and makes the tables that are counted from these anew. Figure 5 follows one of the further channels where
that is the one to show of all. The published runs are not made again, and neither are saddle lines and the toy.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flatchannels.pipeline import config, expansion, publication, published, sweep_summary
from flatchannels.reasons import Stop
from flatchannels.reporting import channel_shares
from flatchannels.reporting.routes import channel_of_figure_5
from flatchannels.storage import atomic, table_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas import channels
from flatchannels.storage.schemas.columns import PROTOCOL_COLUMNS, Schema
from flatchannels.storage.schemas.infinity import JUMPED_NETWORK, JUMPS, ROUTES
from flatchannels.storage.schemas.runs import ENDS
from flatchannels.storage.schemas.saddles import CHANNEL_UPDATES

OF_SINGLE_RUNS = [channels.CHANNEL_RUNS, channels.CHANNELS, channels.CHANNEL_SPECTRA, CHANNEL_UPDATES, ROUTES, ENDS]  # a row is of one run
CHANGED = [*OF_SINGLE_RUNS, channels.CHANNEL_SHARES, channels.CHANNEL_LAYERS, JUMPS]
OF_A_NETWORK = ["sweep", "dataset", "setting", "family", "dimension", "activation", "widths", "bias", *PROTOCOL_COLUMNS]


def plan(configuration: Mapping[str, Any], more: int) -> dict[str, Any]:
    """The configuration of the seeds that follow those of a configuration.

    Parameters
    ----------
    configuration : mapping
        Validated, of published results.
    more : int
        How many seeds, of every network.

    Returns
    -------
    dict
        Validated, with the one sweep that `figures.channels` names, and a folder of results of its own, which holds no other seeds.

    Raises
    ------
    ConfigError
        There is no such sweep, or no seed is asked for.
    """
    sweep = configuration["figures"]["channels"]
    if sweep not in configuration["sweeps"]:
        raise config.ConfigError(f"figures.channels is {sweep}, which is none of the published sweeps; only that one can grow")
    further = {key: value for key, value in copy.deepcopy(dict(configuration)).items() if key not in ("saddles", "results_dir")}
    further["sweeps"] = {sweep: further["sweeps"][sweep]}
    for entry in further["sweeps"][sweep]["entries"]:
        entry |= {"first_seed": entry["first_seed"] + entry["seeds"], "seeds": more}
    first = further["sweeps"][sweep]["entries"][0]["first_seed"]
    further["results_dir"] = f"{config.RESULTS}/{further['preset']}-from-seed-{first}"
    return config.validate(further, "--more")


def join(folder: Path, configuration: Mapping[str, Any]) -> dict[str, int]:
    """Add the tables of further seeds to a folder of published results.

    Parameters
    ----------
    folder : Path
        With published results; nothing in it changes before all is read.
    configuration : mapping
        Validated, of `plan`; its `results_dir` has the tables.

    Returns
    -------
    dict
        Sweep → how many runs it has now.

    Raises
    ------
    ConfigError
        The seeds do not follow the published ones, or the folder is not as it was published: `join` was interrupted, say.
    RecordError
        A table is missing or cannot be used, or has other runs than the configuration.
    """
    if changes := publication.changed(folder):
        raise config.ConfigError(f"{folder} is not as it was published: {', '.join(changes)}; put back what was there, and join again")
    before = published.configuration(str(folder), None, ())
    (sweep,) = configuration["sweeps"]
    more = configuration["sweeps"][sweep]["entries"][0]["seeds"]
    if plan(before, more)["sweeps"] != configuration["sweeps"]:
        raise config.ConfigError(f"the seeds of {sweep} do not follow those in {folder}, or are of other networks: plan them anew")
    results = Path(configuration["results_dir"])
    tables = {schema.name: _joined(folder, results, schema) for schema in OF_SINGLE_RUNS}
    tables = {schema.name: _in_order(tables[schema.name], tables["ends"], schema) for schema in OF_SINGLE_RUNS}
    asked = sum(block.runs for source in (before, configuration) for block in expansion.blocks(dict(source)))
    if len(tables["ends"]) != asked:
        place = results / "statistics" / "ends.parquet"
        raise RecordError(place, f"makes {len(tables['ends'])} runs with those in {folder}; the configurations ask for {asked}")
    runs, routes = tables["channel_runs"], tables["routes"]
    tables["routes"] = routes.assign(runs=_runs_of_networks(runs, routes))
    tables |= {"channel_shares": channel_shares.channel_shares(runs), "channel_layers": channel_shares.layer_shares(runs)}
    tables["jumps"] = channel_shown(routes, *(table_files.read_table(place / _file(JUMPS), JUMPS) for place in (folder, results)))
    records = [str(results / block.record) for block in expansion.blocks(dict(configuration))]
    origin = _grown_origin(folder, publication.origin(configuration, records))
    costs = (folder / publication.COSTS_FILE).read_text(encoding="utf-8")
    costs += f"\n\nAdded: {more} further seeds of every network of the sweep {sweep}\n\n{sweep_summary.describe(results)}"

    for schema in CHANGED:
        table_files.write_table(folder / _file(schema), schema, tables[schema.name])
    atomic.write_text(folder / publication.COSTS_FILE, costs)
    for ours, theirs in zip(before["sweeps"][sweep]["entries"], configuration["sweeps"][sweep]["entries"], strict=True):
        ours["seeds"] += theirs["seeds"]
    publication.write_configuration(folder, before)
    for name in [publication.COSTS_FILE, *map(_file, CHANGED)]:
        origin["files"][name] = publication.told_of(folder / name)
    publication.write_origin(folder, origin)
    return origin["runs"]


def channel_shown(routes: pd.DataFrame, published: pd.DataFrame, further: pd.DataFrame) -> pd.DataFrame:
    """The table of jumps for Figure 5, of the two channels that were followed.

    Parameters
    ----------
    routes : DataFrame
        The table of routes of all runs.
    published, further : DataFrame
        Tables of jumps, which may be empty.

    Returns
    -------
    DataFrame
        That of the two whose channel comes first (`channel_of_figure_5`).
    """
    run = list(JUMPED_NETWORK)
    chosen = channel_of_figure_5(routes.merge(pd.concat([published, further])[run].drop_duplicates(), on=run))
    return further if chosen is not None and len(further) and (further.iloc[0][run] == chosen[run]).all() else published


def _file(schema: Schema) -> str:
    """Where a table stands, below a folder of results or of what is published of them."""
    return f"statistics/{schema.name}.parquet"


def _joined(folder: Path, results: Path, schema: Schema) -> pd.DataFrame:
    """The rows of both, one table after the other."""
    return pd.concat([table_files.read_table(place / _file(schema), schema) for place in (folder, results)], ignore_index=True)


def _in_order(table: pd.DataFrame, ends: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """A table with its networks in the order in which they stand among all runs, and the seeds of each in theirs."""
    keys = [key for key in OF_A_NETWORK if key in table and key in ends]
    networks = ends[keys].drop_duplicates()
    networks["network"] = range(len(networks))
    ordered = table.merge(networks, on=keys).sort_values(["network", "seed"], kind="stable")
    return table_files.typed_table(schema, ordered.drop(columns="network").reset_index(drop=True))


def _runs_of_networks(runs: pd.DataFrame, routes: pd.DataFrame) -> pd.Series:
    """How many runs of the network of each route did not fail; those of other sweeps keep their number."""
    keys = [key for key in OF_A_NETWORK if key in routes and key in runs]
    sound = runs[runs["stop"] != Stop.FAILED.name].groupby(keys).size().rename("sound").reset_index()
    return routes.merge(sound, on=keys, how="left")["sound"].fillna(routes["runs"]).astype("int64")


def _grown_origin(folder: Path, new: dict[str, Any]) -> dict[str, Any]:
    """The origin of a folder with that of what is added: numbers, software and days of all its runs, and the whole of the new one."""
    told = published.origin(folder)
    told["runs"] = {sweep: count + new["runs"].get(sweep, 0) for sweep, count in told["runs"].items()}
    for key in ("software_of_the_runs", "processors_of_the_runs"):
        told[key] += [each for each in new[key] if each not in told[key]]
    told["runs_made"] = [min(told["runs_made"][0], new["runs_made"][0]), max(told["runs_made"][-1], new["runs_made"][-1])]
    told.setdefault("additions", []).append(new)
    return told


def main() -> None:
    """Plan more seeds for published results, or add them."""
    parser = argparse.ArgumentParser(prog="python -m flatchannels.pipeline.growth", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in [("plan", "write their configuration"), ("join", "add their tables, which must be there")]:
        command = commands.add_parser(name, help=text, description=text.capitalize())
        command.add_argument("folder", help="with published results, such as docs/reproduction")
        command.add_argument("configuration", help="the file, which plan writes and join reads")
        if name == "plan":
            command.add_argument("--more", type=int, default=10, help="seeds of every network (%(default)s)")
    given = parser.parse_args()
    try:
        folder = Path(published.folder(given.folder, Path.cwd()))
        if given.command == "plan":
            planned = plan(published.configuration(str(folder), None, ()), given.more)
            atomic.write_text(given.configuration, publication.as_yaml(planned))
        else:
            counts = join(folder, config.validate(config.load(given.configuration), given.configuration))
            print(f"{given.folder}:", ", ".join(f"{count} runs of {sweep}" for sweep, count in counts.items()))
    except (config.ConfigError, RecordError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
