"""The jump procedure along the channel of Figure 5, chosen by tables of routes: jumps.py OUTPUT ROUTES…"""

import sys

import compile  # first: it says where numba keeps compiled code

from flatchannels.infinity import jumps
from flatchannels.reporting import routes
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import JUMPS, ROUTES

output, *tables = sys.argv[1:]
compile.once()
table_files.write_table(output, JUMPS, jumps.jump_table(routes.join([table_files.read_table(path, ROUTES) for path in tables])))
