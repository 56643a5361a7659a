"""Work for several processes: results as they come, and all processes ended where somebody interrupts."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

BROKEN = (
    "a process has ended before its work: it was killed, perhaps for want of memory, or it could not start. A script that uses several "
    'processes needs `if __name__ == "__main__":` around what it does; a notebook does not'
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def results(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """What a function returns for each job, in the order in which they are done.

    Processes are started anew (spawn), with one thread each. Whatever ends the iteration early (an interruption, an error, a caller that
    stops) ends them too, in the middle of what they do.

    Parameters
    ----------
    function
        Of a module, so that a new process finds it.
    jobs
        What it is called with, one after the other.
    workers
        Processes; with 1, or one job, all happens in this one.

    Yields
    ------
    Result

    Raises
    ------
    ValueError
        Fewer workers than one.
    RuntimeError
        A process has died, or could not start since the script that asked for it would start itself again.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; it must be at least 1")
    if workers == 1 or len(jobs) < 2:
        yield from map(function, jobs)
        return
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")  # read by the processes that are started
    others = set(active_children())
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_leave_interruptions_to_the_parent)
    try:
        for future in as_completed([pool.submit(function, job) for job in jobs]):
            yield future.result()
        pool.shutdown()
    except BrokenProcessPool:
        raise RuntimeError(BROKEN) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(active_children()) - others:
            process.terminate()
        for name, value in before.items():
            _set(name, value)


def _leave_interruptions_to_the_parent() -> None:
    """Ctrl-C reaches all processes of a terminal; only the one that was asked for the work answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
