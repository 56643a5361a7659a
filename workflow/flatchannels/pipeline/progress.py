"""What a call of snakemake says: how far the runs are, in place of several lines for each job, and in the end what it made."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from flatchannels.pipeline import snakemake_internals as internals
from flatchannels.pipeline.expansion import Block

INTERVAL = 10  # shortest time between two lines, s
LINES = 50  # about so many lines for a long set of runs
ROUTINE = {"job_info", "job_finished", "shellcmd"}  # of one job; errors are shown as ever


class Call:
    """One call of snakemake, from the first job to the last."""

    def __init__(self) -> None:
        self.outputs: list[Path] = []  # of all its jobs

    def begin(self, workflow: internals.Workflow, blocks: Mapping[str, Block]) -> None:
        """Report on the jobs of rule `runs` from now on.

        Parameters
        ----------
        workflow : snakemake.workflow.Workflow
        blocks : mapping
            Record path → Block, all that there are.
        """
        jobs = internals.planned_jobs(workflow)
        self.outputs = [Path(path) for _, _, outputs in jobs for path in outputs]
        records = {number: outputs[0] for number, rule, outputs in jobs if rule == "runs"}
        pending = {number: blocks[record] for number, record in records.items()}
        # Not every record that is missing need be asked for: a call may want one figure, or some records by name.
        made = [block for record, block in blocks.items() if record not in records.values() and Path(record).exists()]
        progress = Progress(pending, [*pending.values(), *made])
        for handler in internals.console():  # the log file keeps everything
            handler.addFilter(progress)
        if pending:
            progress.report()

    def end(self) -> None:
        """Show the texts that this call made, and name its figures."""
        for path in self.outputs:
            if path.suffix == ".txt" and path.name != "compiled.txt":
                internals.tell(path.read_text())
        figures = [path for path in self.outputs if path.suffix == ".pdf"]
        if figures:
            internals.tell(f"Figures made: {', '.join(map(str, figures))}, and as .svg and .png")


class Plan(logging.Filter):
    """Takes the jobs, one by one, out of what a dry run says, and leaves their table. `--printshellcmds` or `--verbose` show all."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is shown: `logging.Filter.filter`.

        Parameters
        ----------
        record : logging.LogRecord

        Returns
        -------
        bool
        """
        event = internals.event_of(record)
        self.tables += event == "run_info"
        record.msg = str(record.msg).replace(internals.JOBS_ABOVE, "(each single job: --printshellcmds)")
        return event not in ("job_info", "shellcmd") and not (event == "run_info" and self.tables > 1)


def shorten_dry_runs() -> None:
    """A dry run of thousands of jobs says how many of each rule there are."""
    for handler in internals.consoles_of_a_short_dry_run():
        handler.addFilter(Plan())


class Progress(logging.Filter):
    """Takes the routine messages about the pending jobs out of a log, and puts its own lines there."""

    def __init__(self, pending: Mapping[int, Block], blocks: Iterable[Block]) -> None:
        super().__init__()
        self.pending = dict(pending)  # job number → block
        self.total: Counter[str] = Counter()
        asked = {block.sweep for block in pending.values()}
        for block in blocks:
            if block.sweep in asked:
                self.total[block.sweep] += block.runs
        self.done = self.total - self._count()
        self.done_before = self.done.total()
        self.start = self.reported = math.nan  # when the first of the pending jobs started, and when the last line was due

    def _count(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for block in self.pending.values():
            counts[block.sweep] += block.runs
        return counts

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is shown: `logging.Filter.filter`.

        Parameters
        ----------
        record : logging.LogRecord

        Returns
        -------
        bool
        """
        event = internals.event_of(record)
        if event == "job_started" or record.msg == "Select jobs to execute...":
            return False
        if event == "progress":
            return not self.pending
        job = internals.job_of(record)
        if event not in ROUTINE or job not in self.pending:
            return True
        if math.isnan(self.start):
            self.start = self.reported = time.monotonic()
        if event == "job_finished":
            block = self.pending.pop(job)
            self.done[block.sweep] += block.runs
            now = time.monotonic()
            if not self.pending or now - self.reported > max(INTERVAL, self._expected(now) / LINES):
                self.reported = now
                self.report()
        return False

    def _expected(self, now: float) -> float:
        """How long all the pending runs take, s, from those that are done."""
        new = self.done.total() - self.done_before
        return (now - self.start) * (self.total.total() - self.done_before) / new

    def report(self) -> None:
        """Say how far the sweeps are: levels: 120 of 580 runs done, about 4 min left."""
        line = "; ".join(f"{sweep}: {self.done[sweep]} of {total} runs done" for sweep, total in self.total.items())
        if self.pending and self.done.total() > self.done_before:
            now = time.monotonic()
            line += f", about {duration(self._expected(now) - (now - self.start))} left"
        internals.say(line)


def duration(seconds: float) -> str:
    """A time in words: 40 s, 12 min, 3 h 20 min.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
