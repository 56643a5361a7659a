"""Work for several processes: results as they come, and all processes ended where somebody interrupts.

Each process has a pipe of its own. So one can be killed at any moment, in the middle of a message too: the executors of the standard
library share a queue, for whose rest they would then wait for ever.
"""

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from numbers import Integral
from threading import Thread
from typing import Any, TypeVar

from flatchannels.runs.interruptions import ENDING, interruptions_held

Job = TypeVar("Job")
Result = TypeVar("Result")

BROKEN = (
    "a process has ended before its work: it was killed, perhaps for want of memory, or it could not start. A script that uses several "
    'processes needs `if __name__ == "__main__":` around what it does, and a file of its own; a notebook does not'
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ProcessDied(RuntimeError):
    """A process has ended before its work."""


def results(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, prepare: Callable[[], object] | None = None
) -> Iterator[Result]:
    """What a function returns for each job, in the order in which they are done.

    Processes are started anew (spawn), with one thread each. Whatever ends the iteration early (an interruption, an error, a caller that
    stops) ends them too, in the middle of what they do, and so does the end of this process, however it comes.

    Parameters
    ----------
    function
        Of a module, so that a new process finds it.
    jobs
        What it is called with, one after the other.
    workers
        Processes; with 1, or one job, all happens in this one.
    prepare
        Called once in this process, then in each that is started, before its first job: it fills a cache, and loads what is in it.

    Yields
    ------
    Result

    Raises
    ------
    ValueError
        Workers are no integer, or fewer than one.
    ProcessDied
        A process has died, or could not start since the script that asked for it would start itself again.
    Exception
        What the function raised, with a note of where.
    """
    if isinstance(workers, bool) or not isinstance(workers, Integral) or workers < 1:
        raise ValueError(f"workers is {workers!r}; it must be an integer of at least 1")
    if prepare and jobs:
        prepare()
    if workers == 1 or len(jobs) < 2:
        yield from map(function, jobs)
        return
    started: dict[Connection, BaseProcess] = {}
    try:
        with interruptions_held():
            for _ in range(min(workers, len(jobs))):
                pipe, process = _start(function, prepare)
                started[pipe] = process
        yield from _answers(list(started), jobs)
    finally:
        for process in started.values():
            process.kill()
        for pipe, process in started.items():
            process.join()
            pipe.close()


def _answers(pipes: Sequence[Connection], jobs: Sequence[Any]) -> Iterator[Any]:
    """What processes answer, each of which gets another job when it is ready for one."""
    waiting, done = iter(jobs), 0
    try:
        while done < len(jobs):
            for pipe in wait(pipes):
                assert isinstance(pipe, Connection)
                answer = pipe.recv()
                for job in islice(waiting, 1):
                    pipe.send(job)
                if answer is not None:  # as it is of one that has just started
                    result, error = answer
                    if error:
                        raise error
                    done += 1
                    yield result
    except (EOFError, ConnectionError):
        raise ProcessDied(BROKEN) from None


def _start(function: Callable[[Any], Any], prepare: Callable[[], object] | None) -> tuple[Connection, BaseProcess]:
    """A process that works, and our end of its pipe."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with _signals_blocked():
        resource_tracker.ensure_running()  # the first process starts it, and unblocks the signals then
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")
    try:
        with _signals_blocked():
            process = context.Process(target=_work, args=(function, prepare, theirs), daemon=True)
            process.start()
    finally:
        for name, value in before.items():
            _set(name, value)
    theirs.close()  # so that its death is the end of what comes
    return ours, process


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that is started within it blocks the signals by which people and batch systems end this one, from its first moment.

    Such signals reach all processes of a terminal or a job; the one that was asked for the work answers them, and ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *ENDING})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(function: Callable[[Any], Any], prepare: Callable[[], object] | None, pipe: Connection) -> None:
    """A process: says that it is ready, then answers jobs with (result, error) until nobody sends any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_parent, daemon=True).start()
    if prepare:
        prepare()
    pipe.send(None)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((function(job), None))
        except Exception as error:  # of the function, or a result that cannot be sent, of which nothing was sent then
            error.add_note(f"in another process: {traceback.format_exc()}")
            pipe.send((None, error))


def _end_with_the_parent() -> None:
    """A parent that is killed can end nobody."""
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
