"""Signals that end a command: answered as Ctrl-C is, and held back while files are written that belong together."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP


class Terminated(KeyboardInterrupt):
    """Somebody ended this process: a batch system by SIGTERM, a terminal that was closed by SIGHUP.

    Attributes
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


@contextmanager
def raising_terminated() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP raise `Terminated` in the main thread, and SIGINT KeyboardInterrupt.

    Each does so where it would have ended the process at once. A signal that is ignored, as nohup does, stays so.
    """
    handlers = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(ENDING, _raise)}
    mine = handlers if threading.current_thread() is threading.main_thread() else {}
    before = {number: signal.signal(number, mine[number]) for number in mine if signal.getsignal(number) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptions_held() -> Iterator[None]:
    """What is within it is done whole: Ctrl-C, SIGTERM and SIGHUP are answered after it, once."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    mine = (signal.SIGINT, *ENDING) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, note) for number in mine if callable(signal.getsignal(number))}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)
