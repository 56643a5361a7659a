"""What the Snakefile takes from inside Snakemake, all of it: attributes that no document promises.

Another version of Snakemake may name them otherwise. tests/pipeline/test_snakemake_internals.py fails then, and this is the place
to change. (Public, and used elsewhere: `config`, `logger`, `workflow.basedir` and its like, `update_config`, `WorkflowError`.)
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from snakemake.logging import DefaultFilter, logger
from snakemake.settings.enums import Quietness
from snakemake.settings.types import DeploymentMethod
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:  # by itself it cannot be imported before the rest of snakemake
    from snakemake.workflow import Workflow

JOBS_ABOVE = "(check individual jobs above for details)"  # in what a dry run says last


def is_main_process(workflow: Workflow) -> bool:
    """Whether this is the snakemake that the user called, not one that parses the Snakefile again for a job.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    bool
    """
    return workflow.is_main_process


def configuration_is_given(workflow: Workflow) -> bool:
    """Whether the user named a configuration: with `--configfile`, or `config:` in a `module`.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    bool
    """
    return workflow.modifier.skip_configfile or bool(workflow.overwrite_configfiles)


def configuration_of_a_module(workflow: Workflow) -> bool:
    """Whether another workflow hands over the configuration, with `config:` in a `module`.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    bool
    """
    return workflow.modifier.skip_configfile


def configuration_files(workflow: Workflow) -> list[str]:
    """The files that the configuration comes from.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    list of str
    """
    return [str(path) for path in workflow.configfiles]


def configuration_on_the_command_line(workflow: Workflow) -> dict:
    """What `--config` gave.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    dict
    """
    return workflow.config_settings.config or {}


def folder(workflow: Workflow, name: str) -> str:
    """What `pathvars:` says, or whoever uses the pipeline as a module.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    name : str

    Returns
    -------
    str
    """
    return workflow.pathvars.get(name)


def makes_conda_environments(workflow: Workflow) -> bool:
    """Whether rules get the conda environments that they name (`--sdm conda`).

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    bool
    """
    return DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def make_again(workflow: Workflow, outputs: Iterable[str]) -> None:
    """As `--forcerun` does, for some outputs. While the Snakefile is parsed its settings are not there yet, hence the detour.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    outputs : iterable of str
    """
    prepare, again = workflow._prepare_dag, set(outputs)

    def prepare_and_force(*arguments: Any, **named: Any) -> Any:
        workflow.dag_settings.forcerun = {*workflow.dag_settings.forcerun, *again}
        return prepare(*arguments, **named)

    workflow._prepare_dag = prepare_and_force


def look_once_per_timespan() -> None:
    """One look for jobs to start in each span of `--max-jobs-per-timespan`, by default a second.

    While jobs wait, each look orders the next one, and each end of a job makes one more look, which does so too: after 500 jobs the
    scheduler of snakemake 9.27 looks 500 times a second, and takes a whole core. Here none is ordered while one is due.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler  # by itself it cannot be imported before the rest of snakemake

    def order(scheduler: Any, delay: float) -> None:
        if getattr(scheduler, "look_is_due", False):
            return
        scheduler.look_is_due = True

        def look() -> None:
            scheduler.look_is_due = False
            scheduler._open_jobs.release()

        threading.Timer(delay, look).start()

    JobScheduler._schedule_reevalutation = order


def planned_jobs(workflow: Workflow) -> list[tuple[int, str, tuple[str, ...]]]:
    """The jobs of this call. Only where the plan is made: in `onstart` and later.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow

    Returns
    -------
    list of (number, rule, outputs)
    """
    return [(job.jobid, job.rule.name, tuple(map(str, job.output))) for job in workflow.dag.needrun_jobs()]


def console() -> list[logging.Handler]:
    """Where messages are shown; the log file is not among them.

    Returns
    -------
    list[logging.Handler]
    """
    return [handler for handler in logger.handlers if not isinstance(handler, logging.FileHandler)]


def consoles_of_a_short_dry_run() -> list[logging.Handler]:
    """Where a dry run shows its plan, unless the user asked for all of it: with `--printshellcmds` or `--verbose`.

    Returns
    -------
    list[logging.Handler]
    """
    found = []
    for handler in console():
        settings = [part for part in handler.filters if isinstance(part, DefaultFilter)]
        if any(part.dryrun and not (part.printshellcmds or part.verbose) for part in settings):
            found.append(handler)
    return found


def tell(text: str) -> None:
    """A text on the console and in the log.

    Parameters
    ----------
    text : str
    """
    logger.info(text)


def say(line: str) -> None:
    """A line about progress, which `--quiet progress` takes away.

    Parameters
    ----------
    line : str
    """
    logger.info(line, extra={"quietness": Quietness.PROGRESS})


def event_of(record: logging.LogRecord) -> str:
    """What a message is about, such as "job_info"; "" where it does not say.

    Parameters
    ----------
    record : logging.LogRecord

    Returns
    -------
    str
    """
    event = getattr(record, "event", None)
    return event.value if isinstance(event, LogEvent) else ""


def job_of(record: logging.LogRecord) -> int | None:
    """The number of the job that a message is about.

    Parameters
    ----------
    record : logging.LogRecord

    Returns
    -------
    int or None
    """
    found: Any = getattr(record, "jobid", getattr(record, "job_id", None))
    return found
