"""Makes one dataset: dataset.py OUTPUT JOB, with JOB = {name, dimension, spec, seed} in JSON."""

import json
import sys

from flatchannels import datasets, records

output, job = sys.argv[1], json.loads(sys.argv[2])
dataset = datasets.make(job["spec"], job["dimension"], job["seed"], job["name"])
records.write_dataset(output, dataset, job)
