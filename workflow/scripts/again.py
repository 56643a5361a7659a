"""Makes one run afresh, with its route to infinity: again.py DATASET RECORD ROUTES JOB ASKED, as runs.py, for `make verify`."""

import json
import sys

import runs  # first: it says where numba keeps compiled code

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.studies import network_routes


def main(dataset, record, routes, job, asked):
    runs.main(dataset, record, job, asked, go_on=False)
    table_files.write_table(routes, ROUTES, network_routes.route_table([record], dataset))


if __name__ == "__main__":
    with jobs.mistakes_in_one_line():
        main(*sys.argv[1:4], json.loads(sys.argv[4]), json.loads(sys.argv[5]))
