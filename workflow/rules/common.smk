# What all rules share. Every job of a cluster parses this again, hence nothing here imports numpy or numba.

import gc
import json
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

WORKFLOW = Path(str(workflow.current_basedir)).resolve().parent  # not `basedir`, which is that of whoever uses this as a module
ROOT = WORKFLOW.parent
sys.path.insert(0, str(WORKFLOW))  # this checkout's package, whether or not one is installed

from flatchannels import names
from flatchannels.pipeline import config as settings, environment, expansion, progress, published, snakemake_internals as internals, sources

# For this process alone, snakemake. A plan is made of many objects that all stay: to look through them for garbage again and
# again takes a tenth of the time and more.
gc.freeze()
gc.set_threshold(100_000, 50, 50)
if internals.is_main_process(workflow):
    internals.look_once_per_timespan()

# Jobs find the same interpreter, package and scripts, and run on one core each.
os.environ.update(environment.of_jobs(WORKFLOW, os.environ))


def default_configfile():
    """config/config.yaml where the pipeline runs, or else the one of this checkout."""
    path = Path("config/config.yaml")
    path = path if path.exists() else ROOT / path
    or_stop(settings.load, path)
    return str(path)


def tables_given(config):
    """The folder of published tables to draw from, without runs; None where the runs are to be made."""
    return or_stop(published.folder, str(config[published.SWITCH]), ROOT) if published.SWITCH in config else None


def checked(config):
    """The configuration with its defaults filled in; that of the published tables, where figures are drawn from such."""
    if PUBLISHED:
        more = internals.configuration_on_the_command_line(workflow)
        return or_stop(published.configuration, PUBLISHED, config.get("results_dir"), more)
    if internals.configuration_of_a_module(workflow):
        return or_stop(settings.validate, config, "config: of the module")
    files = [os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path for path in internals.configuration_files(workflow)]
    for path in files:
        or_stop(settings.load, path)  # snakemake lets a key stand twice
    more = internals.configuration_on_the_command_line(workflow)
    update_config(config, settings.typed(more))
    return or_stop(settings.validate, config, ", ".join(files) + (" or --config" if more else ""))


def or_stop(function, *arguments):
    """What the function returns; a mistake in the configuration ends snakemake, without more lines than its own."""
    try:
        return function(*arguments)
    except settings.ConfigError as error:
        logger.error(str(error))
        sys.exit(1)


def code(script, activation=None):
    """Fingerprint of a script and of all that it imports: an edit reruns what depends on it, and nothing else."""
    return sources.fingerprint([WORKFLOW / "scripts" / script], activation)


def asked(wildcards, output):
    """By what a job's inputs must have been made. It takes `output`, so that a change of it alone reruns nothing."""
    return settings.origin(config)


def run_job(wildcards):
    """What runs.py is to do for a record, in JSON. It must not take `output`: snakemake ignores changes in such parameters."""
    record = f"{RESULTS}/{names.RECORD}".format(**wildcards)
    if record not in BLOCKS:
        raise WorkflowError(f"no sweep of the configuration asks for {record}")
    job = expansion.run_job(config, BLOCKS[record])
    if CONTINUE:
        job["training"] |= continuation.limits_kept(record, job["training"])
    return json.dumps(job)


def is_softplus_with_one_layer(block):
    """What the jump procedure of Figure 5 is for."""
    return block.activation == "softplus" and len(block.widths) == 1 and block.bias


def growing(amount):
    """A resource of which a job gets more at each attempt."""
    return lambda wildcards, attempt: amount * attempt


def records_of(sweep):
    """The records of a sweep; none where the configuration does not have it, or its datasets cannot be made."""
    return [record for record, block in BLOCKS.items() if block.sweep == sweep]


def records_shown(figures):
    """The records of the sweep that some of the paper's figures show; where it has several protocols, those of the first."""
    records = records_of(config["figures"][figures])
    return [record for record in records if BLOCKS[record].protocol == BLOCKS[records[0]].protocol]


def datasets_of(records):
    """The datasets of some records."""
    return sorted({f"<results>/datasets/{BLOCKS[record].dataset}.npz" for record in records})


class Figure(NamedTuple):
    """A figure, for the table in figures.smk."""

    name: str  # of its rule and its files
    title: str  # what it shows
    script: str  # in workflow/scripts/figures
    inputs: dict[str, str | list[str]]  # name in the script → tables and products below the folder of results
    sweep: str | None = None  # the key of `figures` in the configuration that names the sweep that it shows
    params: dict = {}  # more for the script


def nothing_to_show(figure):
    """Why a figure has nothing to show, "" if it has: then its rule has no inputs, and it says so."""
    if figure.sweep is None or records_shown(figure.sweep):
        return ""
    sweep = config["figures"][figure.sweep]
    return f"the datasets of the sweep {sweep} cannot be made" if sweep in config["sweeps"] else f"the configuration has no sweep {sweep}"


def some(tables, *names):
    """Those tables that have the given names."""
    return {name: tables[name] for name in names}


def figure_inputs(figure):
    """Name → paths."""
    if nothing_to_show(figure):
        return {}
    below = f"{TABLES}/{{}}".format
    return {name: below(paths) if isinstance(paths, str) else list(map(below, paths)) for name, paths in figure.inputs.items()}


def figure_script(figure):
    """Its own, or the one that says that there is nothing to show."""
    return "nothing.py" if nothing_to_show(figure) else figure.script


def figure_title(figure):
    """Figure 2: solutions and loss levels without biases"""
    return f"Figure {figure.name.removeprefix('fig')}: {figure.title}"


def figure_files(figure):
    """The files of a figure: PDF, PNG, and SVG, which is what the report shows."""
    path = f"<results>/figures/{figure.name}"
    shown = report(
        f"{path}.svg",
        caption=f"../report/{figure.name}.rst",
        category="Figures",
        subcategory=figure_section(figure.name),
        labels={"figure": figure.name.removeprefix("fig"), "shows": figure.title},
    )
    return [shown, f"{path}.pdf", f"{path}.png"]


def figure_section(name):
    """Where the paper has a figure."""
    return {"A": "Appendix A", "B": "Appendix B", "R": "Not in the paper", "S": "Not in the paper"}.get(name[3], "Main text")


def one_of(names):
    """A wildcard constraint: one of some names."""
    return "|".join(map(re.escape, sorted(names))) or "none"
