"""Work for several processes: prepared once, ended at any moment, with the parent too."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flatchannels.runs.interruptions import Terminated, interruptions_held, raising_terminated
from flatchannels.runs.processes import THREADS, ProcessDied, results

ROOT = Path(__file__).parents[2]


def doubled(job):
    return 2 * job


def settings(job):
    return [os.environ.get(name) for name in THREADS]


def prepare():
    os.environ["PREPARED"] = str(os.getpid())


def prepared(job):
    return os.environ.get("PREPARED") == str(os.getpid())


def large(job):
    return bytes(50_000_000)  # far more than a pipe holds: whoever sends it is in the middle of it


def ended(job):
    os._exit(3)


def raises(job):
    raise KeyError("planted")


def unsendable(job):
    return lambda: job


def test_every_job_has_its_result():
    for workers, jobs in ((1, 3), (2, 1), (2, 9), (5, 3), (2, 0)):
        assert sorted(results(doubled, range(jobs), workers)) == [2 * job for job in range(jobs)]
    assert not multiprocessing.active_children()


def test_processes_have_one_thread_and_leave_the_setting_of_this_one(monkeypatch):
    monkeypatch.setenv(THREADS[0], "7")
    monkeypatch.delenv(THREADS[1], raising=False)
    assert list(results(settings, [1, 2], 2)) == [["1"] * len(THREADS)] * 2
    assert os.environ[THREADS[0]] == "7" and THREADS[1] not in os.environ


def test_each_process_is_prepared_before_its_first_job_and_this_one_first(monkeypatch):
    monkeypatch.setenv("PREPARED", "")
    assert all(results(prepared, [1, 2, 3], 2, prepare)) and prepared(None)


def test_an_end_in_the_middle_of_a_message_waits_for_nobody():
    for _ in range(3):
        answers = results(large, range(6), 3)
        assert len(next(answers)) == 50_000_000
        answers.close()
        assert not multiprocessing.active_children()


def test_a_process_that_dies_ends_the_work_with_one_line():
    with pytest.raises(ProcessDied, match="a process has ended before its work"):
        list(results(ended, [1, 2], 2))
    assert not multiprocessing.active_children()


def test_an_error_comes_with_the_place_where_it_was_raised():
    with pytest.raises(KeyError, match="planted") as caught:
        list(results(raises, [1, 2], 2))
    assert "in raises" in caught.value.__notes__[0]


def test_a_result_that_cannot_be_sent_is_an_error():
    with pytest.raises(Exception, match="pickle"):
        list(results(unsendable, [1, 2], 2))


SCRIPT = """
import os, sys, time
from flatchannels.runs.processes import results

def sleep(job):
    print(os.getpid(), flush=True)
    time.sleep(300)

if __name__ == "__main__":
    list(results(sleep, [1, 2], 2))
"""


def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    )
    assert process.stdout.readline() and process.stdout.readline()  # both are at work
    process.kill()
    process.communicate(timeout=60)  # returns once nobody holds the pipe: all are gone


def test_a_signal_within_raises_and_ends_as_before_after_it():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated, match="SIGTERM") as caught, raising_terminated():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM and signal.getsignal(signal.SIGTERM) == before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raising_terminated(), interruptions_held():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_for_what_is_done_whole(number):
    done = []
    with pytest.raises(KeyboardInterrupt), raising_terminated():
        with interruptions_held():
            signal.raise_signal(number)
            signal.raise_signal(number)
            time.sleep(0.01)
            done.append(True)
        done.append(False)
    assert done == [True]


def test_an_interruption_that_would_end_the_process_raises_within_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), raising_terminated():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)
