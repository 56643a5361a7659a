"""Mistakes in a configuration that a schema cannot see, because they lie between several keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from operator import mul
from pathlib import Path

from flatchannels.pipeline import expansion, mistakes, protocols

# Folders in RESULTS: a preset of such a name would be among them.
TAKEN = {
    "benchmarks",
    "cache",
    "compiled.txt",
    "datasets",
    "figures",
    "from_tables",
    "logs",
    "published",
    "report",
    "report.html",
    "routes",
    "runs",
    "saddles",
    "scorecard.txt",
    "statistics",
    "sweeps",
    "toy",
}
DRAWN = ("normal", "uniform", "sphere")
OWN = "my_targets.py:function"  # stands for every target of that form
# Key of a dataset → the values of inputs or target with which it goes, and whether they need it.
BELONGS: dict[str, tuple[dict[str, tuple[str, ...]], bool]] = {
    "points": ({"inputs": ("grid",)}, True),
    "samples": ({"inputs": DRAWN}, True),
    "test_samples": ({"inputs": DRAWN, "target": ("file",)}, False),
    "covariance": ({"inputs": ("normal",)}, False),
    "scale": ({"target": ("gaussian-process",)}, True),
    "redraw": ({"target": ("gaussian-process",)}, False),
    "standardise": ({"target": ("gaussian-process", "teacher", "sinusoids", "file", OWN)}, False),
    "widths": ({"target": ("teacher",)}, True),
    "activation": ({"target": ("teacher",)}, True),
    "bias": ({"target": ("teacher",)}, False),
    "weight_scale": ({"target": ("teacher",)}, False),
    "terms": ({"target": ("sinusoids",)}, True),
    "frequency": ({"target": ("sinusoids",)}, True),
    "file": ({"target": ("file",)}, True),
    "target_column": ({"target": ("file",)}, False),
    "inputs": ({"target": ("rosenbrock", "gaussian-process", "teacher", "sinusoids", OWN)}, True),
}
LEAST_DIMENSION = {"rosenbrock": 2}  # target → of the inputs that it takes; 1 for others
MOST_JOBS = 200_000  # snakemake needs minutes and gigabytes to plan more


def inconsistencies(config: dict, targets: Iterable[str], place_is_given: bool) -> Iterator[str]:
    """A line for every mistake.

    Parameters
    ----------
    config : dict
        Keeps to the schema, with its defaults filled in.
    targets : iterable of str
        The names of targets that a dataset can have.
    place_is_given : bool
        Whether `results_dir` is the user's own, not a default.

    Yields
    ------
    str
    """
    yield from _wrong_place(config, place_is_given)
    for name, spec in config["datasets"].items():
        yield from _wrong_keys(f"datasets.{name}", spec, targets)
        yield from _wrong_names(f"datasets.{name}", spec)
        yield from _wrong_covariance(f"datasets.{name}.covariance", spec.get("covariance", []))
    for figures, sweep in config["figures"].items():
        if sweep not in config["sweeps"] and sweep != figures:  # the default, of a sweep that need not be there
            known = mistakes.known(sweep, list(config["sweeps"]))
            yield f"figures.{figures} is {mistakes.shown(sweep)}, which is not in sweeps{known}"
    yield from _wrong_sweeps(config)
    yield from _wrong_examples(config)


def _wrong_examples(config: dict) -> Iterator[str]:
    """A batch of the toy that is larger than its data; a plateau at a neuron, or in a run, that there is not."""
    toy, plateau = config["toy"], config["saddles"]["plateau"]
    if toy["batch"] > toy["samples"]:
        yield f"toy.batch is {toy['batch']}; toy.samples is {toy['samples']}, and no batch can be larger"
    if (neuron := plateau.get("neuron", 0)) >= plateau["width"]:
        yield f"saddles.plateau.neuron is {neuron}; it counts from 0, and a network of saddles.plateau.width {plateau['width']} has no such"
    sweep = config["sweeps"].get(config["figures"]["levels"], {"entries": []})
    last = max((entry.get("first_seed", 1) + entry["seeds"] - 1 for entry in sweep["entries"]), default=None)
    if last is not None and plateau.get("seed", 1) > last:
        yield f"saddles.plateau.seed is {plateau['seed']}; the seeds of the sweep {config['figures']['levels']} go to {last}"


def _wrong_place(config: dict, is_given: bool) -> Iterator[str]:
    """A folder of results that cannot be one: from `results_dir`, or without it from the preset's name."""
    words = "small and capital letters, digits, points, hyphens and underscores"
    place, preset = config["results_dir"], mistakes.shown(config["preset"])
    if is_given and not (re.fullmatch(r"/?[\w.-]+(/[\w.-]+)*", place, re.ASCII) and os.path.normpath(place) == place):
        yield f"results_dir is {mistakes.shown(place)}; it must be a path of {words}, such as results/mine"
    if not is_given and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,59}", config["preset"]):
        yield f"preset is {preset}; a folder has its name, of at most 60 {words}. Or name another folder: results_dir"
    elif not is_given and config["preset"] in TAKEN:
        yield f"preset is {preset}, which other results have for a name; choose another, or name a folder: results_dir"
    for path in map(str, (Path(place), *Path(place).parents)):
        if os.path.lexists(path) and not os.path.isdir(path):
            yield f"results_dir is {mistakes.shown(place)}, but {mistakes.shown(path)} is a file; name another folder, or move that file"


def _wrong_keys(where: str, spec: dict, targets: Iterable[str]) -> Iterator[str]:
    """Mistakes in the keys of a dataset: an unknown target, keys that are missing, keys that belong to others."""
    own = re.fullmatch(r".+\.py:[A-Za-z_]\w*", spec["target"]) is not None
    if not own and spec["target"] not in targets:
        yield f"{where}.target is {mistakes.shown(spec['target'])}{mistakes.known(spec['target'], [*targets, OWN])}"
        return
    given = {"target": OWN if own else spec["target"], "inputs": spec.get("inputs")}
    lacks_inputs = "inputs" not in spec and given["target"] in BELONGS["inputs"][0]["target"]  # which is said once
    for key, (homes, required) in BELONGS.items():
        home = next((rule for rule, values in homes.items() if given[rule] in values), None)
        if home and required and key not in spec:
            yield f"{where} lacks the key {key}, which {home} {given[home]} needs"
        if not home and key in spec and not ("inputs" in homes and lacks_inputs):
            goes = " or ".join(f"{rule} {', '.join(values)}" for rule, values in homes.items())
            found = given[next(iter(homes))] or given["target"]
            yield f"{where}.{key} is {mistakes.shown(spec[key])}; that key goes with {goes}, not with {found}"


def _wrong_names(where: str, spec: dict) -> Iterator[str]:
    """Names of files that snakemake cannot take: of those with braces it would make patterns."""
    if spec.get("file") == "":
        yield f"{where}.file is empty; it must be the name of a file, from where the pipeline runs"
    for key in ("file", "target"):
        if re.search("[{}]", spec.get(key, "")):
            yield f"{where}.{key} is {mistakes.shown(spec[key])}; the name of a file cannot have braces: rename it"


def _wrong_covariance(where: str, rows: list[list[float]]) -> Iterator[str]:
    """What is no covariance matrix, whatever the dimension; the first reason for it."""
    size = len(rows)
    for number, row in enumerate(rows):
        if len(row) != size:
            yield f"{where}[{number}] has {len(row)} numbers; it must have as many as there are rows, {size}"
            return
    for i, j in combinations(range(size), 2):
        if rows[i][j] != rows[j][i]:
            yield f"{where} has {rows[i][j]} at [{i}][{j}] and {rows[j][i]} at [{j}][{i}]; it must be symmetric"
            return
    if not _is_positive_definite(rows):
        yield f"{where} is {mistakes.shown(rows)}; it must be positive definite: no combination of the inputs with a variance of 0 or less"


def _is_positive_definite(rows: list[list[float]]) -> bool:
    """Whether a symmetric matrix has a Cholesky factor. (NumPy's would have to be imported by every call of snakemake.)"""
    factor: list[list[float]] = []
    for number, row in enumerate(rows):
        new: list[float] = []
        for earlier in factor:
            new.append((row[len(new)] - sum(map(mul, new, earlier))) / earlier[len(new)])
        pivot = row[number] - sum(map(mul, new, new))
        if not pivot > 0:
            return False
        factor.append([*new, pivot**0.5])
    return True


def _wrong_sweeps(config: dict) -> Iterator[str]:
    """Entries that ask for what a dataset cannot give, twice for one thing, or for too much."""
    names: dict[str, str] = {}  # of a dataset's file → of the dataset
    jobs = 0
    for sweep, settings in config["sweeps"].items():
        seen: dict[str, int] = {}  # folder of runs → index of the entry that asks for it
        for index, entry in enumerate(settings["entries"]):
            where = f"sweeps.{sweep}.entries[{index}]"
            yield from protocols.wrong_keys(where, entry)
            if entry["dataset"] not in config["datasets"]:
                known = mistakes.known(entry["dataset"], list(config["datasets"]))
                yield f"{where}.dataset is {mistakes.shown(entry['dataset'])}, which is not in datasets{known}"
                continue
            yield from _wrong_dimensions(where, entry, config["datasets"][entry["dataset"]])
            yield from protocols.wrong_batches(where, entry, config["datasets"][entry["dataset"]])
            jobs_of_network = -(-entry["seeds"] // expansion.seeds_per_block(config, sweep, entry))
            for block in expansion.blocks_of_entry(config, sweep, entry | {"seeds": 1}):
                jobs += jobs_of_network
                yield from _taken_names(where, index, entry["dataset"], block, names, seen)
    if jobs > MOST_JOBS:
        yield f"sweeps asks for {jobs} jobs, more than {MOST_JOBS}; set seeds_per_job higher, or seeds lower"


def _wrong_dimensions(where: str, entry: dict, spec: dict) -> Iterator[str]:
    """Dimensions of inputs in which a dataset cannot be made."""
    for dimension in expansion.listed(entry["dimension"]):
        if spec.get("inputs") == "grid" and dimension != 2:
            yield f"{where}.dimension is {dimension}; {entry['dataset']} has inputs grid, which are of dimension 2 only"
        elif dimension < LEAST_DIMENSION.get(spec["target"], 1):
            yield f"{where}.dimension is {dimension}; the target {spec['target']} needs at least {LEAST_DIMENSION[spec['target']]}"
        elif "covariance" in spec and dimension != (rows := len(spec["covariance"])):
            yield f"{where}.dimension is {dimension}; datasets.{entry['dataset']}.covariance has {rows} rows, one for each input"


def _taken_names(
    where: str, index: int, dataset: str, block: expansion.Block, names: dict[str, str], seen: dict[str, int]
) -> Iterator[str]:
    """A file of data or a folder of runs that an earlier entry asks for; `names` and `seen` know these and learn the new ones."""
    if names.setdefault(block.dataset, dataset) != dataset:
        file = f"{block.dataset}.npz"
        yield f"datasets.{dataset} in dimension {block.dimension} has the same file name, {file}, as datasets.{names[block.dataset]}"
    if seen.setdefault(block.folder, index) != index:
        yield f"{where} asks again for runs of entries[{seen[block.folder]}]: {block.folder}"
