"""Makes one dataset: dataset.py OUTPUT JOB, with JOB = {name, dimension, spec, seed} in JSON.

Draws of Gaussian processes need torch. Where this interpreter lacks it, the one that `make gp-environment` made takes over.
"""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from flatchannels.data import datasets, gaussian_process
from flatchannels.storage import records

output, job = sys.argv[1], json.loads(sys.argv[2])
other = Path(__file__).parents[2] / gaussian_process.ENVIRONMENT / "bin" / "python"
if job["spec"]["target"] == "gaussian-process" and not find_spec("gpytorch"):
    if not other.exists() or Path(sys.prefix) == other.parents[1]:
        sys.exit(f"{job['name']} cannot be made. {gaussian_process.MISSING}")
    os.execv(other, [str(other), *sys.argv])
test = job["spec"].get("test_samples", 0)
x, y = datasets.draw(job["spec"], job["dimension"], job["seed"], job["name"], test)
train, fresh = slice(len(y) - test), slice(len(y) - test, None)
data = SimpleNamespace(x=x[train], y=y[train], weights=np.full(len(y) - test, 1 / (len(y) - test)))
records.write_dataset(output, data, job, SimpleNamespace(x=x[fresh], y=y[fresh]) if test else None)
