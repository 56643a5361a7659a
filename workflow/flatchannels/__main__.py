"""The command `flatchannels`, also as python -m flatchannels."""

import sys


def main() -> int:
    """Run the command; until it answers Ctrl-C itself, which needs a second of imports, that ends the process at once and in silence.

    Returns
    -------
    int
        The exit code.
    """
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as in the background
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:  # in these first milliseconds
        return 130
    from flatchannels.cli import main as command

    return command()


if __name__ == "__main__":  # a process that imports this module, as multiprocessing does, must not run the command
    sys.exit(main())
