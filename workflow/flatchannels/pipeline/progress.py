"""How far the runs are: a line now and then, in place of snakemake's several lines for each job of theirs."""

import logging
import time
from collections import Counter

from flatchannels.pipeline import snakemake_internals as internals

INTERVAL = 10  # shortest time between two lines, s
LINES = 50  # about so many lines for a long set of runs
ROUTINE = {"job_info", "job_finished", "shellcmd"}  # of one job; errors are shown as ever


def follow(workflow, blocks):
    """Report on the jobs of rule `runs` from now on; `blocks`: record path → config.Block, all that there are."""
    pending = {number: blocks[outputs[0]] for number, rule, outputs in internals.planned_jobs(workflow) if rule == "runs"}
    progress = Progress(pending, blocks.values())
    for handler in internals.console():  # the log file keeps everything
        handler.addFilter(progress)
    if pending:
        progress.report()


class Progress(logging.Filter):
    """Takes the routine messages about the pending jobs out of a log, and puts its own lines there."""

    def __init__(self, pending, blocks):
        super().__init__()
        self.pending = dict(pending)  # job number → block
        self.total = Counter()
        asked = {block.sweep for block in pending.values()}
        for block in blocks:
            if block.sweep in asked:
                self.total[block.sweep] += block.runs
        self.done = self.total - self._count()
        self.done_before = self.done.total()
        self.start = self.reported = None  # when the first of the pending jobs started, and when the last line was due

    def _count(self):
        counts = Counter()
        for block in self.pending.values():
            counts[block.sweep] += block.runs
        return counts

    def filter(self, record):
        event = internals.event_of(record)
        if event == "job_started" or record.msg == "Select jobs to execute...":
            return False
        if event == "progress":
            return not self.pending
        job = internals.job_of(record)
        if event not in ROUTINE or job not in self.pending:
            return True
        if self.start is None:
            self.start = self.reported = time.monotonic()
        if event == "job_finished":
            block = self.pending.pop(job)
            self.done[block.sweep] += block.runs
            now = time.monotonic()
            if not self.pending or now - self.reported > max(INTERVAL, self._expected(now) / LINES):
                self.reported = now
                self.report()
        return False

    def _expected(self, now):
        """How long all the pending runs take, s, from those that are done."""
        new = self.done.total() - self.done_before
        return (now - self.start) * (self.total.total() - self.done_before) / new

    def report(self):
        """levels: 120 of 580 runs done, about 4 min left"""
        line = "; ".join(f"{sweep}: {self.done[sweep]} of {total} runs done" for sweep, total in self.total.items())
        if self.pending and self.done.total() > self.done_before:
            now = time.monotonic()
            line += f", about {duration(self._expected(now) - (now - self.start))} left"
        internals.say(line)


def duration(seconds):
    """40 s, 12 min, 3 h 20 min"""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
