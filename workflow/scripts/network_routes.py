"""The routes to infinity of one network's runs: network_routes.py DATASET OUTPUT RECORD…"""

import sys

import compile  # first: it says where numba keeps compiled code

from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.studies import network_routes

dataset, output, *paths = sys.argv[1:]
compile.once()
table_files.write_table(output, ROUTES, network_routes.route_table(paths, dataset))
