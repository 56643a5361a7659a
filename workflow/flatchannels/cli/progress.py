"""How far long work is, in one line on standard error."""

import sys
import time

EVERY = 0.5  # seconds between two lines


class Progress:
    """Called with how many are done and of how many. On a terminal the line is written over; elsewhere there is a line a minute."""

    def __init__(self, what: str) -> None:
        self.what, self.terminal, self.started = what, sys.stderr.isatty(), time.monotonic()
        self.last = self.started

    def __call__(self, done: int, of: int) -> None:
        """Tell it, unless it has just been told."""
        now = time.monotonic()
        if now - self.last < (EVERY if self.terminal else 60.0) and not (self.terminal and done == of):
            return
        self.last = now
        left = f", about {(now - self.started) / done * (of - done):.0f} s left" if 0 < done < of else ""
        text = f"{done} of {of} {self.what}{left}"
        if self.terminal:
            print(f"\r\033[K{text}", end="\n" if done == of else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
