"""The jump procedure along the channel of Figure 5: jumps.py ROUTES OUTPUT. The channel is chosen by the table of routes."""

import sys

import compile  # first: it sets numba's cache, and makes imports faster

from flatchannels import jumps, records

routes, output = sys.argv[1:]
compile.once()
records.write_table(output, "jumps", jumps.make(records.read_table(routes, "routes")))
