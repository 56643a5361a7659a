"""Trains a block of runs and writes their record: runs.py DATASET OUTPUT JOB ASKED [continue].

JOB is an expansion.Block with the root seed and the training settings, ASKED is `config.origin`, both in JSON. A run that raises is
recorded too, with its message; its traceback goes to the log. What runs that met a limit need to go on is kept beside the record,
and taken up again with `continue`.
"""

import json
import platform
import sys
import traceback
from dataclasses import replace

import compile  # first: it says where numba keeps compiled code
import numba
import numpy
import scipy

from flatchannels.dynamics.training import initial, optimiser_of, train
from flatchannels.networks.network import Network
from flatchannels.pipeline import jobs
from flatchannels.runs.records import write_record
from flatchannels.storage import continuation, dataset_files, run_records
from flatchannels.storage.errors import RecordError


def main(dataset, output, job, asked, go_on):
    data, dataset_meta = dataset_files.read_dataset(dataset, asked)
    batch, samples = job.get("protocol", {}).get("batch", 0), len(data.y)
    if batch > samples:  # which the configuration alone does not tell of a dataset from a file
        where = f"sweeps.{job['sweep']} in the configuration"
        sys.exit(f"batch is {batch}; {job['dataset']} has {samples} samples, and no batch can be larger ({where})")
    compile.once()
    net = Network(job["dimension"], tuple(job["widths"]), job["activation"], job["bias"])
    net.derivatives(numpy.zeros(net.parameters), data)  # loads the kernels, before any clock runs

    meta = {key: job[key] for key in ["sweep", "dataset", "widths", "activation", "bias", "training", "seed"]}
    meta |= {"inputs": job["dimension"], "spec": dataset_meta["spec"], "data": dataset_meta["sha256"]}
    protocol = job.get("protocol", {})  # the default one has no name, and no place in the metadata
    meta |= {"protocol": protocol} if protocol else {}
    versions = {module.__name__: module.__version__ for module in (numpy, scipy, numba)}
    versions |= {"python": platform.python_version(), "flatchannels": compile.CACHE.parent.name}  # the fingerprint of the kernels
    origin = {"job": job, "versions": versions, "data": dataset_meta["sha256"]}
    try:
        earlier = continuation.read_unfinished(output, origin) if go_on else {}
    except RecordError as error:
        print(f"{error}; the runs start anew")
        earlier = {}

    runs = []
    for seed in range(job["first"], job["last"] + 1):
        start, before = None, earlier.get(seed)
        if before and not before.unfinished:
            runs.append(before)
            continue
        try:
            belongs = net, job["seed"], job["dataset"], seed, protocol
            start = initial(*belongs)
            run = train(net, data, start, **job["training"], optimiser=optimiser_of(*belongs), flow=before and before.flow)
            runs.append(replace(run, seed=seed))
        except Exception as error:
            traceback.print_exc()
            runs.append(run_records.Failure(seed, f"{type(error).__name__}: {error}", start))

    write_record(output, origin, meta | {"versions": versions, "cpu": compile.CPU}, runs)


if __name__ == "__main__":
    with jobs.mistakes_in_one_line():
        main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4]), sys.argv[5:] == ["continue"])
