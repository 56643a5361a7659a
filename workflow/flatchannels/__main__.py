"""python -m flatchannels: the command `flatchannels`."""

import sys

from flatchannels.cli import main

if __name__ == "__main__":  # a process that imports this module, as multiprocessing does, must not run the command
    sys.exit(main())
