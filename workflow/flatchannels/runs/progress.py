"""How far long work is, in one line on standard error."""

import sys
import time

EVERY = 0.5  # seconds between two lines
BAR = 24  # characters of the bar


class Progress:
    """Called with how many are done and of how many: a bar on a terminal and in a notebook, elsewhere a line a minute."""

    def __init__(self, what: str) -> None:
        self.what, self.live, self.started = what, sys.stderr.isatty() or _in_a_notebook(), time.monotonic()
        self.last = self.started
        self.first: tuple[int, float] | None = None  # how many were done at the first call, and when

    def __call__(self, done: int, of: int) -> None:
        """Tell it, unless it has just been told."""
        now = time.monotonic()
        before, begin = self.first or (done - 1, self.started)  # what was done before, perhaps by others, tells no time
        self.first = self.first or (done, now)
        if now - self.last < (EVERY if self.live else 60.0) and not (self.live and done == of):
            return
        self.last = now
        each = (now - begin) / max(done - before, 1)
        left = f", about {each * (of - done):.0f} s left" if 0 < done < of else ""
        text = f"{done} of {of} {self.what}{left}"
        if self.live:
            bar = "█" * (BAR * done // max(of, 1))
            print(f"\r\033[K{bar:·<{BAR}} {text}", end="\n" if done == of else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


def _in_a_notebook() -> bool:
    """Whether standard error is that of a kernel of Jupyter, which writes a line over as a terminal does."""
    return type(sys.stderr).__module__.startswith("ipykernel")
