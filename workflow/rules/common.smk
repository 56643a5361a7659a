# What all rules share. Every job of a cluster parses this again, hence nothing here imports numpy or numba.

import gc
import json
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

WORKFLOW = Path(str(workflow.current_basedir)).resolve().parent  # not `basedir`, which is that of whoever uses this as a module
ROOT = WORKFLOW.parent
sys.path.insert(0, str(WORKFLOW))  # this checkout's package, whether or not one is installed

from flatchannels.pipeline import config as settings, progress, snakemake_internals as internals, sources

# For this process alone, snakemake. A plan is made of many objects that all stay: to look through them for garbage again and
# again takes a tenth of the time and more.
gc.freeze()
gc.set_threshold(100_000, 50, 50)

# Jobs find the same interpreter, package and scripts, and run on one core each.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join(filter(None, [str(WORKFLOW), os.environ.get("PYTHONPATH")])),
    SCRIPTS=str(WORKFLOW / "scripts"),
    **dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"], "1"),
)


def default_configfile():
    """config/config.yaml where the pipeline runs, or else the one of this checkout."""
    path = Path("config/config.yaml")
    path = path if path.exists() else ROOT / path
    or_stop(settings.load, path)
    return str(path)


def checked(config):
    """The configuration with its defaults filled in."""
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


def code(*scripts, without=(), activation=None):
    """Fingerprint of some scripts and all that they import: an edit reruns what depends on it, and nothing else.

    Products of simulations leave out `storage`: a format has a version of its own, and is checked when it is read.
    """
    return sources.fingerprint([WORKFLOW / "scripts" / script for script in scripts], without, activation)


def run_job(wildcards):
    """What runs.py is to do for a record, in JSON. It must not take `output`: snakemake ignores changes in such parameters."""
    record = settings.RECORD.format(**wildcards)
    if record not in BLOCKS:
        raise WorkflowError(f"no sweep of the configuration asks for {record}")
    block = BLOCKS[record]
    training = {key: value for key, value in config["training"].items() if key != "continue_unfinished"}
    if CONTINUE:
        training |= continuation.limits_kept(record, training)
    return json.dumps(vars(block) | {"seed": config["seed"], "training": training})


def is_softplus_with_one_layer(block):
    """What the jump procedure of Figure 5 is for."""
    return block.activation == "softplus" and len(block.widths) == 1 and block.bias


def growing(amount):
    """A resource of which a job gets more at each attempt."""
    return lambda wildcards, attempt: amount * attempt


def figure(name):
    """The files of a figure: PDF, PNG, and SVG, which is what the report shows."""
    path = f"results/figures/{name}"
    return [report(f"{path}.svg", caption=f"../report/{name}.rst", category="Figures"), f"{path}.pdf", f"{path}.png"]


def one_of(names):
    """A wildcard constraint: one of some names."""
    return "|".join(map(re.escape, sorted(names))) or "none"
