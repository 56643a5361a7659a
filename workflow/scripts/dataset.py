"""Makes one dataset: dataset.py OUTPUT JOB, with JOB = {name, dimension, spec, seed} in JSON.

Draws of Gaussian processes need torch. Where this interpreter lacks it, the one that `make gp-environment` made takes over.
"""

import json
import os
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path

from flatchannels.data import datasets, gaussian_process
from flatchannels.pipeline import jobs
from flatchannels.storage import dataset_files


def main(output, job):
    other = Path(__file__).parents[2] / gaussian_process.ENVIRONMENT / "bin" / "python"
    if job["spec"]["target"] == "gaussian-process" and not find_spec("gpytorch"):
        if not other.exists() or Path(sys.prefix) == other.parents[1]:
            sys.exit(f"{job['name']} cannot be made. {gaussian_process.MISSING}")
        os.execv(other, [str(other), *sys.argv])
    try:
        train, test = datasets.make_with_test(job["spec"], job["dimension"], job["seed"], job["name"])
    except ValueError as error:
        if error.__cause__:  # raised by a function of the user's own
            traceback.print_exception(error.__cause__)
        sys.exit(f"{error} (datasets in the configuration)")
    dataset_files.write_dataset(output, train, job, test)


if __name__ == "__main__":
    with jobs.mistakes_in_one_line():
        main(sys.argv[1], json.loads(sys.argv[2]))
